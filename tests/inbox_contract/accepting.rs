//! Cases about `accept`: dedup, conflicts, limits, and that all of an event is kept.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use signalpost::event::{Content, State};
use signalpost::inbox::{Error, Receipt};

use super::Home;
use super::samples::{HOUR, accept, acceptance, counted, event, routed};

pub(super) async fn racing_duplicates_are_accepted_once(home: impl Home) {
    let inbox = home.open().await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let inbox = inbox.clone();
            tokio::spawn(async move { inbox.accept(acceptance("evt_1", &["order-1"])).await })
        })
        .collect();
    let (mut accepted, mut firsts) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap().unwrap() {
            Receipt::Accepted { event, deliveries } => accepted.push((event, deliveries)),
            Receipt::Duplicate { first, conflict } => firsts.push((first, conflict)),
            unrouted @ Receipt::Unrouted { .. } => panic!("{unrouted:?}"),
        }
    }
    let [(event, 1)] = accepted[..] else {
        panic!("{accepted:?}")
    };
    assert_eq!(firsts, vec![(event, false); 49]);
    assert_eq!(counted(&inbox).await.pending, 1);
}

pub(super) async fn a_duplicate_names_the_first_and_is_counted(home: impl Home) {
    let inbox = home.open().await;
    let first = accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    inbox.close().await;
    let inbox = home.open().await;
    for _ in 0..3 {
        let again = inbox.accept(acceptance("evt_1", &["order-1"])).await;
        assert_eq!(
            again,
            Ok(Receipt::Duplicate {
                first,
                conflict: false
            })
        );
    }
    let record = inbox.event(first).await.unwrap().unwrap();
    assert_eq!((record.duplicates, record.conflicts), (3, 0));
    assert_eq!(record.deliveries.len(), 1);
}

pub(super) async fn an_expired_key_is_accepted_anew(home: impl Home) {
    let inbox = home.open().await;
    let mut old = acceptance("evt_1", &["order-1"]);
    old.event.received_at = old.event.received_at.minus(HOUR + Duration::from_secs(1));
    let mut recent = acceptance("evt_2", &["order-2"]);
    recent.event.received_at = recent.event.received_at.minus(HOUR / 2);
    let old = accept(&inbox, old).await;
    let recent = accept(&inbox, recent).await;
    let anew = accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    assert_ne!(anew, old);
    assert_eq!(
        inbox.accept(acceptance("evt_1", &["order-1"])).await,
        Ok(Receipt::Duplicate {
            first: anew,
            conflict: false
        })
    );
    assert_eq!(
        inbox.accept(acceptance("evt_2", &["order-2"])).await,
        Ok(Receipt::Duplicate {
            first: recent,
            conflict: false
        })
    );
}

pub(super) async fn the_same_key_of_two_sources_is_two_events(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, routed(event("stripe", "1"), &["order-1"])).await;
    accept(&inbox, routed(event("shopify", "1"), &["order-1"])).await;
    assert_eq!(counted(&inbox).await.pending, 2);
}

pub(super) async fn another_body_is_marked_as_a_conflict(home: impl Home) {
    let inbox = home.open().await;
    let first = accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let mut other = acceptance("evt_1", &["order-1"]);
    other.event.body = Bytes::from_static(b"{}");
    assert_eq!(
        inbox.accept(other).await,
        Ok(Receipt::Duplicate {
            first,
            conflict: true
        })
    );
    let record = inbox.event(first).await.unwrap().unwrap();
    assert_eq!((record.duplicates, record.conflicts), (1, 1));
}

pub(super) async fn another_body_of_a_strict_key_is_refused(home: impl Home) {
    let inbox = home.open().await;
    let strict = |body: &'static [u8]| {
        let mut acceptance = acceptance("evt_1", &["order-1"]);
        acceptance.event.key.strict = true;
        acceptance.event.body = Bytes::from_static(body);
        acceptance
    };
    let first = accept(&inbox, strict(b"{}")).await;
    assert_eq!(
        inbox.accept(strict(b"[]")).await,
        Err(Error::Conflict { first })
    );
    assert_eq!(
        inbox.accept(strict(b"{}")).await,
        Ok(Receipt::Duplicate {
            first,
            conflict: false
        })
    );
    let record = inbox.event(first).await.unwrap().unwrap();
    assert_eq!(record.conflicts, 1);
}

