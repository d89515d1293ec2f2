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
    DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest, ResetWorkflowExecutionRequest, StartWorkflowExecutionRequest,
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

/// One run, as its history has it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) signals: Vec<WorkflowExecutionSignaledEventAttributes>,
    pub(crate) input: Payloads,
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

    /// The id of the present run.
    pub(crate) async fn run_id(&self, workflow: &str) -> String {
        let request = DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: Some(run(workflow)),
        };
        let mut service = self.client.connection().workflow_service();
        let described = service
            .describe_workflow_execution(Request::new(request))
            .await
            .unwrap()
            .into_inner();
        let info = described.workflow_execution_info.unwrap();
        info.execution.unwrap().run_id
    }

    /// Resets the present run to the end of a workflow task; the id of the run that takes over.
    pub(crate) async fn reset(&self, workflow: &str, finished_task: i64) -> String {
        let request = ResetWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: Some(run(workflow)),
            reason: "test".to_owned(),
            workflow_task_finish_event_id: finished_task,
            request_id: uuid::Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        let reset = service.reset_workflow_execution(Request::new(request));
        reset.await.unwrap().into_inner().run_id
    }

    /// Waits until visibility knows that a run has closed.
    pub(crate) async fn until_listed_closed(&self, run_id: &str) {
        super::eventually("the run is listed as closed", || async {
            let request = ListWorkflowExecutionsRequest {
                namespace: "default".to_owned(),
                query: format!("RunId = '{run_id}' AND ExecutionStatus != 'Running'"),
                ..Default::default()
            };
            let mut service = self.client.connection().workflow_service();
            let listed = service
                .list_workflow_executions(Request::new(request))
                .await;
            !listed.unwrap().into_inner().executions.is_empty()
        })
        .await;
    }

    /// How many signals stand in the present run and in those that it continues.
    pub(crate) async fn all_signals(&self, workflow: &str) -> usize {
        let chain = self.chain(workflow).await;
        chain.iter().map(|run| run.signals.len()).sum()
    }

    /// The present run and those that it continues, the first one first.
    pub(crate) async fn chain(&self, workflow: &str) -> Vec<Run> {
        let mut chain = Vec::new();
        let mut execution = run(workflow);
        loop {
            let mut found = Run::default();
            for attributes in self.history(execution.clone()).await {
                match attributes {
                    Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
                        found.signals.push(signal);
                    }
                    Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                        execution.run_id = started.continued_execution_run_id;
                        found.input = started.input.unwrap_or_default();
                    }
                    _ => {}
                }
            }
            chain.push(found);
            if execution.run_id.is_empty() {
                chain.reverse();
                return chain;
            }
        }
    }

    /// The signals in the history of the workflow's latest run.
    pub(crate) async fn signals(
        &self,
        workflow: &str,
    ) -> Vec<WorkflowExecutionSignaledEventAttributes> {
        let history = self.history(run(workflow)).await.into_iter();
        let signals = history.filter_map(|attributes| match attributes {
            Attributes::WorkflowExecutionSignaledEventAttributes(signal) => Some(signal),
            _ => None,
        });
        signals.collect()
    }

    async fn history(&self, execution: WorkflowExecution) -> Vec<Attributes> {
        let mut events = Vec::new();
        let mut page = Vec::new();
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: "default".to_owned(),
                execution: Some(execution.clone()),
                next_page_token: page,
                ..Default::default()
            };
            let mut service = self.client.connection().workflow_service();
            let answer = service
                .get_workflow_execution_history(Request::new(request))
                .await
                .unwrap()
                .into_inner();
            let history = answer.history.unwrap_or_default().events.into_iter();
            events.extend(history.filter_map(|event| event.attributes));
            page = answer.next_page_token;
            if page.is_empty() {
                return events;
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
