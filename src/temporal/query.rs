//! A question, put with a [`Permit`] and in no other way.
//!
//! Strongly consistent. One attempt, but for a workflow that is being asked something else: the server holds back one
//! query for each. When nobody answers, the query itself cannot tell a slow worker from none: two cheap questions
//! afterwards do, within the caller's time. Imports `access`, `chance` and `clock`.

use std::time::Duration;

use serde_json::value::RawValue;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution};
use temporalio_common::protos::temporal::api::enums::v1::{
    PendingWorkflowTaskState, TaskQueueType,
};
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::taskqueue::v1::{PollerInfo, TaskQueue};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeTaskQueueRequest, DescribeWorkflowExecutionResponse, QueryWorkflowRequest,
    QueryWorkflowResponse,
};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::error::{self, Detail};
use super::run::{self, RunState};
use super::signal::payloads;
use super::{FailureKind, QueryError, Temporal};
use crate::access::{Kind, Permit};
use crate::chance;
use crate::clock::{self, Timestamp};

/// Most of the caller's time that is kept for the questions after a timeout.
const MOST_FOR_DIAGNOSIS: Duration = Duration::from_millis(500);
/// An idle worker polls once a minute; one not seen for longer is gone.
const POLLER_SEEN: Duration = Duration::from_secs(65);
/// First and longest pause before a busy workflow is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// A failed query, before the questions that some failures need.
#[derive(Debug, PartialEq)]
enum Verdict {
    Known(QueryError),
    /// Nobody answered in time.
    TimedOut,
    /// The workflow has no completed task to replay.
    NotReady,
}

/// A question as it is put. Whoever makes one has a [`Permit`], or asks for nothing but the names of handlers.
pub(super) struct Question<'q> {
    pub(super) namespace: &'q str,
    pub(super) execution: WorkflowExecution,
    pub(super) query: &'q str,
    pub(super) args: Payloads,
}

impl Question<'_> {
    fn message(&self) -> QueryWorkflowRequest {
        QueryWorkflowRequest {
            namespace: self.namespace.to_owned(),
            execution: Some(self.execution.clone()),
            query: Some(WorkflowQuery {
                query_type: self.query.to_owned(),
                query_args: Some(self.args.clone()),
                header: None,
            }),
            ..Default::default()
        }
    }
}

impl Temporal {
    /// The answer as JSON text, or why there is none, within `time`. Only a [`Permit`] asks.
    pub async fn ask(&self, permit: &Permit, time: Duration) -> Result<String, QueryError> {
        match permit.kind() {
            Kind::Query => self.query(permit, time).await,
            Kind::Status => self.workflow_status(permit, time).await,
        }
    }

    async fn query(&self, permit: &Permit, time: Duration) -> Result<String, QueryError> {
        let args =
            payloads(permit.args()).map_err(|failure| QueryError::Failed(failure.message))?;
        let question = Question {
            namespace: permit.namespace(),
            execution: asked_run(permit),
            query: permit.query(),
            args,
        };
        self.put(question, time).await
    }

    pub(super) async fn put(
        &self,
        question: Question<'_>,
        time: Duration,
    ) -> Result<String, QueryError> {
        let end = Instant::now() + time;
        let for_diagnosis = (time / 4).min(MOST_FOR_DIAGNOSIS);
        let message = question.message();
        let status = match self.query_until(end - for_diagnosis, message).await {
            Ok(answer) => return result(answer),
            Err(status) => status,
        };
        match verdict(&status) {
            Verdict::Known(error) => {
                if matches!(error, QueryError::Unreachable(_)) {
                    self.failed(&status, "");
                }
                Err(error)
            }
            Verdict::NotReady => Err(self.why_not_ready(&question, end).await),
            Verdict::TimedOut => Err(self.why_no_answer(&question, end).await),
        }
    }

    /// Asks; once more after a pause for as long as the server says that the workflow is being asked something else.
    async fn query_until(
        &self,
        end: Instant,
        message: QueryWorkflowRequest,
    ) -> Result<QueryWorkflowResponse, Status> {
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self
                .link
                .call(
                    "QueryWorkflow",
                    left(end),
                    message.clone(),
                    |service, request| service.query_workflow(request),
                )
                .await;
            let busy = answer
                .as_ref()
                .is_err_and(|status| error::classify(status, "").kind == FailureKind::BusyWorkflow);
            if !busy || left(end) <= pause {
                return answer;
            }
            tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * chance::fraction())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A workflow that closed before its first task will never answer; any other may.
    async fn why_not_ready(&self, question: &Question<'_>, end: Instant) -> QueryError {
        let namespace = question.namespace;
        match self
            .describe_run(namespace, question.execution.clone(), left(end))
            .await
        {
            Ok(described) if run::run(&described).state != RunState::Open => {
                QueryError::Failed("the workflow closed before it could be asked".to_owned())
            }
            Ok(_) => QueryError::NoWorker,
            Err(status) => match self.failed(&status, "").kind {
                FailureKind::WorkflowNotFound => QueryError::WorkflowNotFound,
                _ => QueryError::NoWorker,
            },
        }
    }

