//! Limits of a real server, forced by its dynamic config: a server of its own for each.

use std::path::Path;

use signalpost::devserver::{DevServer, Options as Server, binary};
use signalpost::event::{Closed, IdReuse};

use super::*;
use crate::support::deliveries::start;

/// None where the tests use a server that somebody else runs.
async fn server(config: &[(&str, &str)]) -> Option<DevServer> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let found = binary::find(&directory, &|line| eprintln!("{line}")).await;
    let binary::Found::Program(binary) = found.expect("a Temporal to test against") else {
        return None;
    };
    let options = Server {
        binary,
        dynamic_config: config
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Server::default()
    };
    Some(DevServer::start(&options).await.expect("it starts"))
}

async fn stage(server: &DevServer) -> Stage {
    let address = server.address();
    let stage = Stage {
        connected: Connected::to(&address).await,
        observer: Observer::at(&address).await,
        workflow: format!("order-{}", uuid::Uuid::new_v4()),
    };
    stage.observer.start(&stage.workflow).await;
    stage
}

fn parked_for(settlement: &Settlement) -> Option<Reason> {
    match settlement {
        Settlement::Parked { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_run_that_has_had_its_signals_parks_the_next() {
    let limit = [("history.maximumSignalsPerExecution", "5")];
    let Some(server) = server(&limit).await else {
        return;
    };
    let stage = stage(&server).await;
    for _ in 0..5 {
        let sent = delivery(&stage.workflow);
        assert!(is_delivered(&stage.attempt(&sent).await));
    }
    let settlement = stage.attempt(&delivery(&stage.workflow)).await;
    assert_eq!(parked_for(&settlement), Some(Reason::SignalLimit));
}

#[tokio::test]
async fn a_run_that_the_server_ends_follows_the_closed_rule() {
    let limit = [
        ("limit.historyCount.warn", "10"),
        ("limit.historyCount.error", "30"),
    ];
    let Some(server) = server(&limit).await else {
        return;
    };
    let stage = stage(&server).await;
    let mut first_refused = None;
    for _ in 0..100 {
        let settlement = stage.attempt(&delivery(&stage.workflow)).await;
        if !is_delivered(&settlement) {
            first_refused = Some(settlement);
            break;
        }
    }
    let refused = first_refused.expect("the history is full");
    assert_eq!(parked_for(&refused), Some(Reason::WorkflowClosed));

    let mut anew = delivery(&stage.workflow);
    anew.rules.closed = Closed::Start(start(IdReuse::AllowDuplicate));
    assert!(is_delivered(&stage.attempt(&anew).await));
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 1);
}

#[tokio::test]
async fn a_throttled_namespace_is_told_from_a_busy_cluster() {
    let limit = [("frontend.namespaceRPS", "1")];
    let Some(server) = server(&limit).await else {
        return;
    };
    let address = server.address();
    let connected = Connected::to(&address).await;
    let temporal = &connected.temporal;
    let mut kinds = Vec::new();
    for _ in 0..50 {
        let asked = temporal.describe("default", "nobody", DEADLINE).await;
        kinds.extend(asked.err().map(|failure| failure.kind));
    }
    assert!(
        kinds.contains(&FailureKind::NamespaceThrottled),
        "{kinds:?}"
    );
}
