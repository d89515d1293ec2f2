//! Cases about retention: what leaves, what stays, and what is said about it.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::Rng;
use proptest::test_runner::TestRunner;
use signalpost::event::EventId;
use signalpost::inbox::{Acceptance, Inbox, Overdue, Receipt, Retention};

use super::Home;
use super::samples::claim_all;
use super::samples::{DONE, HOUR, accept, acceptance, claim, counted, park};
use crate::support::within;

const DAY: Retention = Retention {
    age: Duration::from_hours(24),
    size: None,
};

fn two_days_ago(mut acceptance: Acceptance) -> Acceptance {
    let received = acceptance.event.received_at.minus(HOUR * 48);
    acceptance.event.received_at = received;
    acceptance.event.key.retention = HOUR * 24 * 90;
    for delivery in &mut acceptance.deliveries {
        delivery.accepted_at = received;
    }
    acceptance
}

/// Accepts it and has its one delivery made.
async fn delivered(inbox: &Inbox, acceptance: Acceptance) -> EventId {
    let id = accept(inbox, acceptance).await;
    let head = claim(inbox, 1).await.remove(0);
    assert_eq!(head.delivery.event, id);
    inbox.settle(head, DONE).await.unwrap();
    id
}

async fn until(inbox: &Inbox, what: &str, holds: impl AsyncFn(&Inbox) -> bool) {
    within(Duration::from_secs(30), what, || holds(inbox)).await;
}

async fn is_kept(inbox: &Inbox, id: EventId) -> bool {
    inbox.event(id).await.unwrap().is_some()
}

pub(super) async fn what_has_settled_leaves_when_it_is_old(home: impl Home) {
    let inbox = home.open_keeping(DAY).await;
    let old = delivered(&inbox, two_days_ago(acceptance("evt_1", &["w1"]))).await;
    let unrouted = accept(&inbox, two_days_ago(acceptance("evt_2", &[]))).await;
    let fresh = delivered(&inbox, acceptance("evt_3", &["w1"])).await;
    inbox.close().await;
    let inbox = home.open_keeping(DAY).await;
    until(&inbox, "the old ones leave", async |inbox| {
        !is_kept(inbox, old).await && !is_kept(inbox, unrouted).await
    })
    .await;
    assert!(is_kept(&inbox, fresh).await);
    let stats = counted(&inbox).await;
    assert_eq!((stats.delivered, stats.unrouted), (1, 0));
}

pub(super) async fn what_is_pending_or_parked_stays_and_is_told(home: impl Home) {
    let inbox = home.open_keeping(DAY).await;
    let sent = two_days_ago(acceptance("evt_1", &["w1", "w2"]));
    let bytes = sent.event.body.len() as u64;
    let half = accept(&inbox, sent).await;
    let mut claims = claim_all(&inbox, 2).await;
    inbox.settle(claims.remove(0), DONE).await.unwrap();
    inbox.settle(claims.remove(0), park()).await.unwrap();
    let pending = accept(&inbox, two_days_ago(acceptance("evt_2", &["w3"]))).await;
    let done = accept(&inbox, two_days_ago(acceptance("evt_3", &[]))).await;
    inbox.close().await;
    let inbox = home.open_keeping(DAY).await;
    let told = Overdue {
        events: 2,
        bytes: 2 * bytes,
    };
    until(&inbox, "both are told", async |inbox| {
        counted(inbox).await.overdue == told
    })
    .await;
    assert!(is_kept(&inbox, half).await && is_kept(&inbox, pending).await);
    assert!(!is_kept(&inbox, done).await);
    assert_eq!(
        inbox.event(half).await.unwrap().unwrap().deliveries.len(),
        2
    );
}

pub(super) async fn a_key_outlives_its_event(home: impl Home) {
    let inbox = home.open_keeping(DAY).await;
    let first = accept(&inbox, two_days_ago(acceptance("evt_1", &[]))).await;
    inbox.close().await;
    let inbox = home.open_keeping(DAY).await;
    until(&inbox, "the event leaves", async |inbox| {
        !is_kept(inbox, first).await
    })
    .await;
    let again = inbox.accept(acceptance("evt_1", &[])).await;
    let conflict = false;
    assert_eq!(again, Ok(Receipt::Duplicate { first, conflict }));
}

/// What no store makes smaller.
fn incompressible(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    TestRunner::deterministic().rng().fill_bytes(&mut bytes);
    Bytes::from(bytes)
}

pub(super) async fn the_oldest_leave_when_there_is_no_room(home: impl Home) {
    const ROOM: u64 = 4 << 20;
    let inbox = home.open().await;
    let held = accept(&inbox, acceptance("held", &["w1"])).await;
    let mut ids = Vec::new();
    for n in 0..40 {
        let mut large = acceptance(&n.to_string(), &[]);
        large.event.body = incompressible(256 << 10);
        ids.push(accept(&inbox, large).await);
    }
    inbox.close().await;
    let inbox = home.open().await;
    assert!(counted(&inbox).await.bytes > 2 * ROOM);
    inbox.close().await;
    let small = Retention {
        size: Some(ROOM),
        ..Retention::default()
    };
    let inbox = home.open_keeping(small).await;
    until(&inbox, "the first half leaves", async |inbox| {
        !is_kept(inbox, ids[20]).await
    })
    .await;
    assert!(is_kept(&inbox, held).await && is_kept(&inbox, ids[39]).await);
    // What a store still holds for its own use is gone when it is closed.
    let shrinks = async {
        let mut inbox = inbox;
        loop {
            inbox.close().await;
            inbox = home.open_keeping(small).await;
            if counted(&inbox).await.bytes <= ROOM + (ROOM / 4) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), shrinks)
        .await
        .expect("the room is given back");
}
