//! What may have arrived in a run that is still there: its request id guards the repeat only as long as that run lives.

use prost::Message as _;
use prost_wkt_types::Timestamp;
use signalpost::event::IdReuse;
use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeWorkflowExecutionResponse;

use super::*;
use crate::support::deliveries::{doubtful_attempt, start};

const DESCRIBE: &str = "DescribeWorkflowExecution";
const SIGNAL: &str = "SignalWorkflowExecution";

/// What one attempt of a doubtful delivery comes to, and the calls that it made.
async fn again(sent: &Delivery, replies: Vec<Reply>) -> (Settlement, Vec<String>) {
    let (fake, connected) = both().await;
    let workflow = &sent.target.workflow;
    fake.script(workflow, replies);
    let settlement = doubtful_attempt(&connected.temporal, sent, DEADLINE).await;
    (settlement, fake.methods(workflow))
}

/// It began long before the first attempt.
fn open() -> Reply {
    let info = WorkflowExecutionInfo {
        status: WorkflowExecutionStatus::Running.into(),
        start_time: Some(Timestamp::default()),
        ..WorkflowExecutionInfo::default()
    };
    let described = DescribeWorkflowExecutionResponse {
        workflow_execution_info: Some(info),
        ..DescribeWorkflowExecutionResponse::default()
    };
    Reply::Message(described.encode_to_vec())
}

#[tokio::test]
async fn a_repeat_that_is_refused_for_now_stays_in_doubt() {
    let refusals = [
        exhausted(Cause::BusyWorkflow, Scope::Namespace),
        exhausted(Cause::RpsLimit, Scope::Namespace),
        exhausted(Cause::SystemOverloaded, Scope::System),
        bare(Code::Unavailable, "away"),
    ];
    for refusal in refusals {
        let (settlement, calls) = again(&delivery("order-1"), vec![open(), refusal]).await;
        assert!(
            matches!(settlement, Settlement::Unseen { .. }),
            "{settlement:?}"
        );
        assert_eq!(calls, [DESCRIBE, SIGNAL]);
    }
}

#[tokio::test]
async fn a_run_that_closes_before_the_repeat_is_searched_and_not_followed() {
    let mut sent = delivery("order-1");
    sent.rules.closed = Closed::Start(start(IdReuse::AllowDuplicate));
    let replies = vec![open(), not_found()];
    let (settlement, calls) = again(&sent, replies).await;
    assert!(
        matches!(settlement, Settlement::Unseen { .. }),
        "{settlement:?}"
    );
    assert_eq!(calls, [DESCRIBE, SIGNAL]);
}

#[tokio::test]
async fn a_repeat_in_the_same_run_is_delivered() {
    let (settlement, calls) = again(&delivery("order-1"), vec![open()]).await;
    assert!(
        matches!(settlement, Settlement::Delivered { .. }),
        "{settlement:?}"
    );
    assert_eq!(calls, [DESCRIBE, SIGNAL]);
}
