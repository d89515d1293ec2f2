//! A Temporal dev server, and open workflows on it.

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
        Self::start_with(Vec::new()).await
    }

    /// `config`: values of the server's dynamic config.
    pub(crate) async fn start_with(config: Vec<(String, String)>) -> Result<Self, Failure> {
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
                    dynamic_config: config,
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

pub(crate) async fn connect(address: &str) -> Result<Client, Failure> {
    let url: temporalio_client::Url = format!("http://{address}").parse()?;
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await?;
    Ok(Client::new(
        connection,
        ClientOptions::new("default").build(),
    )?)
}

/// One that nobody runs.
pub(crate) async fn start_workflow(client: &Client, id: &str) -> Result<(), Failure> {
    start_workflow_on(client, "nobody-polls", id).await
}

pub(crate) async fn start_workflow_on(
    client: &Client,
    task_queue: &str,
    id: &str,
) -> Result<(), Failure> {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType {
            name: "Order".to_owned(),
        }),
        task_queue: Some(TaskQueue {
            name: task_queue.to_owned(),
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
