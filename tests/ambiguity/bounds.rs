//! How far a search goes, at the wire: what it costs, where it ends, and what it never does.

use signalpost::clock::{self, Timestamp};
use signalpost::event::Reason;
use signalpost::inbox::Settlement;
use temporalio_common::protos::temporal::api::common::v1::{Header, Payload, WorkflowExecution};
use temporalio_common::protos::temporal::api::enums::v1::{
    ResourceExhaustedCause, ResourceExhaustedScope, WorkflowExecutionStatus,
};
use temporalio_common::protos::temporal::api::errordetails::v1::{
    NotFoundFailure, ResourceExhaustedFailure,
};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::history::v1::{
    History, HistoryEvent, WorkflowExecutionSignaledEventAttributes,
    WorkflowExecutionStartedEventAttributes, WorkflowTaskFailedEventAttributes,
};
use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionResponse, GetWorkflowExecutionHistoryReverseResponse,
};
use tonic::{Code, Status};

use super::*;
use crate::support::grpc;
use crate::support::temporal::{FakeTemporal, Received, Reply};

const DESCRIBE: &str = "DescribeWorkflowExecution";
const HISTORY: &str = "GetWorkflowExecutionHistoryReverse";
const LIST: &str = "ListWorkflowExecutions";
const SIGNAL: &str = "SignalWorkflowExecution";

/// A doubtful attempt against a fake that answers by this rule, and the calls it took.
async fn outcome(
    sent: &Delivery,
    rule: impl Fn(&Received) -> Reply + Send + 'static,
) -> (Settlement, Vec<String>) {
    let fake = FakeTemporal::start().await;
    let connected = Connected::to(&fake.address.to_string()).await;
    fake.otherwise(rule);
    let settlement = doubtful_attempt(&connected.temporal, sent, DEADLINE).await;
    (settlement, fake.methods(&sent.target.workflow))
}

fn at(time: Timestamp) -> prost_wkt_types::Timestamp {
    prost_wkt_types::Timestamp {
        seconds: time.seconds(),
        nanos: 0,
    }
}

/// A run that began then.
fn present(began: Timestamp) -> Reply {
    described(began, WorkflowExecutionStatus::Running)
}

fn described(began: Timestamp, status: WorkflowExecutionStatus) -> Reply {
    use prost::Message as _;
    let info = WorkflowExecutionInfo {
        execution: Some(WorkflowExecution {
            workflow_id: String::new(),
            run_id: "run-2".to_owned(),
        }),
        start_time: Some(at(began)),
        status: status.into(),
        ..Default::default()
    };
    let described = DescribeWorkflowExecutionResponse {
        workflow_execution_info: Some(info),
        ..Default::default()
    };
    Reply::Message(described.encode_to_vec())
}

fn event(time: Timestamp, attributes: Attributes) -> HistoryEvent {
    HistoryEvent {
        event_id: 7,
        event_time: Some(at(time)),
        attributes: Some(attributes),
        ..Default::default()
    }
}

fn started(after: &str) -> Attributes {
    let started = WorkflowExecutionStartedEventAttributes {
        continued_execution_run_id: after.to_owned(),
        ..Default::default()
    };
    Attributes::WorkflowExecutionStartedEventAttributes(started)
}

fn signaled(delivery: &str) -> Attributes {
    let id = Payload {
        data: format!("\"{delivery}\"").into_bytes(),
        ..Default::default()
    };
    let header = Header {
        fields: [("signalpost-delivery".to_owned(), id)].into(),
    };
    let signaled = WorkflowExecutionSignaledEventAttributes {
        header: Some(header),
        ..Default::default()
    };
    Attributes::WorkflowExecutionSignaledEventAttributes(signaled)
}

fn reset_of(base: &str) -> Attributes {
    let failed = WorkflowTaskFailedEventAttributes {
        base_run_id: base.to_owned(),
        ..Default::default()
    };
    Attributes::WorkflowTaskFailedEventAttributes(failed)
}

/// One page of history; `more`: another one follows.
fn page(events: Vec<HistoryEvent>, more: bool) -> Reply {
    use prost::Message as _;
    let page = GetWorkflowExecutionHistoryReverseResponse {
        history: Some(History { events }),
        next_page_token: if more { b"more".to_vec() } else { Vec::new() },
    };
    Reply::Message(page.encode_to_vec())
}

