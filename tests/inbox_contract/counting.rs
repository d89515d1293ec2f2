//! Cases about lists of deliveries, and about counts.

use std::sync::Arc;
use std::time::Duration;

use signalpost::event::{Reason, State};
use signalpost::inbox::{DeliveryFilter, Error, EventFilter, EventState, Inbox};

use super::Home;
use super::samples::{DONE, accept, acceptance, claim, event, key_of, routed};

fn all() -> DeliveryFilter {
    DeliveryFilter {
        limit: 1_000,
        ..DeliveryFilter::default()
    }
}

async fn found(inbox: &Inbox, filter: DeliveryFilter) -> Vec<String> {
    let page = inbox.deliveries(filter).await.unwrap();
    page.deliveries
        .iter()
        .map(|it| format!("{}:{}", key_of(it), it.target.workflow))
        .collect()
}

/// Four deliveries, one in each state, in order of acceptance: delivered, parked, dropped, pending.
async fn mixed(inbox: &Inbox) {
    accept(inbox, routed(event("stripe", "a"), &["w1"])).await;
    let head = claim(inbox, 1).await.remove(0);
    inbox.settle(head, DONE).await.unwrap();
    let mut parked = routed(event("carrier", "b"), &["w1", "w2"]);
    parked.deliveries[0].state = State::Parked;
    parked.deliveries[0].reason = Some(Reason::WorkflowClosed);
    parked.deliveries[1].state = State::Dropped;
    parked.deliveries[1].reason = Some(Reason::RouteDrops);
    parked.deliveries[1].route = Arc::from("parcels");
    accept(inbox, parked).await;
    accept(inbox, routed(event("stripe", "c"), &["w2"])).await;
    accept(inbox, routed(event("stripe", "d"), &[])).await;
}

pub(super) async fn each_filter_finds_its_own_deliveries(home: impl Home) {
    type Case = (fn(&mut DeliveryFilter), &'static [&'static str]);
    let inbox = home.open().await;
    mixed(&inbox).await;
    let cases: [Case; 13] = [
        (|_| {}, &["c:w2", "b:w2", "b:w1", "a:w1"]),
        (|f| f.ascending = true, &["a:w1", "b:w1", "b:w2", "c:w2"]),
        (|f| f.state = Some(State::Pending), &["c:w2"]),
        (|f| f.state = Some(State::Parked), &["b:w1"]),
        (|f| f.state = Some(State::Dropped), &["b:w2"]),
        (|f| f.state = Some(State::Delivered), &["a:w1"]),
        (|f| f.reason = Some(Reason::WorkflowClosed), &["b:w1"]),
        (|f| f.route = Some("parcels".into()), &["b:w2"]),
        (|f| f.workflow = Some("w1".into()), &["b:w1", "a:w1"]),
        (|f| f.source = Some("stripe".into()), &["c:w2", "a:w1"]),
        (|f| f.source = Some("' OR 1=1 --".into()), &[]),
        (
            |f| {
                f.state = Some(State::Parked);
                f.workflow = Some("w1".into());
                f.source = Some("carrier".into());
            },
            &["b:w1"],
        ),
        (
            |f| {
                f.state = Some(State::Parked);
                f.workflow = Some("w2".into());
            },
            &[],
        ),
    ];
    for (narrow, expected) in cases {
        let mut filter = all();
        narrow(&mut filter);
        assert_eq!(found(&inbox, filter.clone()).await, expected, "{filter:?}");
        let count = inbox.count_deliveries(&filter).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{filter:?}");
    }
}

pub(super) async fn pages_of_deliveries_join_both_ways(home: impl Home) {
    let inbox = home.open().await;
    for n in 0..10 {
        accept(&inbox, acceptance(&format!("{n}"), &["w1", "w2"])).await;
    }
    for (ascending, state) in [
        (false, None),
        (true, None),
        (false, Some(State::Pending)),
        (true, Some(State::Pending)),
    ] {
        let mut filter = DeliveryFilter {
            limit: 3,
            ascending,
            state,
            ..DeliveryFilter::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = inbox.deliveries(filter.clone()).await.unwrap();
            assert!(page.deliveries.len() <= 3);
            let before = seen.len();
            seen.extend(page.deliveries.iter().map(|it| it.id));
            if page.next.is_none() || seen.len() == before {
                break;
            }
            filter.cursor = page.next;
        }
        let mut expected: Vec<_> = inbox.deliveries(all()).await.unwrap().deliveries;
        if ascending {
            expected.reverse();
        }
        assert_eq!(seen, expected.iter().map(|it| it.id).collect::<Vec<_>>());
    }
}

pub(super) async fn an_ascending_list_is_followed_by_its_cursor(home: impl Home) {
    let inbox = home.open().await;
    let mut filter = DeliveryFilter {
        ascending: true,
        ..all()
    };
    let mut seen = Vec::new();
    for key in ["a", "b", "c"] {
        let page = inbox.deliveries(filter.clone()).await.unwrap();
        seen.extend(page.deliveries.iter().map(key_of));
        assert!(page.next.is_some());
        filter.cursor = page.next;
        accept(&inbox, acceptance(key, &["w"])).await;
    }
    assert_eq!(seen, ["a", "b"]);
    assert_eq!(found(&inbox, filter).await, ["c:w"]);
    let strange = DeliveryFilter {
        cursor: Some("next please".to_owned()),
        ..all()
    };
    assert_eq!(inbox.deliveries(strange).await.unwrap_err(), Error::Cursor);
}

pub(super) async fn times_bound_a_list_of_deliveries(home: impl Home) {
    let inbox = home.open().await;
    let start = signalpost::clock::now();
    for n in 0..5 {
        let mut sent = event("stripe", &n.to_string());
        sent.received_at = start.plus(Duration::from_secs(n));
        accept(&inbox, routed(sent, &["w"])).await;
    }
    let bounds = DeliveryFilter {
        since: Some(start.plus(Duration::from_secs(1))),
        until: Some(start.plus(Duration::from_secs(3))),
        ..all()
    };
    assert_eq!(found(&inbox, bounds.clone()).await, ["3:w", "2:w", "1:w"]);
    assert_eq!(inbox.count_deliveries(&bounds).await, Ok(3));
}

pub(super) async fn events_are_counted_as_they_are_listed(home: impl Home) {
    type Case = (fn(&mut EventFilter), u64);
    let inbox = home.open().await;
    mixed(&inbox).await;
    let cases: [Case; 5] = [
        (|_| {}, 4),
        (|f| f.source = Some("stripe".into()), 3),
        (|f| f.workflow = Some("w1".into()), 2),
        (|f| f.state = Some(EventState::Unrouted), 1),
        (|f| f.state = Some(EventState::Of(State::Parked)), 1),
    ];
    for (narrow, expected) in cases {
        let mut filter = EventFilter::default();
        narrow(&mut filter);
        assert_eq!(
            inbox.count_events(&filter).await,
            Ok(expected),
            "{filter:?}"
        );
    }
}
