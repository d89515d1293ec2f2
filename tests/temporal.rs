//! Against a real Temporal: what is recorded in a workflow's history, and what is not.

mod limits;
mod queries;
mod secured;

use std::time::Duration;

use signalpost::event::{Closed, Delivery, IdReuse, Missing, Reason, Then};
use signalpost::inbox::Settlement;
use signalpost::telemetry::Telemetry;
use signalpost::temporal::{FailureKind, Options, Temporal};

use super::support::deliveries::{self, Connected, delivery, start, starting};
use super::support::devserver::{self, Observer};
use super::support::until;

const DEADLINE: Duration = Duration::from_secs(10);

struct Stage {
    connected: Connected,
    observer: Observer,
    workflow: String,
}

impl Stage {
    async fn set() -> Self {
        Self {
            connected: Connected::to(devserver::address().await).await,
            observer: Observer::new().await,
            workflow: format!("order-{}", uuid::Uuid::new_v4()),
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> Settlement {
        deliveries::attempt(&self.connected.temporal, delivery, DEADLINE).await
    }
}

fn is_delivered(settlement: &Settlement) -> bool {
    matches!(settlement, Settlement::Delivered { .. })
}

#[tokio::test]
async fn a_signal_is_recorded_with_arguments_header_and_sender() {
    let stage = Stage::set().await;
    stage.observer.start(&stage.workflow).await;
    let sent = delivery(&stage.workflow);
    assert!(is_delivered(&stage.attempt(&sent).await));
    let mut signals = stage.observer.signals(&stage.workflow).await;
    assert_eq!(signals.len(), 1);
    let signal = signals.remove(0);
    assert_eq!(signal.signal_name, "paid");
    assert!(signal.identity.starts_with("signalpost@"));
    let input = signal.input.unwrap().payloads;
    let texts: Vec<&[u8]> = input.iter().map(|p| p.data.as_slice()).collect();
    assert_eq!(texts, [&b"\"hello\""[..], br#"{"n":0.10}"#]);
    let header = signal.header.unwrap().fields;
    let id = format!("\"{}\"", sent.id);
    assert_eq!(header["signalpost-delivery"].data, id.as_bytes());
    assert_eq!(
        header["signalpost-event"].metadata["encoding"],
        b"json/plain"
    );
}

#[tokio::test]
async fn the_same_request_id_twice_is_one_signal() {
    let stage = Stage::set().await;
    stage.observer.start(&stage.workflow).await;
    let sent = delivery(&stage.workflow);
    for _ in 0..2 {
        assert!(is_delivered(&stage.attempt(&sent).await));
    }
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 1);
}

#[tokio::test]
async fn a_workflow_that_is_waited_for_gets_its_signal_when_it_appears() {
    let stage = Stage::set().await;
    let sent = delivery(&stage.workflow);
    let early = stage.attempt(&sent).await;
    assert!(matches!(early, Settlement::Retry { .. }), "{early:?}");
    stage.observer.start(&stage.workflow).await;
    assert!(is_delivered(&stage.attempt(&sent).await));
}

#[tokio::test]
async fn a_workflow_that_never_appears_parks_its_signal() {
    let stage = Stage::set().await;
    let mut sent = delivery(&stage.workflow);
    sent.rules.missing = Missing::Wait {
        for_ms: 1,
        then: Then::Park,
    };
    sent.accepted_at = sent.accepted_at.minus(Duration::from_secs(1));
    let settlement = stage.attempt(&sent).await;
    assert!(matches!(
        settlement,
        Settlement::Parked {
            reason: Reason::WorkflowMissing,
            ..
        }
    ));
}

#[tokio::test]
async fn a_closed_workflow_parks_its_signal_whatever_the_missing_rule() {
    let stage = Stage::set().await;
    stage.observer.start(&stage.workflow).await;
    stage.observer.close(&stage.workflow).await;
    for sent in [delivery(&stage.workflow), starting(&stage.workflow)] {
        let settlement = stage.attempt(&sent).await;
        let Settlement::Parked { reason, .. } = settlement else {
            panic!("not parked: {settlement:?}")
        };
        assert_eq!(reason, Reason::WorkflowClosed);
    }
}

#[tokio::test]
async fn signal_with_start_starts_once_and_signals_once() {
    let stage = Stage::set().await;
    let first = starting(&stage.workflow);
    let Settlement::Delivered { run_id: Some(run) } = stage.attempt(&first).await else {
        panic!("not delivered")
    };
    assert!(!run.is_empty());
    assert!(is_delivered(&stage.attempt(&first).await));
    let second = starting(&stage.workflow);
    assert!(is_delivered(&stage.attempt(&second).await));
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 2);
    // Repeats that meet a closed run are known: one began it, the other was signalled to it.
    stage.observer.close(&stage.workflow).await;
    for repeat in [&first, &second] {
        assert!(is_delivered(&stage.attempt(repeat).await));
    }
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 2);
}

#[tokio::test]
async fn a_closed_workflow_is_started_anew_once_in_effect() {
    let stage = Stage::set().await;
    stage.observer.start(&stage.workflow).await;
    stage.observer.close(&stage.workflow).await;
    let closed_run = stage.observer.run_id(&stage.workflow).await;
    let mut sent = delivery(&stage.workflow);
    sent.rules.closed = Closed::Start(start(IdReuse::AllowDuplicate));
    assert!(is_delivered(&stage.attempt(&sent).await));
    let run = stage.observer.run_id(&stage.workflow).await;
    assert_ne!(run, closed_run);
    // A repeat meets that run open, and then closed: it is there already, and nothing else begins.
    assert!(is_delivered(&stage.attempt(&sent).await));
    stage.observer.close(&stage.workflow).await;
    assert!(is_delivered(&stage.attempt(&sent).await));
    assert_eq!(stage.observer.run_id(&stage.workflow).await, run);
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 1);
}

