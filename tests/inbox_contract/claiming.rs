//! Cases about `claim` and `settle`: order, lanes, retries, restarts.

use std::time::Duration;

use signalpost::clock;
use signalpost::event::{Reason, State};
use signalpost::inbox::{SOON, Settlement};

use super::Home;
use super::samples::{
    DONE, accept, acceptance, assert_nothing_ready, claim, counted, in_an_hour, key_of, keys,
};
use super::samples::{claim_all, polled_once};

fn retry_in_an_hour() -> Settlement {
    Settlement::Retry {
        at: in_an_hour(),
        error: "deadline".to_owned(),
    }
}

pub(super) async fn a_lane_gives_one_at_a_time_in_order(home: impl Home) {
    let inbox = home.open().await;
    for n in 0..20 {
        accept(&inbox, acceptance(&format!("evt_{n:02}"), &["order-1"])).await;
    }
    for n in 0..20 {
        let mut claims = claim(&inbox, 10).await;
        assert_eq!(keys(&claims), [format!("evt_{n:02}")]);
        assert_nothing_ready(&inbox).await;
        inbox.settle(claims.remove(0), DONE).await.unwrap();
    }
    assert_nothing_ready(&inbox).await;
    assert_eq!(counted(&inbox).await.delivered, 20);
}

pub(super) async fn a_retry_holds_its_own_lane_only(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    let mut claims = claim(&inbox, 1).await;
    inbox
        .settle(claims.remove(0), retry_in_an_hour())
        .await
        .unwrap();
    accept(&inbox, acceptance("evt_3", &["order-2"])).await;
    let claims = claim(&inbox, 10).await;
    assert_eq!(keys(&claims), ["evt_3"]);
    assert_nothing_ready(&inbox).await;
    assert_eq!(counted(&inbox).await.pending, 3);
}

pub(super) async fn a_retry_keeps_what_happened(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let mut first = None;
    for attempt in 0..3 {
        let claim = claim(&inbox, 1).await.remove(0);
        assert_eq!(claim.delivery.attempts, attempt);
        assert_eq!(claim.delivery.state, State::Pending);
        first = first.or(claim.delivery.first_attempt_at);
        assert_eq!(claim.delivery.first_attempt_at, first);
        let again = Settlement::Retry {
            at: clock::now().plus(Duration::from_millis(5)),
            error: format!("error {attempt}"),
        };
        inbox.settle(claim, again).await.unwrap();
    }
    assert!(first.is_some());
    inbox.close().await;
    let inbox = home.open().await;
    let claim = claim(&inbox, 1).await.remove(0);
    assert_eq!(claim.delivery.attempts, 3);
    assert_eq!(claim.delivery.first_attempt_at, first);
    assert_eq!(claim.delivery.last_error.as_deref(), Some("error 2"));
}

pub(super) async fn waking_makes_lanes_ready_that_wait_for_temporal(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-2"])).await;
    accept(&inbox, acceptance("evt_3", &["order-3"])).await;
    let soon = Settlement::Retry {
        at: clock::now().plus(SOON),
        error: "away".to_owned(),
    };
    for (claim, settlement) in
        claim_all(&inbox, 3)
            .await
            .into_iter()
            .zip([soon.clone(), soon, retry_in_an_hour()])
    {
        inbox.settle(claim, settlement).await.unwrap();
    }
    let waiting = tokio::spawn({
        let inbox = inbox.clone();
        async move { claim(&inbox, 10).await }
    });
    inbox.wake();
    assert_eq!(keys(&waiting.await.unwrap()), ["evt_1", "evt_2"]);
}

pub(super) async fn a_dropped_claim_returns_to_its_lane(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    drop(claim(&inbox, 1).await);
    let claims = claim(&inbox, 10).await;
    assert_eq!(keys(&claims), ["evt_1"]);
    assert_eq!(claims[0].delivery.attempts, 0);
}

