//! A Temporal dev server with open workflows that nobody runs: each takes signals and keeps them.

use std::path::Path;

use signalpost::devserver::{DevServer, Options, binary};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::common::v1::WorkflowType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;
use tonic::Request;

use super::Failure;

/// The server that `TEMPORAL_ADDRESS` names, or one of our own, which ends when dropped.
pub(crate) struct Temporal {
    pub(crate) address: String,
    _server: Option<DevServer>,
}

impl Temporal {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let silent = |_: &str| {};
        Ok(match binary::find(&folder, &silent).await? {
            binary::Found::Address(address) => Self {
                address,
                _server: None,
            },
            binary::Found::Program(binary) => {
                let server = DevServer::start(&Options {
                    binary,
                    ..Options::default()
                })
                .await?;
                Self {
                    address: server.address(),
                    _server: Some(server),
                }
            }
        })
    }

    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        connect(&self.address).await
    }
}

async fn connect(address: &str) -> Result<Client, Failure> {
    let url: temporalio_client::Url = format!("http://{address}").parse()?;
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await?;
    Ok(Client::new(
        connection,
        ClientOptions::new("default").build(),
    )?)
}

pub(crate) async fn start_workflow(client: &Client, id: &str) -> Result<(), Failure> {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType {
            name: "Order".to_owned(),
        }),
        task_queue: Some(TaskQueue {
            name: "nobody-polls".to_owned(),
            ..TaskQueue::default()
        }),
        request_id: uuid::Uuid::new_v4().to_string(),
        ..StartWorkflowExecutionRequest::default()
    };
    let mut service = client.connection().workflow_service();
    service
        .start_workflow_execution(Request::new(request))
        .await?;
    Ok(())
}