#[tokio::test]
async fn a_start_that_may_follow_a_closed_run_is_once_in_effect_too() {
    let stage = Stage::set().await;
    let mut sent = delivery(&stage.workflow);
    sent.rules.missing = Missing::Start(start(IdReuse::AllowDuplicate));
    assert!(is_delivered(&stage.attempt(&sent).await));
    stage.observer.close(&stage.workflow).await;
    let run = stage.observer.run_id(&stage.workflow).await;
    assert!(is_delivered(&stage.attempt(&sent).await));
    assert_eq!(stage.observer.run_id(&stage.workflow).await, run);
    let mut another = sent.clone();
    another.request_id = "another".to_owned();
    assert!(is_delivered(&stage.attempt(&another).await));
    assert_ne!(stage.observer.run_id(&stage.workflow).await, run);
}

#[tokio::test]
async fn a_missing_namespace_is_our_trouble_and_never_the_workflows() {
    let stage = Stage::set().await;
    let mut sent = delivery(&stage.workflow);
    sent.target.namespace = "no-such-namespace".to_owned();
    sent.rules.missing = Missing::Park;
    let settlement = stage.attempt(&sent).await;
    assert!(
        matches!(settlement, Settlement::Retry { .. }),
        "{settlement:?}"
    );
    let status = stage.connected.temporal.status();
    assert!(status.connected);
    assert!(status.trouble.unwrap().contains("no-such-namespace"));
    let metrics = stage.connected.telemetry.render();
    let counted = r#"signalpost_temporal_refusals_total{what="namespace"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn arguments_over_the_servers_limit_park() {
    let stage = Stage::set().await;
    stage.observer.start(&stage.workflow).await;
    for size in [2 * 1024 * 1024, 5 * 1024 * 1024] {
        let mut sent = delivery(&stage.workflow);
        sent.args = format!("[\"{}\"]", "x".repeat(size));
        let settlement = stage.attempt(&sent).await;
        let Settlement::Parked { reason, .. } = settlement else {
            panic!("not parked: {settlement:?}")
        };
        assert_eq!(reason, Reason::PayloadTooLarge);
    }
}

#[tokio::test]
async fn the_servers_version_is_known_once_connected() {
    let stage = Stage::set().await;
    let status = stage.connected.temporal.status();
    assert!(status.connected);
    assert!(status.server_version.is_some_and(|v| !v.is_empty()));
}

#[tokio::test]
async fn a_wrong_namespace_of_ours_is_known_before_any_delivery() {
    let address = devserver::address().await;
    let options = Options {
        address: Some(address.to_owned()),
        namespace: Some("no-such-namespace".to_owned()),
        ..Options::default()
    };
    let temporal = Temporal::new(&options, Telemetry::new()).unwrap();
    assert_eq!(temporal.namespace(), "no-such-namespace");
    tokio::select! {
        () = temporal.run(std::future::pending()) => {}
        () = until("it is connected", || temporal.status().connected) => {}
    }
    assert!(
        temporal
            .status()
            .trouble
            .unwrap()
            .contains("no-such-namespace")
    );
}
