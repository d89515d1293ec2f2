//! Delivery against a Temporal that answers as told: every row of the outcome table at the wire,
//! and the loop from the inbox on.

mod doubts;
mod inbox_loop;
mod load;
mod starts;
mod waiting;

use std::time::Duration;

use signalpost::event::{Closed, Delivery, Missing, Reason, Then};
use signalpost::inbox::Settlement;
use temporalio_common::protos::temporal::api::enums::v1::{
    ResourceExhaustedCause as Cause, ResourceExhaustedScope as Scope, WorkflowExecutionStatus,
};
use temporalio_common::protos::temporal::api::errordetails::v1::{
    NamespaceNotActiveFailure, NamespaceNotFoundFailure, NotFoundFailure, ResourceExhaustedFailure,
    WorkflowExecutionAlreadyStartedFailure,
};
use tonic::{Code, Status};

use super::support::deliveries::{Connected, attempt, delivery, starting};
use super::support::grpc;
use super::support::temporal::{FakeTemporal, Reply};

const DEADLINE: Duration = Duration::from_secs(5);

async fn both() -> (FakeTemporal, Connected) {
    let fake = FakeTemporal::start().await;
    let connected = Connected::to(&fake.address.to_string()).await;
    (fake, connected)
}

/// One attempt against a fresh fake that answers so, and the methods that it took.
async fn outcome(delivery: &Delivery, replies: Vec<Reply>) -> (Settlement, Vec<String>) {
    let (fake, connected) = both().await;
    let workflow = &delivery.target.workflow;
    fake.script(workflow, replies);
    let settlement = attempt(&connected.temporal, delivery, DEADLINE).await;
    (settlement, fake.methods(workflow))
}

fn not_found() -> Reply {
    let detail = NotFoundFailure::default();
    Reply::Fail(grpc::status(Code::NotFound, "workflow not found", &detail))
}

fn bare(code: Code, message: &str) -> Reply {
    Reply::Fail(Status::new(code, message))
}

fn exhausted(cause: Cause, scope: Scope) -> Reply {
    let detail = ResourceExhaustedFailure {
        cause: cause.into(),
        scope: scope.into(),
    };
    Reply::Fail(grpc::status(Code::ResourceExhausted, "slow down", &detail))
}

fn already_started(by: &str) -> Reply {
    let detail = WorkflowExecutionAlreadyStartedFailure {
        start_request_id: by.to_owned(),
        ..Default::default()
    };
    Reply::Fail(grpc::status(Code::AlreadyExists, "already", &detail))
}

fn is_retry(settlement: &Settlement) -> bool {
    matches!(
        settlement,
        Settlement::Retry { .. } | Settlement::Unseen { .. }
    )
}

