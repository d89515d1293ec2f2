//! A worker that runs no code: it lets workflows be and answers every query at once with the same JSON.
//!
//! Without a cache of workflows, so that no query goes to a queue of one worker alone and waits there for its turn:
//! what is measured is the way to the worker and back, and not the worker.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use temporalio_client::Client;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};
use temporalio_common::protos::temporal::api::enums::v1::QueryResultType;
use temporalio_common::protos::temporal::api::query::v1::WorkflowQueryResult;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondQueryTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest,
};
use tokio::task::JoinSet;
use tonic::Request;

use super::Failure;

pub(crate) const TASK_QUEUE: &str = "answered-at-once";
const POLL: Duration = Duration::from_millis(10);
const ANSWER: &[u8] =
    br#"{"order":"42","paid":{"payment":"pi_1","amount":4999},"shipped":null,"signals":1}"#;

/// Works until dropped.
pub(crate) struct Answerer {
    /// Workflow tasks that are over.
    proceeded: Arc<AtomicUsize>,
    _pollers: JoinSet<()>,
}

impl Answerer {
    pub(crate) fn start(client: &Client, pollers: usize) -> Self {
        let mut tasks = JoinSet::new();
        let proceeded: Arc<AtomicUsize> = Arc::default();
        for _ in 0..pollers {
            let (client, proceeded) = (client.clone(), Arc::clone(&proceeded));
            tasks.spawn(async move {
                loop {
                    if let Err(error) = one_task(&client, &proceeded).await {
                        println!("a task failed: {error}");
                    }
                }
            });
        }
        Self {
            proceeded,
            _pollers: tasks,
        }
    }

    /// Waits until so many workflow tasks are over: a query that meets a first task now and then waits for ten seconds.
    pub(crate) async fn until_proceeded(&self, count: usize) {
        while self.proceeded.load(Ordering::Relaxed) < count {
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn one_task(client: &Client, proceeded: &AtomicUsize) -> Result<(), Failure> {
    let mut service = client.connection().workflow_service();
    let poll = PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: Some(TaskQueue {
            name: TASK_QUEUE.to_owned(),
            ..TaskQueue::default()
        }),
        identity: "bench".to_owned(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let task = service.poll_workflow_task_queue(Request::new(poll)).await?;
    let task = task.into_inner();
    if task.task_token.is_empty() {
        // Nothing came while it was asked.
    } else if task.query.is_some() {
        let told = RespondQueryTaskCompletedRequest {
            task_token: task.task_token,
            completed_type: QueryResultType::Answered.into(),
            query_result: Some(answer()),
            namespace: "default".to_owned(),
            ..RespondQueryTaskCompletedRequest::default()
        };
        service
            .respond_query_task_completed(Request::new(told))
            .await?;
    } else {
        let done = proceed(task);
        service
            .respond_workflow_task_completed(Request::new(done))
            .await?;
        proceeded.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The workflow does nothing; queries that came along with its task are answered.
fn proceed(task: PollWorkflowTaskQueueResponse) -> RespondWorkflowTaskCompletedRequest {
    let result = || WorkflowQueryResult {
        result_type: QueryResultType::Answered.into(),
        answer: Some(answer()),
        ..WorkflowQueryResult::default()
    };
    RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        query_results: task.queries.into_keys().map(|id| (id, result())).collect(),
        identity: "bench".to_owned(),
        namespace: "default".to_owned(),
        ..RespondWorkflowTaskCompletedRequest::default()
    }
}

fn answer() -> Payloads {
    let payload = Payload {
        metadata: HashMap::from([("encoding".to_owned(), b"json/plain".to_vec())]),
        data: ANSWER.to_vec(),
        ..Payload::default()
    };
    Payloads {
        payloads: vec![payload],
    }
}
