//! What several suites share: a fake Temporal, a real one, deliveries to send.

pub(crate) mod deliveries;
pub(crate) mod devserver;
pub(crate) mod grpc;
pub(crate) mod temporal;

use std::time::Duration;

/// Waits until `holds` does, and fails the test where that takes too long.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    in_time.unwrap_or_else(|_| panic!("not in time: {what}"));
}
