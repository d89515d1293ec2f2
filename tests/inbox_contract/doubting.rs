//! Cases about what may have been sent already, what is put off, and room.

use std::time::Duration;

use signalpost::clock;
use signalpost::event::Reason;
use signalpost::inbox::{ActionError, Note, Settlement};

use super::Home;
use super::samples::claim_all;
use super::samples::{
    DONE, accept, acceptance, assert_nothing_ready, claim, counted, delivery, event, in_an_hour,
    keys, routed,
};

fn unseen() -> Settlement {
    Settlement::Unseen {
        at: clock::now(),
        error: "deadline".to_owned(),
    }
}

pub(super) async fn what_was_pending_before_a_restart_may_have_been_sent(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    // Claimed, and its end never told: what was never claimed may be known never to have been sent.
    let begun = claim(&inbox, 1).await.remove(0);
    assert!(!begun.doubtful);
    let begun_by = clock::now();
    inbox.close().await;
    drop(begun);

    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_3", &["order-2"])).await;
    let mut claims = claim_all(&inbox, 2).await;
    assert_eq!(keys(&claims), ["evt_1", "evt_3"]);
    assert!(claims[0].doubtful && !claims[1].doubtful);
    inbox.settle(claims.remove(0), unseen()).await.unwrap();
    let again = claim(&inbox, 1).await.remove(0);
    // Where nobody wrote it down, the time of acceptance stands for it: never a later one than that of the first attempt.
    assert!(
        again
            .delivery
            .first_attempt_at
            .is_some_and(|first| first <= begun_by)
    );
}

pub(super) async fn what_was_never_claimed_is_in_no_doubt_after_a_restart(home: impl Home) {
    /// The embedded home keeps no account of single claims: so many places above the last one may be in doubt as well.
    const AHEAD: usize = 512;
    const EVENTS: usize = 50;
    let inbox = home.open().await;
    let workflows: Vec<_> = (0..100).map(|n| format!("order-{n}")).collect();
    let workflows: Vec<_> = workflows.iter().map(String::as_str).collect();
    for n in 0..EVENTS {
        accept(&inbox, acceptance(&format!("{n}"), &workflows)).await;
    }
    let begun = claim(&inbox, 1).await.remove(0);
    let id = begun.delivery.id;
    inbox.close().await;
    drop(begun);

    let inbox = home.open().await;
    let (mut seen, mut doubtful) = (0, 0);
    while seen < EVENTS * workflows.len() {
        for claim in claim(&inbox, 256).await {
            assert!(claim.doubtful || claim.delivery.id != id);
            seen += 1;
            doubtful += usize::from(claim.doubtful);
            inbox.settle(claim, DONE).await.unwrap();
        }
    }
    assert!(
        (1..=workflows.len() + AHEAD).contains(&doubtful),
        "{doubtful}"
    );
}

pub(super) async fn a_long_wait_goes_on_over_a_restart(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let long = Settlement::Retry {
        at: in_an_hour(),
        error: "missing".to_owned(),
    };
    let head = claim(&inbox, 1).await.remove(0);
    inbox.settle(head, long).await.unwrap();
    inbox.close().await;
    let inbox = home.open().await;
    inbox.wake();
    assert_nothing_ready(&inbox).await;
    assert_eq!(counted(&inbox).await.pending, 1);
}

pub(super) async fn an_unseen_attempt_leaves_a_doubt_and_a_seen_one_does_not(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let seen = Settlement::Retry {
        at: clock::now(),
        error: "busy".to_owned(),
    };
    let head = claim(&inbox, 1).await.remove(0);
    inbox.settle(head, unseen()).await.unwrap();
    let head = claim(&inbox, 1).await.remove(0);
    assert!(head.doubtful);
    assert_eq!(head.delivery.attempts, 1);
    assert_eq!(head.delivery.last_error.as_deref(), Some("deadline"));
    inbox.settle(head, seen).await.unwrap();
    assert!(!claim(&inbox, 1).await[0].doubtful);
}

pub(super) async fn a_dropped_claim_leaves_a_doubt(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    drop(claim(&inbox, 1).await);
    assert!(claim(&inbox, 1).await[0].doubtful);
}

pub(super) async fn what_is_postponed_counts_no_attempt_and_keeps_its_doubt(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    for doubtful in [false, true] {
        let head = claim(&inbox, 1).await.remove(0);
        let until = clock::now().plus(Duration::from_millis(20));
        let postponed = Settlement::Postponed { until };
        inbox.settle(head, postponed).await.unwrap();
        let head = claim(&inbox, 1).await.remove(0);
        assert!(clock::now() >= until);
        assert_eq!(keys(std::slice::from_ref(&head)), ["evt_1"]);
        assert_eq!(head.doubtful, doubtful);
        assert_eq!(head.delivery.attempts, u32::from(doubtful));
        inbox.settle(head, unseen()).await.unwrap();
    }
}

pub(super) async fn a_namespace_without_room_is_not_claimed(home: impl Home) {
    let inbox = home.open().await;
    for (key, namespace) in [("evt_1", "full"), ("evt_2", "full"), ("evt_3", "free")] {
        let mut accepted = routed(event("stripe", key), &[&format!("order-{key}")]);
        namespace.clone_into(&mut accepted.deliveries[0].target.namespace);
        accept(&inbox, accepted).await;
    }
    let room = |left| move |namespace: &str| if namespace == "full" { left } else { 9 };
    let free = inbox.claim_within(9, room(0)).await;
    assert_eq!(keys(&free), ["evt_3"]);
    let one = inbox.claim_within(9, room(1)).await;
    assert_eq!(keys(&one), ["evt_1"]);
}

pub(super) async fn a_doubt_outlives_parking_and_bars_a_replay(home: impl Home) {
    let note = || Note {
        who: "anna".to_owned(),
        text: None,
    };
    let inbox = home.open().await;
    let event = accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let kept = inbox.event(event).await.unwrap().unwrap().event;
    let head = claim(&inbox, 1).await.remove(0);
    let id = head.delivery.id;
    let unknown = Settlement::Parked {
        reason: Reason::OutcomeUnknown,
        detail: "history is gone".to_owned(),
    };
    inbox.settle(head, unknown).await.unwrap();
    let replay = async |again| {
        let fresh = vec![delivery(&kept, "order-1")];
        inbox.replay(event, fresh, again, note()).await
    };
    assert_eq!(replay(false).await.unwrap_err(), ActionError::InFlight);
    inbox.retry(id, note()).await.unwrap();
    assert_eq!(replay(false).await.unwrap_err(), ActionError::InFlight);
    let head = claim(&inbox, 1).await.remove(0);
    assert!(head.doubtful);
    inbox.settle(head, unseen()).await.unwrap();
    // A repeat that somebody asked for is in no doubt.
    let now = replay(true).await.unwrap();
    assert_eq!(now[0].reason, Some(Reason::Superseded));
    let head = claim(&inbox, 1).await.remove(0);
    assert_eq!((head.delivery.id, head.doubtful), (now[1].id, false));
    inbox.settle(head, DONE).await.unwrap();
}
