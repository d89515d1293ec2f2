//! Signal-with-start at the wire: which policy it carries, when it is sent, and that it is once in effect.

use signalpost::event::{Closed, IdReuse, Missing};
use temporalio_common::protos::temporal::api::enums::v1::WorkflowIdReusePolicy;

use super::*;
use crate::support::deliveries::start;

const SIGNAL: &str = "SignalWorkflowExecution";
const DESCRIBE: &str = "DescribeWorkflowExecution";
const START: &str = "SignalWithStartWorkflowExecution";

fn closed(status: WorkflowExecutionStatus) -> Reply {
    Reply::State(status)
}

/// The policies of the starts that one attempt sends.
async fn policies(delivery: &Delivery, replies: Vec<Reply>) -> Vec<WorkflowIdReusePolicy> {
    let (fake, connected) = both().await;
    let workflow = &delivery.target.workflow;
    fake.script(workflow, replies);
    attempt(&connected.temporal, delivery, DEADLINE).await;
    let received = fake.received(workflow).into_iter();
    received
        .filter(|request| request.method == START)
        .map(|request| request.reuse_policy.try_into().unwrap())
        .collect()
}

fn reusing(id_reuse: IdReuse) -> Delivery {
    let mut sent = delivery("order-1");
    sent.rules.missing = Missing::Start(start(id_reuse));
    sent
}

fn starting_anew() -> Delivery {
    let mut sent = delivery("order-1");
    sent.rules.closed = Closed::Start(start(IdReuse::AllowDuplicate));
    sent
}

#[tokio::test]
async fn signal_with_start_refuses_a_second_run() {
    let (fake, connected) = both().await;
    let settlement = attempt(&connected.temporal, &starting("order-1"), DEADLINE).await;
    let run_id = Some("run-1".to_owned());
    assert_eq!(settlement, Settlement::Delivered { run_id });
    let received = fake.received("order-1").remove(0);
    assert_eq!(received.method, "SignalWithStartWorkflowExecution");
    let reject =
        temporalio_common::protos::temporal::api::enums::v1::WorkflowIdReusePolicy::RejectDuplicate;
    assert_eq!(received.reuse_policy, i32::from(reject));
}

#[tokio::test]
async fn signal_with_start_is_once_in_effect() {
    let sent = starting("order-1");
    let delivered = Settlement::Delivered { run_id: None };

    let ours = already_started(&sent.request_id);
    let (settlement, methods) = outcome(&sent, vec![ours]).await;
    assert_eq!((settlement, methods.len()), (delivered.clone(), 1));

    let others = || already_started("another");
    let (settlement, methods) = outcome(&sent, vec![others(), Reply::Ok]).await;
    assert_eq!(settlement, delivered);
    assert_eq!(methods[1], "SignalWorkflowExecution");

    let completed = Reply::State(WorkflowExecutionStatus::Completed);
    let (settlement, _) = outcome(&sent, vec![others(), not_found(), completed]).await;
    assert_eq!(parked_for(&settlement), Some(Reason::WorkflowClosed));

    let deleted = vec![others(), not_found(), not_found(), Reply::Ok];
    let (settlement, methods) = outcome(&sent, deleted).await;
    assert!(matches!(settlement, Settlement::Delivered { .. }));
    assert_eq!(methods[3], "SignalWithStartWorkflowExecution");
}

#[tokio::test]
async fn a_closed_workflow_is_started_anew_only_after_describe_has_said_so() {
    let completed = || closed(WorkflowExecutionStatus::Completed);
    let replies = || vec![not_found(), completed(), Reply::Ok];
    let (settlement, methods) = outcome(&starting_anew(), replies()).await;
    let run_id = Some("run-1".to_owned());
    assert_eq!(settlement, Settlement::Delivered { run_id });
    assert_eq!(methods, [SIGNAL, DESCRIBE, START]);
    let allow = [WorkflowIdReusePolicy::AllowDuplicate];
    assert_eq!(policies(&starting_anew(), replies()).await, allow);

    // An open one is merely signalled, a missing one follows the other rule.
    let (_, methods) = outcome(&starting_anew(), vec![Reply::Ok]).await;
    assert_eq!(methods, [SIGNAL]);
    let (settlement, methods) = outcome(&starting_anew(), vec![not_found(), not_found()]).await;
    assert!(is_retry(&settlement), "{settlement:?}");
    assert_eq!(methods, [SIGNAL, DESCRIBE]);
}

#[tokio::test]
async fn a_start_for_a_missing_workflow_meets_the_closed_rule_when_it_has_closed() {
    let mut sent = starting_anew();
    sent.rules.missing = starting("order-1").rules.missing;
    let completed = closed(WorkflowExecutionStatus::Completed);
    let replies = vec![
        already_started("another"),
        not_found(),
        completed,
        Reply::Ok,
    ];
    let (settlement, methods) = outcome(&sent, replies.clone()).await;
    assert!(matches!(settlement, Settlement::Delivered { .. }));
    assert_eq!(methods, [START, SIGNAL, DESCRIBE, START]);
    let both = [
        WorkflowIdReusePolicy::RejectDuplicate,
        WorkflowIdReusePolicy::AllowDuplicate,
    ];
    assert_eq!(policies(&sent, replies).await, both);
}

#[tokio::test]
async fn the_policy_of_a_start_is_the_routes() {
    for (id_reuse, policy) in [
        (
            IdReuse::AllowDuplicate,
            WorkflowIdReusePolicy::AllowDuplicate,
        ),
        (
            IdReuse::AllowDuplicateFailedOnly,
            WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
        ),
    ] {
        let sent = reusing(id_reuse);
        let (_, methods) = outcome(&sent, vec![Reply::Ok]).await;
        assert_eq!(methods, [SIGNAL], "an open run knows a repeat");
        let absent = vec![not_found(), not_found(), Reply::Ok];
        assert_eq!(policies(&sent, absent).await, [policy]);
        let failed = closed(WorkflowExecutionStatus::Failed);
        assert_eq!(policies(&sent, vec![not_found(), failed]).await, [policy]);
    }
}

#[tokio::test]
async fn a_completed_run_is_not_followed_where_only_failed_ones_may_be() {
    let completed = closed(WorkflowExecutionStatus::Completed);
    let sent = reusing(IdReuse::AllowDuplicateFailedOnly);
    let (settlement, methods) = outcome(&sent, vec![not_found(), completed]).await;
    assert_eq!(parked_for(&settlement), Some(Reason::WorkflowClosed));
    assert_eq!(methods, [SIGNAL, DESCRIBE]);
}