fn parked_for(settlement: &Settlement) -> Option<Reason> {
    match settlement {
        Settlement::Parked { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_signal_carries_its_ids_arguments_and_sender() {
    let (fake, connected) = both().await;
    let sent = delivery("order-1");
    let settlement = attempt(&connected.temporal, &sent, DEADLINE).await;
    assert_eq!(settlement, Settlement::Delivered { run_id: None });
    let received = fake.received("order-1").remove(0);
    assert_eq!(received.method, "SignalWorkflowExecution");
    assert_eq!(received.signal, "paid");
    assert_eq!(received.request_id, sent.request_id);
    assert_eq!(received.args, ["\"hello\"", "{\"n\":0.10}"]);
    assert!(received.identity.starts_with("signalpost@"));
    let header = |name: &str| received.header[name].clone();
    assert_eq!(header("signalpost-event"), format!("\"{}\"", sent.event));
    assert_eq!(header("signalpost-delivery"), format!("\"{}\"", sent.id));
}

#[tokio::test]
async fn what_can_never_succeed_parks_after_one_call() {
    let rows = [
        (
            bare(Code::InvalidArgument, "Blob data size exceeds limit."),
            Reason::PayloadTooLarge,
        ),
        (
            bare(
                Code::InvalidArgument,
                "exceeded workflow execution limit for signal events",
            ),
            Reason::SignalLimit,
        ),
        (
            bare(Code::InvalidArgument, "SignalName is not set."),
            Reason::BadArgument,
        ),
        (
            bare(Code::ResourceExhausted, "received message larger than max"),
            Reason::PayloadTooLarge,
        ),
        (
            bare(Code::Unimplemented, "unknown method"),
            Reason::ServerTooOld,
        ),
    ];
    for (reply, reason) in rows {
        let (settlement, methods) = outcome(&delivery("order-1"), vec![reply]).await;
        assert_eq!(parked_for(&settlement), Some(reason), "{settlement:?}");
        assert_eq!(methods.len(), 1);
    }
}

#[tokio::test]
async fn what_may_pass_is_kept_for_later_after_one_call() {
    let namespace = NamespaceNotFoundFailure::default();
    let inactive = NamespaceNotActiveFailure::default();
    let rows = [
        Reply::Fail(grpc::status(Code::NotFound, "no namespace", &namespace)),
        Reply::Fail(grpc::status(
            Code::FailedPrecondition,
            "not active",
            &inactive,
        )),
        exhausted(Cause::BusyWorkflow, Scope::Namespace),
        exhausted(Cause::RpsLimit, Scope::Namespace),
        exhausted(Cause::SystemOverloaded, Scope::System),
        bare(Code::PermissionDenied, "Request unauthorized."),
        bare(Code::Unauthenticated, "who are you"),
        bare(Code::Unavailable, "later"),
        bare(Code::Internal, "later"),
        bare(Code::Unknown, "later"),
        bare(Code::Aborted, "later"),
        bare(Code::DataLoss, "later"),
        bare(Code::OutOfRange, "later"),
        bare(Code::DeadlineExceeded, "late"),
        bare(Code::Cancelled, "late"),
        bare(Code::NotFound, "nobody knows what"),
        bare(Code::FailedPrecondition, "nobody knows what"),
        bare(Code::AlreadyExists, "nobody knows what"),
        Reply::Disconnect,
    ];
    for reply in rows {
        let (settlement, methods) = outcome(&delivery("order-1"), vec![reply.clone()]).await;
        assert!(is_retry(&settlement), "{reply:?}: {settlement:?}");
        assert_eq!(methods.len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    let (fake, connected) = both().await;
    fake.script("order-1", [Reply::Hang]);
    let deadline = Duration::from_millis(200);
    let settlement = attempt(&connected.temporal, &delivery("order-1"), deadline).await;
    assert!(is_retry(&settlement), "{settlement:?}");
}

#[tokio::test]
async fn absent_and_closed_are_told_apart_by_describe() {
    let both_calls = ["SignalWorkflowExecution", "DescribeWorkflowExecution"];
    let mut sent = delivery("order-1");
    let completed = || Reply::State(WorkflowExecutionStatus::Completed);

    let (waiting, methods) = outcome(&sent, vec![not_found(), not_found()]).await;
    assert!(is_retry(&waiting), "{waiting:?}");
    assert_eq!(methods, both_calls);

    let (closed, methods) = outcome(&sent, vec![not_found(), completed()]).await;
    assert_eq!(parked_for(&closed), Some(Reason::WorkflowClosed));
    assert_eq!(methods, both_calls);

    sent.rules.closed = Closed::Drop;
    let (closed, _) = outcome(&sent, vec![not_found(), completed()]).await;
    assert!(matches!(
        closed,
        Settlement::Dropped {
            reason: Reason::ClosedDropped,
            ..
        }
    ));
}

#[tokio::test]
async fn a_run_that_the_server_ends_follows_the_closed_rule() {
    let ending = bare(
        Code::InvalidArgument,
        "Workflow history count exceeds limit.",
    );
    let terminated = Reply::State(WorkflowExecutionStatus::Terminated);
    let (settlement, _) = outcome(&delivery("order-1"), vec![ending, terminated]).await;
    assert_eq!(parked_for(&settlement), Some(Reason::WorkflowClosed));
}

#[tokio::test]
async fn a_missing_workflow_follows_the_missing_rule() {
    let mut sent = delivery("order-1");
    let twice = || vec![not_found(), not_found()];

    sent.rules.missing = Missing::Park;
    let (settlement, _) = outcome(&sent, twice()).await;
    assert_eq!(parked_for(&settlement), Some(Reason::WorkflowMissing));

    sent.rules.missing = Missing::Drop;
    let (settlement, _) = outcome(&sent, twice()).await;
    assert!(matches!(settlement, Settlement::Dropped { .. }));

    sent.rules.missing = Missing::Wait {
        for_ms: 1000,
        then: Then::Park,
    };
    sent.accepted_at = sent.accepted_at.minus(Duration::from_secs(2));
    let (settlement, _) = outcome(&sent, twice()).await;
    assert_eq!(parked_for(&settlement), Some(Reason::WorkflowMissing));
}

#[tokio::test]
async fn a_workflow_that_is_open_after_all_is_signalled_in_the_same_attempt() {
    for open in [
        WorkflowExecutionStatus::Running,
        WorkflowExecutionStatus::Paused,
        WorkflowExecutionStatus::ContinuedAsNew,
    ] {
        let replies = vec![not_found(), Reply::State(open), Reply::Ok];
        let (settlement, methods) = outcome(&delivery("order-1"), replies).await;
        assert_eq!(settlement, Settlement::Delivered { run_id: None });
        assert_eq!(methods.len(), 3);
    }
}

#[tokio::test]
async fn a_workflow_that_never_stands_still_gets_its_next_attempt_later() {
    let running = || Reply::State(WorkflowExecutionStatus::Running);
    let replies = (0..3).flat_map(|_| [not_found(), running()]).collect();
    let (settlement, methods) = outcome(&delivery("order-1"), replies).await;
    assert!(is_retry(&settlement), "{settlement:?}");
    assert_eq!(methods.len(), 6);
}
