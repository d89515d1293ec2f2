//! What the server says of a workflow's present run.
//!
//! Describe is how absent and closed are told apart, how it is known which request began a run, and
//! whether a request id can still be remembered by it. Imports `clock`.

use std::time::Duration;

use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
};
use tonic::Status;

use super::{Failure, FailureKind, Temporal};
use crate::clock::Timestamp;

/// The present run of a workflow id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub run_id: String,
    pub state: RunState,
    /// Its start, or the reset that made it of another run: request ids from before are not known to it.
    pub began_at: Timestamp,
    /// Request ids of the start that began it.
    pub began_by: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Open,
    Completed,
    /// Closed in any other way: failed, cancelled, terminated, timed out.
    Failed,
}

impl Temporal {
    /// The present run of a workflow id; none where the server knows no such workflow.
    pub async fn describe(
        &self,
        namespace: &str,
        workflow: &str,
        deadline: Duration,
    ) -> Result<Option<Run>, Failure> {
        match self
            .describe_run(namespace, present_run(workflow), deadline)
            .await
        {
            Ok(described) => Ok(Some(run(&described))),
            Err(status) => {
                let failure = self.failed(&status, "");
                match failure.kind {
                    FailureKind::WorkflowNotFound => Ok(None),
                    _ => Err(failure),
                }
            }
        }
    }

    pub(super) async fn describe_run(
        &self,
        namespace: &str,
        execution: WorkflowExecution,
        deadline: Duration,
    ) -> Result<DescribeWorkflowExecutionResponse, Status> {
        let message = DescribeWorkflowExecutionRequest {
            namespace: namespace.to_owned(),
            execution: Some(execution),
        };
        self.link
            .call(
                "DescribeWorkflowExecution",
                deadline,
                message,
                |service, request| service.describe_workflow_execution(request),
            )
            .await
    }
}

/// What a signal goes to: never a fixed run, for the workflow may continue as new between two attempts.
pub(super) fn present_run(workflow: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: workflow.to_owned(),
        run_id: String::new(),
    }
}

pub(super) fn run(described: &DescribeWorkflowExecutionResponse) -> Run {
    let info = described
        .workflow_execution_info
        .clone()
        .unwrap_or_default();
    let extended = described.workflow_extended_info.clone().unwrap_or_default();
    let started = info.start_time.map(|at| time(at.seconds, at.nanos));
    let reset = extended
        .last_reset_time
        .map(|at| time(at.seconds, at.nanos));
    Run {
        state: state(info.status()),
        run_id: info.execution.unwrap_or_default().run_id,
        // Without a time, nothing may be concluded from it.
        began_at: started
            .max(reset)
            .unwrap_or(Timestamp::from_millis(i64::MAX)),
        began_by: extended.request_id_infos.into_keys().collect(),
    }
}

/// A run that has continued as new has a successor, which is the one to signal; a paused one keeps
/// what it is sent.
fn state(status: WorkflowExecutionStatus) -> RunState {
    match status {
        WorkflowExecutionStatus::Unspecified
        | WorkflowExecutionStatus::Running
        | WorkflowExecutionStatus::Paused
        | WorkflowExecutionStatus::ContinuedAsNew => RunState::Open,
        WorkflowExecutionStatus::Completed => RunState::Completed,
        WorkflowExecutionStatus::Failed
        | WorkflowExecutionStatus::Canceled
        | WorkflowExecutionStatus::Terminated
        | WorkflowExecutionStatus::TimedOut => RunState::Failed,
    }
}

/// A protobuf time as ours, to the millisecond.
pub(super) fn time(seconds: i64, nanos: i32) -> Timestamp {
    let millis = seconds.saturating_mul(1000);
    Timestamp::from_millis(millis.saturating_add(i64::from(nanos) / 1_000_000))
}