    async fn why_no_answer(&self, question: &Question<'_>, end: Instant) -> QueryError {
        let namespace = question.namespace;
        let run = match self
            .describe_run(namespace, question.execution.clone(), left(end))
            .await
        {
            Ok(run) => run,
            Err(status) => return undiagnosed(self.failed(&status, "").kind),
        };
        if let Some(error) = from_pending_task(&run) {
            return error;
        }
        let queue = run
            .execution_config
            .and_then(|config| config.task_queue)
            .unwrap_or_default();
        match self.pollers(namespace, queue, end).await {
            Ok(pollers) => from_pollers(&pollers, clock::now()),
            Err(status) => undiagnosed(self.failed(&status, "").kind),
        }
    }

    async fn pollers(
        &self,
        namespace: &str,
        queue: TaskQueue,
        end: Instant,
    ) -> Result<Vec<PollerInfo>, Status> {
        let message = DescribeTaskQueueRequest {
            namespace: namespace.to_owned(),
            task_queue: Some(queue),
            task_queue_type: TaskQueueType::Workflow.into(),
            ..Default::default()
        };
        let answer = self
            .link
            .call(
                "DescribeTaskQueue",
                left(end),
                message,
                |service, request| service.describe_task_queue(request),
            )
            .await?;
        Ok(answer.pollers)
    }
}

/// The run that is asked: the one that the permit names, else the present one.
pub(super) fn asked_run(permit: &Permit) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: permit.workflow().to_owned(),
        run_id: permit.run().unwrap_or_default().to_owned(),
    }
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// The same verdict where no worker plays a part: what did not come in time is the server's.
pub(super) fn without_worker(status: &Status) -> QueryError {
    match verdict(status) {
        Verdict::Known(error) => error,
        Verdict::TimedOut | Verdict::NotReady => QueryError::Timeout,
    }
}

fn verdict(status: &Status) -> Verdict {
    let known = |error| Verdict::Known(error);
    match (status.code(), error::detail(status)) {
        (Code::NotFound, Detail::NotFound) => known(QueryError::WorkflowNotFound),
        (Code::InvalidArgument, _) => known(QueryError::Failed(error::message(status))),
        (Code::FailedPrecondition, Detail::WorkflowNotReady) => Verdict::NotReady,
        (Code::FailedPrecondition, Detail::None) => known(QueryError::NoWorker),
        (Code::ResourceExhausted, _) => known(QueryError::Throttled),
        (Code::Cancelled | Code::DeadlineExceeded, _) => Verdict::TimedOut,
        _ => known(QueryError::Unreachable(error::message(status))),
    }
}

/// When the questions fail as well, the caller's time has still run out.
fn undiagnosed(kind: FailureKind) -> QueryError {
    match kind {
        FailureKind::WorkflowNotFound => QueryError::WorkflowNotFound,
        _ => QueryError::Timeout,
    }
}

/// A task that waits means that nobody took it; a started one, that a worker has it and is slow.
fn from_pending_task(run: &DescribeWorkflowExecutionResponse) -> Option<QueryError> {
    match run.pending_workflow_task.as_ref()?.state() {
        PendingWorkflowTaskState::Scheduled => Some(QueryError::NoWorker),
        PendingWorkflowTaskState::Started => Some(QueryError::Timeout),
        PendingWorkflowTaskState::Unspecified => None,
    }
}

fn from_pollers(pollers: &[PollerInfo], now: Timestamp) -> QueryError {
    let alive = pollers.iter().any(|poller| {
        poller
            .last_access_time
            .as_ref()
            .is_some_and(|at| now.since(Timestamp::from_seconds(at.seconds)) <= POLLER_SEEN)
    });
    if alive {
        QueryError::Timeout
    } else {
        QueryError::NoWorker
    }
}

fn result(answer: QueryWorkflowResponse) -> Result<String, QueryError> {
    if let Some(rejected) = answer.query_rejected {
        tracing::debug!(status = ?rejected.status(), "query rejected");
        return Err(QueryError::NoWorker);
    }
    let Payloads { payloads } = answer.query_result.unwrap_or_default();
    payloads
        .into_iter()
        .next()
        .map_or_else(|| Ok("null".to_owned()), json_of)
}

fn json_of(payload: Payload) -> Result<String, QueryError> {
    let encoding = payload.metadata.get("encoding").map(Vec::as_slice);
    match encoding {
        Some(b"binary/null") => Ok("null".to_owned()),
        Some(b"json/plain" | b"json/protobuf") => {
            let text = String::from_utf8(payload.data).map_err(|_| QueryError::NotJson)?;
            serde_json::from_str::<&RawValue>(&text).map_err(|_| QueryError::NotJson)?;
            Ok(text)
        }
        _ => Err(QueryError::NotJson),
    }
}

#[cfg(test)]
mod tests;
