//! A worker by hand: takes one workflow task and answers it as told.
//!
//! It runs no workflow code, so that a test decides at which moment a run continues as new.

use std::time::Duration;

use temporalio_client::{Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::command::v1::{
    Command, ContinueAsNewWorkflowExecutionCommandAttributes, command::Attributes,
};
use temporalio_common::protos::temporal::api::common::v1::WorkflowType;
use temporalio_common::protos::temporal::api::enums::v1::CommandType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest,
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

    async fn answer(&self, commands: Vec<Command>) {
        let mut service = self.connection.workflow_service();
        let task_token = loop {
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
                break token;
            }
        };
        let completed = RespondWorkflowTaskCompletedRequest {
            task_token,
            commands,
            identity: "hand".to_owned(),
            namespace: "default".to_owned(),
            ..Default::default()
        };
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
