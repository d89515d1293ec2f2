//! An event and its delivery for the unit tests of every module above.

use std::time::Duration;

use bytes::Bytes;

use super::{Content, DedupKey, Delivery, Event, EventId, Target};
use crate::clock::Timestamp;

/// Of source `stripe`, accepted at `now`, with a body that is text.
pub(crate) fn event(now: Timestamp) -> Event {
    Event {
        id: EventId::at(now),
        source: "stripe".into(),
        key: DedupKey {
            text: "evt_1".to_owned(),
            digest: false,
            retention: Duration::from_hours(1),
            strict: false,
        },
        kind: "payment".to_owned(),
        received_at: now,
        peer: "192.0.2.7".to_owned(),
        headers: Vec::new(),
        query: Vec::new(),
        claims: None,
        body: Bytes::from_static(b"hello"),
        content: Content::Text,
        secret: None,
        item: None,
    }
}

/// To `order-1` in the default namespace, accepted at `now`.
pub(crate) fn delivery(now: Timestamp) -> Delivery {
    let target = Target {
        namespace: "default".to_owned(),
        workflow: "order-1".to_owned(),
        signal: "paid".to_owned(),
    };
    Delivery::pending(&event(now), "paid".into(), target, "0".repeat(32))
}
