//! Events, replicas and what stands in Redis, for the cases beside this file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use signalpost::clock;
use signalpost::event::{Content, DedupKey, Delivery, Event, EventId, Reason, Target};
use signalpost::inbox::{Acceptance, Claim, Inbox, Note, Receipt, Settlement, redis};

use crate::support::eventually;
use crate::support::redis::Redis;

pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DONE: Settlement = Settlement::Delivered { run_id: None };

/// What must not be found again once it was erased.
pub(super) const SECRET: &str = "swordfish";

pub(super) async fn open(redis: &Redis) -> Inbox {
    Inbox::open_redis(&redis::Options::new(redis.url()))
        .await
        .unwrap()
}

pub(super) fn event(key: &str) -> Event {
    let body = format!(r#"{{"id":"{key}"}}"#);
    let now = clock::now();
    Event {
        id: EventId::at(now),
        source: Arc::from("stripe"),
        key: DedupKey {
            text: key.to_owned(),
            digest: false,
            retention: HOUR,
            strict: false,
        },
        kind: "paid".to_owned(),
        received_at: now,
        peer: "192.0.2.7".to_owned(),
        headers: Vec::new(),
        query: Vec::new(),
        claims: None,
        content: Content::Json(serde_json::from_str(&body).unwrap()),
        body: Bytes::from(body),
        secret: None,
        item: None,
    }
}

pub(super) fn delivery(event: &Event, workflow: &str) -> Delivery {
    let target = Target {
        namespace: "default".to_owned(),
        workflow: workflow.to_owned(),
        signal: "paid".to_owned(),
    };
    Delivery {
        args: format!("[{}]", String::from_utf8_lossy(&event.body)),
        ..Delivery::pending(event, Arc::from("payments"), target, "0".repeat(32))
    }
}

pub(super) async fn accept(inbox: &Inbox, event: Event, workflows: &[&str]) -> EventId {
    let id = event.id;
    let deliveries = workflows.iter().map(|it| delivery(&event, it)).collect();
    let receipt = inbox.accept(Acceptance { event, deliveries }).await;
    assert!(!matches!(receipt.unwrap(), Receipt::Duplicate { .. }));
    id
}

pub(super) fn note() -> Note {
    Note {
        who: "anna".to_owned(),
        text: None,
    }
}

pub(super) fn later() -> Settlement {
    Settlement::Retry {
        at: clock::now().plus(HOUR),
        error: "busy".to_owned(),
    }
}

pub(super) fn park() -> Settlement {
    Settlement::Parked {
        reason: Reason::WorkflowClosed,
        detail: "closed".to_owned(),
    }
}

/// Two replicas, and which of them the next head is claimed by.
pub(super) struct Pair(pub(super) [Inbox; 2]);

impl Pair {
    /// Both are open, and each works half of the partitions.
    pub(super) async fn open(redis: &Redis) -> Self {
        let pair = Self([open(redis).await, open(redis).await]);
        eventually("the partitions are shared out", || async {
            let halves = pair.0.each_ref().map(owned);
            let [one, other] = halves;
            one.await == 32 && other.await == 32
        })
        .await;
        pair
    }

    pub(super) async fn claim(&self) -> (usize, Claim) {
        let [one, other] = &self.0;
        let claimed = async {
            tokio::select! {
                mut claims = one.claim(1) => (0, claims.remove(0)),
                mut claims = other.claim(1) => (1, claims.remove(0)),
            }
        };
        tokio::time::timeout(Duration::from_secs(20), claimed)
            .await
            .expect("nothing became ready")
    }

    /// The one who does not work that lane.
    pub(super) fn other(&self, owner: usize) -> &Inbox {
        &self.0[1 - owner]
    }
}

pub(super) async fn owned(inbox: &Inbox) -> usize {
    let shared = inbox.count().await.unwrap().shared.unwrap();
    shared.partitions.len()
}

/// What stands under every key, as text.
pub(super) async fn contents(redis: &Redis) -> HashMap<String, String> {
    let mut connection = redis.connect().await;
    let mut all = HashMap::new();
    for name in redis.names().await {
        let kind: String = ::redis::cmd("TYPE")
            .arg(&name)
            .query_async(&mut connection)
            .await
            .unwrap();
        let read: &[&str] = match &*kind {
            "hash" => &["HGETALL"],
            "list" => &["LRANGE", "0", "-1"],
            "zset" => &["ZRANGE", "0", "-1"],
            "string" => &["GET"],
            other => panic!("{name} is a {other}"),
        };
        let found: ::redis::Value = ::redis::cmd(read[0])
            .arg(&name)
            .arg(&read[1..])
            .query_async(&mut connection)
            .await
            .unwrap();
        all.insert(name, format!("{found:?}"));
    }
    all
}
