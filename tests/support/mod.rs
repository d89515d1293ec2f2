//! What several suites share: the real binary, a fake Temporal, a real one, deliveries to send, a ledger.

pub(crate) mod authority;
pub(crate) mod chaos;
pub(crate) mod collector;
pub(crate) mod deliveries;
pub(crate) mod devserver;
pub(crate) mod dice;
pub(crate) mod disk;
pub(crate) mod exchange;
pub(crate) mod front;
pub(crate) mod gateway;
pub(crate) mod grpc;
pub(crate) mod handworker;
pub(crate) mod issuer;
pub(crate) mod ledger;
pub(crate) mod live;
pub(crate) mod operator;
pub(crate) mod plan;
pub(crate) mod provider;
pub(crate) mod redis;
pub(crate) mod relay;
#[path = "../../examples/orders/sender.rs"]
pub(crate) mod sender;
pub(crate) mod temporal;
pub(crate) mod terminal;
#[path = "../../examples/orders/worker.rs"]
pub(crate) mod worker;
pub(crate) mod workflows;

use std::future::Future;
use std::time::Duration;

/// Waits until `condition` holds; fails after a minute, naming what was waited for.
pub(crate) async fn eventually<F, C>(what: &str, condition: C)
where
    C: FnMut() -> F,
    F: Future<Output = bool>,
{
    within(Duration::from_mins(1), what, condition).await;
}

/// The same with a patience of one's own.
pub(crate) async fn within<F, C>(patience: Duration, what: &str, mut condition: C)
where
    C: FnMut() -> F,
    F: Future<Output = bool>,
{
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let wait = async {
        loop {
            tick.tick().await;
            if condition().await {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(patience, wait).await;
    assert!(in_time.is_ok(), "waited {patience:?} in vain: {what}");
}

/// The same for what can be seen without waiting.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    eventually(what, || std::future::ready(holds())).await;
}