pub(super) async fn an_unrouted_event_is_kept(home: impl Home) {
    let inbox = home.open().await;
    let sent = acceptance("evt_1", &[]);
    let id = sent.event.id;
    assert_eq!(
        inbox.accept(sent).await,
        Ok(Receipt::Unrouted { event: id })
    );
    assert!(
        inbox
            .event(id)
            .await
            .unwrap()
            .unwrap()
            .deliveries
            .is_empty()
    );
    let stats = counted(&inbox).await;
    assert_eq!((stats.unrouted, stats.pending), (1, 0));
}

pub(super) async fn everything_of_an_event_is_kept(home: impl Home) {
    let inbox = home.open().await;
    let mut sent = event("stripe", "evt_1");
    sent.headers.push(("x-id".to_owned(), "ü\"".to_owned()));
    sent.query = vec![
        ("a".to_owned(), String::new()),
        ("a".to_owned(), "2".to_owned()),
    ];
    sent.claims = Some(json!({"sub": "u1", "roles": ["ops"]}));
    sent.secret = None;
    let contents = [
        (Content::Json(json!({"n": 1})), &b"{\"n\":1}"[..]),
        (Content::Form(json!({"a": ["1", "2"]})), b"a=1&a=2"),
        (Content::Text, b"plain"),
        (Content::Binary, b"\xff\x00"),
    ];
    for (number, (content, body)) in contents.into_iter().enumerate() {
        let mut sent = sent.clone();
        sent.id = signalpost::event::EventId::at(sent.received_at);
        sent.key.text = format!("evt_{number}");
        (sent.content, sent.body) = (content, Bytes::from_static(body));
        let acceptance = routed(sent.clone(), &["b", "a"]);
        let deliveries: Vec<_> = acceptance.deliveries.clone();
        accept(&inbox, acceptance).await;
        let kept = inbox.event(sent.id).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", kept.event), format!("{sent:?}"));
        assert_eq!(format!("{:?}", kept.deliveries), format!("{deliveries:?}"));
        let one = inbox.delivery(deliveries[1].id).await.unwrap().unwrap();
        assert_eq!(format!("{one:?}"), format!("{:?}", deliveries[1]));
    }
}

pub(super) async fn a_long_backlog_is_refused(home: impl Home) {
    let inbox = home.open_with(4).await;
    accept(&inbox, routed(event("a", "1"), &["w1", "w2"])).await;
    accept(&inbox, routed(event("b", "1"), &["w1", "w2"])).await;
    let refused = inbox.accept(routed(event("c", "1"), &["w1"])).await;
    assert_eq!(refused, Err(Error::Backlog { source_only: false }));
    // What does not lengthen the backlog still comes in.
    accept(&inbox, routed(event("c", "1"), &[])).await;
    let mut parked = routed(event("c", "2"), &["w1"]);
    parked.deliveries[0].state = State::Parked;
    accept(&inbox, parked).await;
}

pub(super) async fn one_source_may_fill_half_of_the_backlog(home: impl Home) {
    let inbox = home.open_with(4).await;
    accept(&inbox, routed(event("a", "1"), &["w1", "w2"])).await;
    let refused = inbox.accept(routed(event("a", "2"), &["w1"])).await;
    assert_eq!(refused, Err(Error::Backlog { source_only: true }));
    accept(&inbox, routed(event("b", "1"), &["w1"])).await;
}

pub(super) async fn a_closed_inbox_promises_nothing(home: impl Home) {
    let inbox = home.open().await;
    inbox.close().await;
    inbox.close().await;
    let refused = inbox.accept(acceptance("evt_1", &["w"])).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(inbox.stats().trouble.is_some());
}
