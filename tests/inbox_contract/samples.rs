//! Events and deliveries to play with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use signalpost::clock::{self, Timestamp};
use signalpost::event::{Content, DedupKey, Delivery, Event, EventId, Reason, Target};
use signalpost::inbox::{Acceptance, Claim, Inbox, Receipt, Settlement, Stats};

pub(super) const DONE: Settlement = Settlement::Delivered { run_id: None };

pub(super) const HOUR: Duration = Duration::from_hours(1);

pub(super) fn event(source: &str, key: &str) -> Event {
    let body = format!(r#"{{"id":"{key}"}}"#);
    let now = clock::now();
    Event {
        id: EventId::at(now),
        source: Arc::from(source),
        key: DedupKey {
            text: key.to_owned(),
            digest: false,
            retention: HOUR,
            strict: false,
        },
        kind: "payment.succeeded".to_owned(),
        received_at: now,
        peer: "192.0.2.7".to_owned(),
        headers: vec![("x-id".to_owned(), key.to_owned())],
        query: Vec::new(),
        claims: None,
        content: Content::Json(serde_json::from_str(&body).unwrap()),
        body: Bytes::from(body),
        secret: Some(0),
        item: None,
    }
}

pub(super) fn delivery(event: &Event, workflow: &str) -> Delivery {
    let target = Target {
        namespace: "default".to_owned(),
        workflow: workflow.to_owned(),
        signal: "payment_received".to_owned(),
    };
    let request_id = "0123456789abcdef0123456789abcdef".to_owned();
    Delivery {
        args: format!("[{}]", String::from_utf8_lossy(&event.body)),
        ..Delivery::pending(event, Arc::from("payments"), target, request_id)
    }
}

/// An event of source `stripe` with one delivery to each of the workflows.
pub(super) fn acceptance(key: &str, workflows: &[&str]) -> Acceptance {
    routed(event("stripe", key), workflows)
}

pub(super) fn routed(event: Event, workflows: &[&str]) -> Acceptance {
    let deliveries = workflows
        .iter()
        .map(|workflow| delivery(&event, workflow))
        .collect();
    Acceptance { event, deliveries }
}

/// Accepts what must be new and returns its id.
pub(super) async fn accept(inbox: &Inbox, acceptance: Acceptance) -> EventId {
    match inbox.accept(acceptance).await.unwrap() {
        Receipt::Accepted { event, .. } | Receipt::Unrouted { event } => event,
        duplicate @ Receipt::Duplicate { .. } => panic!("{duplicate:?}"),
    }
}

/// Claims what is ready now; fails the test if that takes too long.
pub(super) async fn claim(inbox: &Inbox, max: usize) -> Vec<Claim> {
    tokio::time::timeout(Duration::from_secs(10), inbox.claim(max))
        .await
        .expect("nothing became ready")
}

/// So many heads of as many lanes, sorted by key and workflow: a store elsewhere may show one lane after another.
pub(super) async fn claim_all(inbox: &Inbox, count: usize) -> Vec<Claim> {
    let mut claims = Vec::new();
    while claims.len() < count {
        claims.extend(claim(inbox, count - claims.len()).await);
    }
    claims.sort_by_key(|claim| {
        let delivery = &claim.delivery;
        (key_of(delivery), delivery.target.workflow.clone())
    });
    claims
}

/// A store elsewhere has to be asked before a claim resolves: for so long it must not.
const QUIET: Duration = Duration::from_millis(50);

/// Nothing is ready: a claim does not resolve, be it polled once where all is in memory, or for a while where it is not.
pub(super) async fn assert_nothing_ready(inbox: &Inbox) {
    let claim = std::pin::pin!(inbox.claim(10));
    match inbox {
        Inbox::Embedded(_) => {
            if let Some(claims) = polled_once(claim).await {
                panic!("{claims:?}");
            }
        }
        Inbox::Redis(_) => {
            if let Ok(claims) = tokio::time::timeout(QUIET, claim).await {
                panic!("{claims:?}");
            }
        }
    }
}

/// What a future comes to that is polled once and then dropped.
pub(super) async fn polled_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let future = std::pin::pin!(future);
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}

pub(super) fn keys(claims: &[Claim]) -> Vec<String> {
    claims.iter().map(|claim| key_of(&claim.delivery)).collect()
}

/// The key stands in the arguments: `[{"id":"KEY"}]`.
pub(super) fn key_of(delivery: &Delivery) -> String {
    let args: serde_json::Value = serde_json::from_str(&delivery.args).unwrap();
    args[0]["id"].as_str().unwrap().to_owned()
}

pub(super) fn in_an_hour() -> Timestamp {
    clock::now().plus(HOUR)
}

pub(super) fn park() -> Settlement {
    Settlement::Parked {
        reason: Reason::WorkflowClosed,
        detail: "closed".to_owned(),
    }
}

/// The figures as they are now; a shared home else tells those of a second ago.
pub(super) async fn counted(inbox: &Inbox) -> Stats {
    inbox.count().await.unwrap()
}
