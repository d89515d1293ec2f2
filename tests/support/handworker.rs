//! A worker by hand: takes one workflow task and answers it as told, or queries.
//!
//! It runs no workflow code, so that a test decides at which moment a run continues as new, and which handlers it has.

use std::time::Duration;

use temporalio_client::{Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::command::v1::{
    Command, ContinueAsNewWorkflowExecutionCommandAttributes, command::Attributes,
};
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads, WorkflowType};
use temporalio_common::protos::temporal::api::enums::v1::{CommandType, QueryResultType};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueRequest, RespondQueryTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest,
};
use tonic::Request;

pub(crate) struct HandWorker {
    connection: Connection,
    queue: String,
}

impl HandWorker {
    pub(crate) async fn new(address: &str, queue: &str) -> Self {
        let url = format!("http://{address}");
        let options = ConnectionOptions::new(url.parse::<temporalio_client::Url>().unwrap());
        Self {
            connection: Connection::connect(options.build()).await.unwrap(),
            queue: queue.to_owned(),
        }
    }

    pub(crate) fn task_queue(&self) -> &str {
        &self.queue
    }

    /// Completes the next task without a command.
    pub(crate) async fn proceed(&self) {
        self.answer(Vec::new()).await;
    }

    /// Completes the next task by a new run of the same workflow.
    pub(crate) async fn continue_as_new(&self, workflow_type: &str) {
        let attributes = ContinueAsNewWorkflowExecutionCommandAttributes {
            workflow_type: Some(WorkflowType {
                name: workflow_type.to_owned(),
            }),
            task_queue: Some(self.queue()),
            ..Default::default()
        };
        let command = Command {
            command_type: CommandType::ContinueAsNewWorkflowExecution.into(),
            attributes: Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(
                attributes,
            )),
            ..Default::default()
        };
        self.answer(vec![command]).await;
    }

    /// Answers queries with this JSON, each as it comes, until dropped.
    pub(crate) async fn answer_queries(&self, json: &str) {
        let payload = Payload {
            metadata: [("encoding".to_owned(), b"json/protobuf".to_vec())].into(),
            data: json.as_bytes().to_vec(),
            ..Payload::default()
        };
        loop {
            let answered = RespondQueryTaskCompletedRequest {
                task_token: self.poll().await,
                completed_type: QueryResultType::Answered.into(),
                query_result: Some(Payloads {
                    payloads: vec![payload.clone()],
                }),
                namespace: "default".to_owned(),
                ..Default::default()
            };
            let mut service = self.connection.workflow_service();
            let answered = service.respond_query_task_completed(Request::new(answered));
            answered.await.unwrap();
        }
    }

    /// The token of the next task.
    async fn poll(&self) -> Vec<u8> {
        let mut service = self.connection.workflow_service();
        loop {
            let mut request = Request::new(PollWorkflowTaskQueueRequest {
                namespace: "default".to_owned(),
                task_queue: Some(self.queue()),
                identity: "hand".to_owned(),
                ..Default::default()
            });
            request.set_timeout(Duration::from_secs(20));
            let polled = service.poll_workflow_task_queue(request).await.unwrap();
            let token = polled.into_inner().task_token;
            if !token.is_empty() {
                return token;
            }
        }
    }

    async fn answer(&self, commands: Vec<Command>) {
        let task_token = self.poll().await;
        let completed = RespondWorkflowTaskCompletedRequest {
            task_token,
            commands,
            identity: "hand".to_owned(),
            namespace: "default".to_owned(),
            ..Default::default()
        };
        let mut service = self.connection.workflow_service();
        service
            .respond_workflow_task_completed(Request::new(completed))
            .await
            .unwrap();
    }

    fn queue(&self) -> TaskQueue {
        TaskQueue {
            name: self.queue.clone(),
            ..Default::default()
        }
    }
}
