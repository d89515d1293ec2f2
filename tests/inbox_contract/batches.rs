//! Cases about several events of one request: one step, one body, and each its own life.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use signalpost::event::{Content, Event, EventId, Item};
use signalpost::inbox::{Acceptance, Error, Receipt, Retention};

use super::Home;
use super::samples::{
    DONE, HOUR, assert_nothing_ready, claim, claim_all, counted, event, keys, routed,
};
use crate::support::within;

/// Items with these keys, as parts of one body, each to its workflow.
fn batch(items: &[(&str, &str)]) -> Vec<Acceptance> {
    let texts: Vec<String> = items
        .iter()
        .map(|(key, _)| format!(r#"{{"id":"{key}"}}"#))
        .collect();
    let whole = Bytes::from(format!(r#"{{"of":"one","events":[{}]}}"#, texts.join(", ")));
    let content = Content::Json(serde_json::from_slice(&whole).unwrap());
    let whole_content = Arc::new(content);
    let mut at = br#"{"of":"one","events":["#.len();
    let mut all = Vec::new();
    for (number, ((key, workflow), text)) in items.iter().zip(&texts).enumerate() {
        let event = Event {
            body: whole.slice(at..at + text.len()),
            item: Some(Item {
                number,
                at: Some(at),
                whole: whole.clone(),
                whole_content: Arc::clone(&whole_content),
            }),
            ..event("stripe", key)
        };
        at += text.len() + 2;
        all.push(routed(event, &[workflow]));
    }
    all
}

fn ids(acceptances: &[Acceptance]) -> Vec<EventId> {
    acceptances.iter().map(|it| it.event.id).collect()
}

const fn new(event: EventId) -> Receipt {
    Receipt::Accepted {
        event,
        deliveries: 1,
    }
}

const fn repeat(first: EventId) -> Receipt {
    Receipt::Duplicate {
        first,
        conflict: false,
    }
}

pub(super) async fn items_are_kept_in_their_order_and_point_into_one_body(home: impl Home) {
    let inbox = home.open().await;
    let sent = batch(&[("a", "w1"), ("b", "w2"), ("c", "w1"), ("d", "w1")]);
    let events: Vec<Event> = sent.iter().map(|it| it.event.clone()).collect();
    let ids = ids(&sent);
    let receipts = inbox.accept_all(sent).await.unwrap();
    assert_eq!(receipts, ids.iter().map(|id| new(*id)).collect::<Vec<_>>());
    assert_eq!(home.shared_bodies().await, 1);
    for (id, sent) in ids.iter().zip(&events) {
        let kept = inbox.event(*id).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", kept.event), format!("{sent:?}"));
        let [delivery] = &kept.deliveries[..] else {
            panic!("{:?}", kept.deliveries)
        };
        let body = String::from_utf8_lossy(&sent.body);
        assert_eq!(delivery.args, format!("[{body}]"));
        let alone = inbox.delivery(delivery.id).await.unwrap().unwrap();
        assert_eq!(alone.args, delivery.args);
    }
    // Not from memory: as a restart finds them.
    inbox.close().await;
    let inbox = home.open().await;
    let mut order = Vec::new();
    for claims in [2, 1, 1] {
        for claim in claim_all(&inbox, claims).await {
            order.extend(keys(std::slice::from_ref(&claim)));
            inbox.settle(claim, DONE).await.unwrap();
        }
    }
    assert_eq!(order, ["a", "b", "c", "d"]);
}

pub(super) async fn a_repeat_within_a_batch_is_one_event(home: impl Home) {
    let inbox = home.open().await;
    let sent = batch(&[("a", "w1"), ("b", "w1"), ("a", "w1")]);
    let ids = ids(&sent);
    let receipts = inbox.accept_all(sent).await.unwrap();
    assert_eq!(receipts, [new(ids[0]), new(ids[1]), repeat(ids[0])]);
    let first = inbox.event(ids[0]).await.unwrap().unwrap();
    assert_eq!((first.duplicates, first.conflicts), (1, 0));
    assert!(inbox.event(ids[2]).await.unwrap().is_none());
    assert_eq!(counted(&inbox).await.pending, 2);
}

pub(super) async fn what_was_seen_before_stays_and_what_is_new_is_kept(home: impl Home) {
    let inbox = home.open().await;
    let before = batch(&[("a", "w1"), ("b", "w2")]);
    let first = ids(&before);
    inbox.accept_all(before).await.unwrap();
    let sent = batch(&[("b", "w2"), ("c", "w3"), ("a", "w1")]);
    let later = ids(&sent);
    let receipts = inbox.accept_all(sent).await.unwrap();
    assert_eq!(
        receipts,
        [repeat(first[1]), new(later[1]), repeat(first[0])]
    );
    let again = inbox.accept_all(batch(&[("c", "w3"), ("a", "w1")])).await;
    assert_eq!(again.unwrap(), [repeat(later[1]), repeat(first[0])]);
    assert_eq!(
        home.shared_bodies().await,
        2,
        "none for what brought nothing new"
    );
    assert_eq!(keys(&claim_all(&inbox, 3).await), ["a", "b", "c"]);
}

pub(super) async fn one_that_conflicts_with_a_strict_key_refuses_all(home: impl Home) {
    let inbox = home.open().await;
    let strict = |key: &str, body: &'static [u8]| {
        let mut one = routed(event("stripe", key), &["w1"]);
        one.event.key.strict = true;
        one.event.body = Bytes::from_static(body);
        one
    };
    let before = strict("b", b"{}");
    let first = before.event.id;
    inbox.accept(before).await.unwrap();
    let sent = vec![strict("a", b"{}"), strict("b", b"[]"), strict("c", b"{}")];
    let ids = ids(&sent);
    assert_eq!(inbox.accept_all(sent).await, Err(Error::Conflict { first }));
    for id in ids {
        assert!(inbox.event(id).await.unwrap().is_none());
    }
    let kept = inbox.event(first).await.unwrap().unwrap();
    assert_eq!((kept.duplicates, kept.conflicts), (1, 1));
    let again = inbox.accept_all(vec![strict("a", b"{}")]).await.unwrap();
    assert!(
        matches!(again[..], [Receipt::Accepted { .. }]),
        "no key was taken"
    );
}

pub(super) async fn the_backlog_takes_a_batch_whole_or_not_at_all(home: impl Home) {
    let inbox = home.open_with(6).await;
    inbox.accept_all(batch(&[("a", "w1")])).await.unwrap();
    let refused = inbox
        .accept_all(batch(&[("b", "w1"), ("c", "w2"), ("d", "w3")]))
        .await;
    assert_eq!(refused, Err(Error::Backlog { source_only: true }));
    assert_eq!(counted(&inbox).await.pending, 1);
    let taken = inbox
        .accept_all(batch(&[("b", "w1"), ("c", "w2")]))
        .await
        .unwrap();
    assert_eq!(taken.len(), 2);
    assert_eq!(counted(&inbox).await.pending, 3);
}

pub(super) async fn racing_batches_keep_each_item_once(home: impl Home) {
    let inbox = home.open().await;
    let tasks: Vec<_> = (0..20)
        .map(|turn: usize| {
            let inbox = inbox.clone();
            let mut items = [("a", "w1"), ("b", "w2"), ("c", "w3")];
            items.rotate_left(turn % 3);
            tokio::spawn(async move { inbox.accept_all(batch(&items)).await.unwrap() })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        let receipts = task.await.unwrap();
        accepted += receipts
            .iter()
            .filter(|receipt| matches!(receipt, Receipt::Accepted { .. }))
            .count();
    }
    assert_eq!(accepted, 3);
    assert_eq!(counted(&inbox).await.pending, 3);
}

pub(super) async fn an_erased_item_is_gone_from_the_body_that_the_others_keep(home: impl Home) {
    let inbox = home.open().await;
    let sent = batch(&[("private", "w1"), ("b", "w2"), ("c", "w3")]);
    let ids = ids(&sent);
    inbox.accept_all(sent).await.unwrap();
    for claim in claim_all(&inbox, 3).await {
        inbox.settle(claim, DONE).await.unwrap();
    }
    assert_nothing_ready(&inbox).await;
    inbox.erase(ids[0]).await.unwrap();
    inbox.erase(ids[0]).await.unwrap();
    let erased = inbox.event(ids[0]).await.unwrap().unwrap();
    assert!(erased.erased_at.is_some() && erased.event.body.is_empty());
    let other = inbox.event(ids[2]).await.unwrap().unwrap().event;
    assert_eq!(&other.body[..], br#"{"id":"c"}"#);
    let item = other.item.unwrap();
    assert!(!String::from_utf8_lossy(&item.whole).contains("private"));
    let Content::Json(whole) = &*item.whole_content else {
        panic!("{:?}", item.whole_content)
    };
    assert_eq!(
        whole["events"],
        serde_json::json!([null, {"id":"b"}, {"id":"c"}])
    );
    inbox.erase(ids[1]).await.unwrap();
    inbox.erase(ids[2]).await.unwrap();
    let last = inbox.event(ids[2]).await.unwrap().unwrap().event;
    assert!(
        last.item.unwrap().whole.is_empty(),
        "the rest goes with the last"
    );
}

pub(super) async fn items_that_were_computed_have_copies_of_their_own(home: impl Home) {
    let inbox = home.open().await;
    let mut sent = batch(&[("a", "w1"), ("b", "w2")]);
    for acceptance in &mut sent {
        acceptance.event.item.as_mut().unwrap().at = None;
    }
    let ids = ids(&sent);
    inbox.accept_all(sent).await.unwrap();
    for claim in claim_all(&inbox, 2).await {
        inbox.settle(claim, DONE).await.unwrap();
    }
    assert_nothing_ready(&inbox).await;
    let kept = inbox.event(ids[1]).await.unwrap().unwrap().event;
    assert!(!kept.item.unwrap().whole.is_empty());
    inbox.erase(ids[0]).await.unwrap();
    let kept = inbox.event(ids[1]).await.unwrap().unwrap().event;
    assert_eq!(&kept.body[..], br#"{"id":"b"}"#);
    assert!(
        kept.item.unwrap().whole.is_empty(),
        "what was erased stood in it too"
    );
}

pub(super) async fn a_shared_body_leaves_with_the_last_of_its_events(home: impl Home) {
    let day = Retention {
        age: Duration::from_hours(24),
        size: None,
    };
    let inbox = home.open_keeping(day).await;
    let mut sent = batch(&[("a", "w1"), ("b", "w2")]);
    for acceptance in &mut sent {
        let received = acceptance.event.received_at.minus(HOUR * 48);
        acceptance.event.received_at = received;
        acceptance.event.key.retention = HOUR * 24 * 90;
    }
    let ids = ids(&sent);
    inbox.accept_all(sent).await.unwrap();
    let mut heads = claim_all(&inbox, 2).await;
    inbox.settle(heads.remove(0), DONE).await.unwrap();
    drop(heads);
    inbox.close().await;
    let inbox = home.open_keeping(day).await;
    let patience = Duration::from_secs(30);
    within(patience, "the first leaves", || async {
        inbox.event(ids[0]).await.unwrap().is_none()
    })
    .await;
    let kept = inbox.event(ids[1]).await.unwrap().unwrap();
    assert_eq!(&kept.event.body[..], br#"{"id":"b"}"#);
    assert_eq!(home.shared_bodies().await, 1);
    let last = claim(&inbox, 1).await.remove(0);
    inbox.settle(last, DONE).await.unwrap();
    inbox.close().await;
    let inbox = home.open_keeping(day).await;
    within(patience, "the last leaves", || async {
        inbox.event(ids[1]).await.unwrap().is_none()
    })
    .await;
    assert_eq!(home.shared_bodies().await, 0);
}