pub(super) async fn a_cancelled_claim_loses_nothing(home: impl Home) {
    let inbox = home.open().await;
    for _ in 0..50 {
        assert!(polled_once(inbox.claim(10)).await.is_none());
    }
    for n in 0..50 {
        accept(
            &inbox,
            acceptance(&format!("evt_{n:02}"), &[&format!("order-{n}")]),
        )
        .await;
    }
    inbox.close().await;
    let inbox = home.open().await;
    // Restored ones are read from the store, so that a claim polled once is cancelled amid its read.
    for _ in 0..5 {
        drop(polled_once(inbox.claim(10)).await);
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 50 {
        for claim in claim(&inbox, 10).await {
            seen.insert(key_of(&claim.delivery));
            inbox.settle(claim, DONE).await.unwrap();
        }
    }
    assert_eq!(counted(&inbox).await.delivered, 50);
}

pub(super) async fn what_is_parked_or_dropped_is_never_claimed(home: impl Home) {
    let inbox = home.open().await;
    let mut born_settled = acceptance("evt_1", &["order-1", "order-1"]);
    born_settled.deliveries[0].state = State::Parked;
    born_settled.deliveries[0].reason = Some(Reason::TemplateFailed);
    born_settled.deliveries[1].state = State::Dropped;
    born_settled.deliveries[1].reason = Some(Reason::RouteDrops);
    accept(&inbox, born_settled).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    accept(&inbox, acceptance("evt_3", &["order-1"])).await;
    let parked = claim(&inbox, 10).await.remove(0);
    assert_eq!(key_of(&parked.delivery), "evt_2");
    let reason = Reason::WorkflowClosed;
    let detail = "closed".to_owned();
    inbox
        .settle(parked, Settlement::Parked { reason, detail })
        .await
        .unwrap();
    let dropped = claim(&inbox, 10).await.remove(0);
    assert_eq!(key_of(&dropped.delivery), "evt_3");
    let reason = Reason::ClosedDropped;
    let detail = "closed".to_owned();
    inbox
        .settle(dropped, Settlement::Dropped { reason, detail })
        .await
        .unwrap();
    inbox.wake();
    assert_nothing_ready(&inbox).await;
    inbox.close().await;
    let inbox = home.open().await;
    assert_nothing_ready(&inbox).await;
    let stats = counted(&inbox).await;
    assert_eq!((stats.parked, stats.dropped, stats.pending), (2, 2, 0));
}

pub(super) async fn a_restart_returns_what_is_pending_and_nothing_settled(home: impl Home) {
    let inbox = home.open().await;
    for n in 0..4 {
        accept(
            &inbox,
            acceptance(&format!("evt_{n}"), &["order-1", "order-2"]),
        )
        .await;
    }
    let mut claims = claim_all(&inbox, 2).await;
    let held = claims.remove(1);
    inbox.settle(claims.remove(0), DONE).await.unwrap();
    inbox.close().await;
    drop(held);
    let inbox = home.open().await;
    let mut seen = Vec::new();
    while seen.len() < 7 {
        for claim in claim(&inbox, 10).await {
            seen.push((
                claim.delivery.target.workflow.clone(),
                key_of(&claim.delivery),
            ));
            inbox.settle(claim, DONE).await.unwrap();
        }
    }
    assert_nothing_ready(&inbox).await;
    let of = |workflow: &str| -> Vec<_> {
        seen.iter()
            .filter(|(of, _)| of == workflow)
            .map(|(_, key)| key.as_str())
            .collect()
    };
    assert_eq!(of("order-1"), ["evt_1", "evt_2", "evt_3"]);
    assert_eq!(of("order-2"), ["evt_0", "evt_1", "evt_2", "evt_3"]);
}

pub(super) async fn a_backlog_larger_than_memory_holds_is_claimed_in_order(home: impl Home) {
    const EVENTS: usize = 60;
    let inbox = home.open().await;
    let workflows: Vec<_> = (0..100).map(|n| format!("order-{n}")).collect();
    let workflows: Vec<_> = workflows.iter().map(String::as_str).collect();
    for n in 0..EVENTS {
        accept(&inbox, acceptance(&format!("{n}"), &workflows)).await;
    }
    let mut next = std::collections::HashMap::new();
    let mut left = EVENTS * workflows.len();
    while left > 0 {
        for claim in claim(&inbox, 256).await {
            let place = next
                .entry(claim.delivery.target.workflow.clone())
                .or_insert(0);
            assert_eq!(key_of(&claim.delivery), place.to_string());
            *place += 1;
            left -= 1;
            inbox.settle(claim, DONE).await.unwrap();
        }
    }
    assert_eq!(counted(&inbox).await.pending, 0);
}

pub(super) async fn a_long_backlog_outlives_a_restart_in_order(home: impl Home) {
    const EVENTS: usize = 1_000;
    let inbox = home.open().await;
    let workflows: Vec<_> = (0..100).map(|n| format!("order-{n}")).collect();
    let workflows: Vec<_> = workflows.iter().map(String::as_str).collect();
    for n in 0..EVENTS {
        accept(&inbox, acceptance(&format!("{n}"), &workflows)).await;
    }
    inbox.close().await;
    let inbox = home.open().await;
    assert_eq!(counted(&inbox).await.pending, 100_000);
    for n in 0..5 {
        let mut claims = Vec::new();
        while claims.len() < workflows.len() {
            claims.extend(claim(&inbox, 64).await);
        }
        assert_nothing_ready(&inbox).await;
        for claim in claims {
            assert_eq!(key_of(&claim.delivery), n.to_string());
            inbox.settle(claim, DONE).await.unwrap();
        }
    }
}

pub(super) async fn a_settlement_is_shown(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let claim = claim(&inbox, 1).await.remove(0);
    let id = claim.delivery.id;
    let run_id = Some("run-1".to_owned());
    inbox
        .settle(
            claim,
            Settlement::Delivered {
                run_id: run_id.clone(),
            },
        )
        .await
        .unwrap();
    inbox.close().await;
    let shown = home.open().await.delivery(id).await.unwrap().unwrap();
    assert_eq!((shown.state, shown.attempts), (State::Delivered, 1));
    assert_eq!(shown.run_id, run_id);
    assert!(shown.settled_at >= shown.first_attempt_at && shown.first_attempt_at.is_some());
    assert_eq!(shown.next_attempt_at, None);
}
