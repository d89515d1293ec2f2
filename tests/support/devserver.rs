//! One real Temporal for the whole run of the tests, and a client to look at it with.

use std::path::Path;

use signalpost::devserver::{DevServer, Options, binary};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::common::v1::{
    Payloads, WorkflowExecution, WorkflowType,
};
use temporalio_common::protos::temporal::api::history::v1::{
    WorkflowExecutionSignaledEventAttributes, history_event::Attributes,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryRequest, StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
};
use tokio::sync::OnceCell;
use tonic::Request;

/// Ends when the test process does: its watchdog sees to that.
static SERVER: OnceCell<(Option<DevServer>, String)> = OnceCell::const_new();

/// The address of a server that answers; the first caller starts it.
pub(crate) async fn address() -> &'static str {
    let (_, address) = SERVER
        .get_or_init(|| async {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
            let found = binary::find(&directory, &|line| eprintln!("{line}")).await;
            match found.expect("a Temporal to test against") {
                binary::Found::Address(address) => (None, address),
                binary::Found::Program(binary) => {
                    let options = Options {
                        binary,
                        ..Options::default()
                    };
                    let server = DevServer::start(&options).await.expect("it starts");
                    let address = server.address();
                    (Some(server), address)
                }
            }
        })
        .await;
    address
}

/// Looks at the server, and does to workflows what Signalpost itself never does.
pub(crate) struct Observer {
    client: Client,
}

impl Observer {
    /// Of the server that all tests share.
    pub(crate) async fn new() -> Self {
        Self::at(address().await).await
    }

    pub(crate) async fn at(address: &str) -> Self {
        let url = format!("http://{address}");
        let options = ConnectionOptions::new(url.parse::<temporalio_client::Url>().unwrap());
        let connection = Connection::connect(options.build()).await.unwrap();
        let options = ClientOptions::new("default").build();
        let client = Client::new(connection, options).unwrap();
        Self { client }
    }

    /// A workflow that no worker ever takes up.
    pub(crate) async fn start(&self, workflow: &str) {
        self.start_on("nobody-polls", "Order", workflow, None).await;
    }

    pub(crate) async fn start_on(
        &self,
        task_queue: &str,
        workflow_type: &str,
        workflow: &str,
        input: Option<Payloads>,
    ) {
        let request = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: workflow.to_owned(),
            workflow_type: Some(WorkflowType {
                name: workflow_type.to_owned(),
            }),
            input,
            task_queue: Some(TaskQueue {
                name: task_queue.to_owned(),
                ..Default::default()
            }),
            request_id: uuid::Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        service
            .start_workflow_execution(Request::new(request))
            .await
            .unwrap();
    }

    pub(crate) async fn close(&self, workflow: &str) {
        let request = TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: Some(run(workflow)),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        service
            .terminate_workflow_execution(Request::new(request))
            .await
            .unwrap();
    }

    /// The signals in the history of the workflow's latest run.
    pub(crate) async fn signals(
        &self,
        workflow: &str,
    ) -> Vec<WorkflowExecutionSignaledEventAttributes> {
        let mut signals = Vec::new();
        let mut page = Vec::new();
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: "default".to_owned(),
                execution: Some(run(workflow)),
                next_page_token: page,
                ..Default::default()
            };
            let mut service = self.client.connection().workflow_service();
            let answer = service
                .get_workflow_execution_history(Request::new(request))
                .await
                .unwrap()
                .into_inner();
            for event in answer.history.unwrap_or_default().events {
                if let Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) =
                    event.attributes
                {
                    signals.push(signal);
                }
            }
            page = answer.next_page_token;
            if page.is_empty() {
                return signals;
            }
        }
    }
}

fn run(workflow: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: workflow.to_owned(),
        run_id: String::new(),
    }
}
