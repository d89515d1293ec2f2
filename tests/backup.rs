//! Backups made beside a busy gateway, and what is delivered after a restore: all of it, and nothing twice.

mod commands;
mod redis;

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use crate::cli::signalpost;
use crate::support::chaos::Wire;
use crate::support::gateway::{Gateway, Setup};
use crate::support::live::LiveWorker;
use crate::support::provider::{self, Progress};
use crate::support::workflows::{PrivateServer, Workflows, unique};
use crate::support::{eventually, ledger, sender};

const WORKFLOWS: usize = 16;
const EACH: usize = 60;

/// `signalpost store …` about this store.
async fn store(path: &Path, arguments: &[&str]) -> Output {
    let mut command = signalpost(&["store", "-o", "json"]);
    command.args(arguments).arg("--store").arg(path);
    tokio::task::spawn_blocking(move || command.output().expect("the binary runs"))
        .await
        .expect("a thread")
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The one sentence that a command gives up with.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {said}");
    said
}

async fn answered(progress: &Progress, count: usize) {
    eventually(&format!("{count} events are answered"), || {
        std::future::ready(progress.answered.load(Ordering::Relaxed) >= count)
    })
    .await;
}

/// How many of an order's events the store has; they are the first ones, for the next is sent after a yes.
async fn kept(gateway: &Gateway, order: &str) -> usize {
    let path = format!("/v1/events?workflow=order-{order}&limit=1000");
    let (status, page) = gateway.get(&path).await;
    assert_eq!(status, 200, "{page}");
    let events = page["events"].as_array().expect("events");
    for event in events {
        assert_eq!(event["state"], "delivered", "{event}");
    }
    events.len()
}

/// Compares histories with the store; how many events that has.
async fn each_once(gateway: &Gateway, workflows: &Workflows, orders: &[String]) -> usize {
    let mut all = 0;
    for order in orders {
        let kept = kept(gateway, order).await;
        let runs = workflows.live_runs(&format!("order-{order}"), kept).await;
        let arrived: Vec<String> = runs
            .iter()
            .flat_map(|run| &run.signals)
            .map(|signal| ledger::payment(&signal.args[0]))
            .collect();
        let first: Vec<String> = (0..arrived.len())
            .map(|number| format!("pi_{}", provider::event(order, number)))
            .collect();
        assert_eq!(arrived, first, "each once and in order, from the first on");
        all += kept;
    }
    all
}

/// Deliveries are slow, workflows continue as new all the while, and the gateway dies long after the backup: most of what is
/// pending in that has been delivered by then, to runs that are over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backup_holds_as_pending_is_delivered_once_whatever_has_happened_since() {
    let server = PrivateServer::quick().await;
    let _worker = LiveWorker::start(server.address());
    let wire = Wire::to(server.address()).await;
    let mut gateway = Setup::new(ledger::ROUTES, wire.address())
        .env("SECRET", sender::STRIPE_SECRET)
        .start()
        .await;
    gateway.connected().await;
    let workflows = server.workflows().await;
    let orders: Vec<String> = (0..WORKFLOWS).map(|_| unique("b")).collect();
    workflows.start_all_live(&orders, &[7; WORKFLOWS]).await;
    wire.slow_down(Duration::from_millis(40));
    let progress = Arc::<Progress>::default();
    let bases = provider::bases([gateway.public()]);
    let providers = provider::provide_all(&orders, EACH, &bases, &progress);

    answered(&progress, WORKFLOWS * EACH / 4).await;
    let path = gateway.store();
    let copy = gateway.folder().join("copy.db");
    let copy = copy.to_str().expect("a path");
    let made = json(&store(&path, &["backup", copy]).await);
    let (events, pending) = (made["events"].as_u64(), made["pending"].as_u64());
    assert!(
        events >= Some((WORKFLOWS * EACH / 4) as u64) && pending > Some(0),
        "{made}"
    );
    let refused = refusal(&store(&path, &["restore", copy]).await);
    assert!(refused.contains("in use by process"), "{refused}");

    answered(&progress, WORKFLOWS * EACH * 3 / 4).await;
    drop(providers);
    wire.slow_down(Duration::ZERO);
    eventually("what the backup holds is delivered, nearly", || async {
        let text = gateway.metrics().await;
        ledger::sum(
            &text,
            "signalpost_deliveries_total{route=\"payment\",outcome=\"delivered\"}",
        ) + 10
            >= events.expect("a count")
    })
    .await;
    gateway.kill();
    let restored = json(&store(&path, &["restore", copy]).await);
    assert_eq!(
        (&restored["events"], &restored["pending"]),
        (&made["events"], &made["pending"]),
        "what was in the backup"
    );
    let replaced = restored["replaced"].as_str().expect("the store before");
    assert!(Path::new(replaced).is_file(), "{replaced}");

    gateway.restart().await;
    gateway.settled().await;
    gateway.says(&["searched the workflow's history"]).await;
    let all = each_once(&gateway, &workflows, &orders).await;
    assert_eq!(Some(all as u64), events, "all events of the backup");
    eprintln!(
        "backup: {all} events, {} of them pending in it, 0 twice",
        pending.expect("a count")
    );
}

/// The store itself knows that they were never sent; a copy of it would say so for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_claimed_when_a_backup_was_made_is_not_delivered_twice() {
    let server = PrivateServer::quick().await;
    let _worker = LiveWorker::start(server.address());
    let workflows = server.workflows().await;
    let orders = [unique("never")];
    workflows.start_all_live(&orders, &[3]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let copy = folder.path().join("copy.db");
    let copy = copy.to_str().expect("a path");
    let gateway = |temporal: &str| {
        Setup::new(ledger::ROUTES, temporal)
            .env("SECRET", sender::STRIPE_SECRET)
            .store(path.clone())
            .start()
    };
    // While Temporal is away nothing is claimed.
    let before = gateway("127.0.0.1:1").await;
    for number in 0..10 {
        let body = sender::payment(&orders[0], &provider::event(&orders[0], number), 1);
        let answer = sender::stripe(before.public(), sender::STRIPE_SECRET, &body).await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
    let made = json(&store(&path, &["backup", copy]).await);
    assert_eq!(made["pending"], 10, "{made}");
    drop(before);
    let meanwhile = gateway(server.address()).await;
    meanwhile.settled().await;
    assert_eq!(each_once(&meanwhile, &workflows, &orders).await, 10);
    drop(meanwhile);
    json(&store(&path, &["restore", copy]).await);
    let after = gateway(server.address()).await;
    after.settled().await;
    assert_eq!(each_once(&after, &workflows, &orders).await, 10);
}