fn parked(settlement: &Settlement) -> Option<Reason> {
    match settlement {
        Settlement::Parked { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_run_that_was_there_before_costs_one_describe() {
    let sent = delivery("order-1");
    let before = sent.accepted_at.minus(Duration::from_mins(5));
    let (settlement, calls) = outcome(&sent, move |request| match request.method.as_str() {
        DESCRIBE => present(before),
        _ => Reply::Ok,
    })
    .await;
    assert!(is_delivered(&settlement));
    assert_eq!(calls, [DESCRIBE, SIGNAL]);
}

/// It takes no signal, so the request id tells nothing: what had arrived was parked as too late, or began another run.
#[tokio::test]
async fn a_run_that_was_there_before_and_has_closed_is_read() {
    let sent = delivery("order-1");
    let before = sent.accepted_at.minus(Duration::from_mins(5));
    let id = sent.id.to_string();
    let rule = move |request: &Received| match request.method.as_str() {
        DESCRIBE => described(before, WorkflowExecutionStatus::Completed),
        HISTORY => page(vec![event(clock::now(), signaled(&id))], false),
        _ => Reply::Ok,
    };
    let (settlement, calls) = outcome(&sent, rule).await;
    assert_eq!(run_of(settlement), "run-2");
    assert_eq!(calls, [DESCRIBE, HISTORY]);
}

#[tokio::test]
async fn a_search_ends_after_twenty_pages_and_leaves_it_to_a_person() {
    let sent = delivery("order-1");
    let (settlement, calls) = outcome(&sent, |request| match request.method.as_str() {
        DESCRIBE => present(clock::now()),
        _ => page(vec![event(clock::now(), signaled("another"))], true),
    })
    .await;
    assert_eq!(parked(&settlement), Some(Reason::OutcomeUnknown));
    assert_eq!(calls.iter().filter(|call| *call == HISTORY).count(), 20);
    assert!(!calls.iter().any(|call| call == SIGNAL));
}

#[tokio::test]
async fn a_search_reads_no_further_back_than_the_first_attempt() {
    let sent = delivery("order-1");
    let long_ago = sent.accepted_at.minus(Duration::from_hours(1));
    let (settlement, calls) = outcome(&sent, move |request| match request.method.as_str() {
        DESCRIBE => present(clock::now()),
        HISTORY => page(
            vec![
                event(clock::now(), signaled("another")),
                event(long_ago, started("run-1")),
            ],
            true,
        ),
        _ => Reply::Ok,
    })
    .await;
    assert!(is_delivered(&settlement));
    assert_eq!(calls, [DESCRIBE, HISTORY, SIGNAL]);
}

#[tokio::test]
async fn the_runs_before_and_the_one_that_was_reset_are_read() {
    let sent = delivery("order-1");
    let id = sent.id.to_string();
    let rule = move |request: &Received| match (request.method.as_str(), request.run_id.as_str()) {
        (DESCRIBE, _) => present(clock::now()),
        (HISTORY, "run-2") => page(vec![event(clock::now(), started("run-1"))], false),
        (HISTORY, "run-1") => page(vec![event(clock::now(), reset_of("run-0"))], false),
        (HISTORY, "run-0") => page(vec![event(clock::now(), signaled(&id))], false),
        _ => Reply::Ok,
    };
    let (settlement, calls) = outcome(&sent, rule).await;
    assert_eq!(run_of(settlement), "run-0");
    assert_eq!(calls, [DESCRIBE, HISTORY, HISTORY, HISTORY]);
}

#[tokio::test]
async fn history_that_is_gone_leaves_it_to_a_person() {
    let gone = NotFoundFailure::default();
    let gone = grpc::status(Code::NotFound, "history not found", &gone);
    let (settlement, calls) = outcome(&delivery("order-1"), move |request| {
        match request.method.as_str() {
            DESCRIBE => present(clock::now()),
            _ => Reply::Fail(gone.clone()),
        }
    })
    .await;
    assert_eq!(parked(&settlement), Some(Reason::OutcomeUnknown));
    assert_eq!(calls, [DESCRIBE, HISTORY]);
}

#[tokio::test]
async fn while_a_proof_cannot_be_had_nothing_is_sent_and_the_doubt_remains() {
    let throttled = ResourceExhaustedFailure {
        cause: ResourceExhaustedCause::RpsLimit.into(),
        scope: ResourceExhaustedScope::Namespace.into(),
    };
    let throttled = grpc::status(Code::ResourceExhausted, "slow down", &throttled);
    for failing in [DESCRIBE, HISTORY, LIST] {
        for status in [Status::unavailable("later"), throttled.clone()] {
            let (settlement, calls) = outcome(&delivery("order-1"), move |request| {
                match request.method.as_str() {
                    method if method == failing => Reply::Fail(status.clone()),
                    DESCRIBE => present(clock::now()),
                    HISTORY => page(vec![event(clock::now(), started(""))], false),
                    _ => Reply::Ok,
                }
            })
            .await;
            assert!(
                matches!(settlement, Settlement::Unseen { .. }),
                "{failing}: {settlement:?}"
            );
            assert!(!calls.iter().any(|call| call == SIGNAL), "{failing}");
        }
    }
}

#[tokio::test]
async fn an_attempt_whose_end_was_not_seen_says_so() {
    for reply in [
        Reply::Fail(Status::deadline_exceeded("late")),
        Reply::Fail(Status::unavailable("shard is moving")),
        Reply::Disconnect,
    ] {
        let fake = FakeTemporal::start().await;
        let connected = Connected::to(&fake.address.to_string()).await;
        fake.script("order-1", [reply]);
        let sent = delivery("order-1");
        let settlement = attempt(&connected.temporal, &sent, DEADLINE).await;
        assert!(
            matches!(settlement, Settlement::Unseen { .. }),
            "{settlement:?}"
        );
    }
}
