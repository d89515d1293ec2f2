//! `$status`: what the server itself knows of a workflow, open or closed. No worker is asked.
//!
//! Needs a [`Permit`] like any other question. Imports `access` and what `query` does.

use std::time::Duration;

use serde::Serialize;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeWorkflowExecutionResponse;

use super::query::{self, asked_run};
use super::run::time;
use super::{QueryError, Temporal};
use crate::access::Permit;
use crate::clock::Timestamp;

/// In the order and under the names of the contract.
#[derive(Debug, Serialize)]
struct Sheet {
    workflow_id: String,
    run_id: String,
    r#type: String,
    status: &'static str,
    started_at: Option<String>,
    closed_at: Option<String>,
}

impl Temporal {
    /// The status as JSON text, of the run that the permit names or else of the present one.
    pub(super) async fn workflow_status(
        &self,
        permit: &Permit,
        time: Duration,
    ) -> Result<String, QueryError> {
        let described = self
            .describe_run(permit.namespace(), asked_run(permit), time)
            .await;
        match described {
            Ok(described) => sheet(described, permit.workflow()),
            Err(status) => {
                self.failed(&status, "");
                Err(query::without_worker(&status))
            }
        }
    }
}

fn sheet(
    described: DescribeWorkflowExecutionResponse,
    workflow: &str,
) -> Result<String, QueryError> {
    let info = described.workflow_execution_info.unwrap_or_default();
    let text = |at: Timestamp| at.to_rfc3339();
    let sheet = Sheet {
        workflow_id: workflow.to_owned(),
        status: word(info.status()),
        run_id: info.execution.unwrap_or_default().run_id,
        r#type: info.r#type.unwrap_or_default().name,
        started_at: info.start_time.map(|at| text(time(at.seconds, at.nanos))),
        closed_at: info.close_time.map(|at| text(time(at.seconds, at.nanos))),
    };
    serde_json::to_string(&sheet).map_err(|_| QueryError::NotJson)
}

fn word(status: WorkflowExecutionStatus) -> &'static str {
    match status {
        WorkflowExecutionStatus::Unspecified => "unknown",
        WorkflowExecutionStatus::Running => "running",
        WorkflowExecutionStatus::Completed => "completed",
        WorkflowExecutionStatus::Failed => "failed",
        WorkflowExecutionStatus::Canceled => "canceled",
        WorkflowExecutionStatus::Terminated => "terminated",
        WorkflowExecutionStatus::ContinuedAsNew => "continued_as_new",
        WorkflowExecutionStatus::TimedOut => "timed_out",
        WorkflowExecutionStatus::Paused => "paused",
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
    use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionInfo;

    use super::*;

    fn described(status: WorkflowExecutionStatus) -> DescribeWorkflowExecutionResponse {
        let at = |seconds| Some(prost_wkt_types::Timestamp { seconds, nanos: 0 });
        let info = WorkflowExecutionInfo {
            execution: Some(WorkflowExecution {
                workflow_id: "order-42".to_owned(),
                run_id: "run".to_owned(),
            }),
            r#type: Some(WorkflowType {
                name: "Order".to_owned(),
            }),
            status: status.into(),
            start_time: at(1_785_585_600),
            close_time: (status != WorkflowExecutionStatus::Running)
                .then(|| at(1_785_585_660))
                .flatten(),
            ..Default::default()
        };
        DescribeWorkflowExecutionResponse {
            workflow_execution_info: Some(info),
            ..Default::default()
        }
    }

    #[test]
    fn the_sheet_is_the_contracts() {
        let running = sheet(described(WorkflowExecutionStatus::Running), "order-42");
        assert_eq!(
            running.unwrap(),
            r#"{"workflow_id":"order-42","run_id":"run","type":"Order","status":"running","started_at":"2026-08-01T12:00:00.000Z","closed_at":null}"#
        );
        let closed = sheet(described(WorkflowExecutionStatus::TimedOut), "order-42").unwrap();
        assert!(closed.contains(r#""status":"timed_out""#), "{closed}");
        assert!(closed.contains(r#""closed_at":"2026-08-01T12:01:00.000Z""#));
    }
}
