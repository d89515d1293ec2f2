//! Cases about what the inbox tells of the past.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use signalpost::clock::Timestamp;
use signalpost::event::{Event, State};
use signalpost::inbox::{Error, EventFilter, EventState, Inbox, Page};

use super::Home;
use super::samples::{accept, acceptance, counted, event, routed};

fn all() -> EventFilter {
    EventFilter {
        limit: 1_000,
        ..EventFilter::default()
    }
}

async fn page(inbox: &Inbox, filter: EventFilter) -> Page {
    inbox.events(filter).await.unwrap()
}

async fn found(inbox: &Inbox, filter: EventFilter) -> Vec<String> {
    let page = page(inbox, filter).await;
    assert_eq!(page.next, None);
    page.events
        .into_iter()
        .map(|record| record.event.key.text)
        .collect()
}

/// Three events that differ in everything one can ask for.
async fn mixed(inbox: &Inbox) {
    accept(inbox, routed(event("stripe", "a"), &["order-1", "order-2"])).await;
    let carrier = Event {
        kind: "parcel.moved".to_owned(),
        ..event("carrier", "b")
    };
    let mut moved = routed(carrier, &["order-1"]);
    moved.deliveries[0].route = Arc::from("parcels");
    moved.deliveries[0].state = State::Parked;
    accept(inbox, moved).await;
    accept(inbox, routed(event("stripe", "c"), &[])).await;
}

pub(super) async fn each_filter_finds_its_own(home: impl Home) {
    type Case = (fn(&mut EventFilter), &'static [&'static str]);
    let inbox = home.open().await;
    mixed(&inbox).await;
    let cases: [Case; 13] = [
        (|_| {}, &["c", "b", "a"]),
        (|f| f.source = Some("stripe".into()), &["c", "a"]),
        (|f| f.source = Some("' OR 1=1 --".into()), &[]),
        (|f| f.kind = Some("parcel.moved".into()), &["b"]),
        (|f| f.kind = Some("parcel".into()), &[]),
        (|f| f.key = Some("a".into()), &["a"]),
        (|f| f.workflow = Some("order-1".into()), &["b", "a"]),
        (|f| f.workflow = Some("order-2".into()), &["a"]),
        (|f| f.route = Some("parcels".into()), &["b"]),
        (|f| f.state = Some(EventState::Unrouted), &["c"]),
        (|f| f.state = Some(EventState::Of(State::Parked)), &["b"]),
        (|f| f.state = Some(EventState::Of(State::Pending)), &["a"]),
        (|f| f.state = Some(EventState::Of(State::Delivered)), &[]),
    ];
    for (narrow, expected) in cases {
        let mut filter = all();
        narrow(&mut filter);
        assert_eq!(found(&inbox, filter.clone()).await, expected, "{filter:?}");
    }
}

pub(super) async fn filters_hold_together(home: impl Home) {
    let inbox = home.open().await;
    mixed(&inbox).await;
    let both = EventFilter {
        source: Some("stripe".to_owned()),
        workflow: Some("order-1".to_owned()),
        state: Some(EventState::Of(State::Pending)),
        ..all()
    };
    assert_eq!(found(&inbox, both.clone()).await, ["a"]);
    let none = EventFilter {
        route: Some("parcels".to_owned()),
        ..both
    };
    assert!(found(&inbox, none).await.is_empty());
}

pub(super) async fn pages_join_without_gap_or_repeat(home: impl Home) {
    let inbox = home.open().await;
    for n in 0..25 {
        let mut sent = acceptance(&format!("{n:02}"), &["w"]);
        // Several share a time, so that the cursor must tell them apart.
        sent.event.received_at = Timestamp::from_seconds(1_000 + n / 4);
        accept(&inbox, sent).await;
    }
    let mut expected: Vec<_> = (0..25).map(|n| format!("{n:02}")).collect();
    for (source, ascending) in [
        (None, true),
        (Some("stripe".to_owned()), true),
        (None, false),
        (Some("stripe".to_owned()), false),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let filter = EventFilter {
                limit: 3,
                cursor,
                source: source.clone(),
                ascending,
                ..EventFilter::default()
            };
            let page = page(&inbox, filter).await;
            assert!(page.events.len() <= 3);
            seen.extend(page.events.into_iter().map(|record| record.event.key.text));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        expected.sort_unstable();
        if !ascending {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

pub(super) async fn times_bound_a_list(home: impl Home) {
    let inbox = home.open().await;
    let start = Timestamp::from_seconds(1_000);
    for n in 0..5_u64 {
        let mut sent = acceptance(&n.to_string(), &["w"]);
        sent.event.received_at = start.plus(Duration::from_secs(n));
        accept(&inbox, sent).await;
    }
    let bounds = EventFilter {
        since: Some(start.plus(Duration::from_secs(1))),
        until: Some(start.plus(Duration::from_secs(3))),
        ..all()
    };
    assert_eq!(found(&inbox, bounds.clone()).await, ["3", "2", "1"]);
    let first = page(
        &inbox,
        EventFilter {
            limit: 2,
            ..bounds.clone()
        },
    )
    .await;
    let rest = EventFilter {
        cursor: first.next,
        ..bounds
    };
    assert_eq!(found(&inbox, rest).await, ["1"]);
}

pub(super) async fn a_strange_cursor_is_refused(home: impl Home) {
    let inbox = home.open().await;
    for number in 0..3 {
        accept(&inbox, acceptance(&number.to_string(), &["order"])).await;
    }
    let with = |cursor: String| EventFilter {
        cursor: Some(cursor),
        limit: 1,
        ..all()
    };
    let refused = inbox.events(with("next please".to_owned())).await;
    assert_eq!(refused.unwrap_err(), Error::Cursor);
    // Anything at all, and one that was given out with characters changed: an answer, or a refusal.
    let given = page(&inbox, EventFilter { limit: 1, ..all() })
        .await
        .next
        .unwrap();
    let near = prop::collection::vec((0..given.len(), "[0-9a-f]"), 1..4).prop_map(move |changes| {
        let mut cursor = given.clone();
        for (at, digit) in changes {
            cursor.replace_range(at..=at, &digit);
        }
        cursor
    });
    let strange = prop_oneof![any::<String>(), "[0-9a-f]{0,40}", near];
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let cursor = strange.new_tree(&mut runner).unwrap().current();
        match inbox.events(with(cursor.clone())).await {
            Ok(page) => assert!(page.events.len() <= 1, "{cursor:?}"),
            Err(error) => assert_eq!(error, Error::Cursor, "{cursor:?}"),
        }
    }
}

pub(super) async fn counters_survive_a_restart(home: impl Home) {
    let inbox = home.open().await;
    mixed(&inbox).await;
    let before = counted(&inbox).await;
    inbox.close().await;
    let after = counted(&home.open().await).await;
    let counts = |stats: &signalpost::inbox::Stats| {
        (
            stats.pending,
            stats.parked,
            stats.delivered,
            stats.dropped,
            stats.unrouted,
            stats.oldest_pending,
        )
    };
    assert_eq!(counts(&before), counts(&after));
    assert_eq!((before.pending, before.parked, before.unrouted), (2, 1, 1));
    assert!(after.bytes > 0 && after.trouble.is_none() && after.oldest_pending.is_some());
}
