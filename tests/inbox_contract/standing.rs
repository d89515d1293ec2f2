//! Cases about whose turn it is: lanes that stand, lanes with a pace, sources that flood.

use std::time::Duration;

use signalpost::clock;
use signalpost::event::{AfterPark, DeliveryId, Reason, State};
use signalpost::inbox::{Acceptance, Inbox, Note};

use super::Home;
use super::samples::{
    DONE, accept, acceptance, assert_nothing_ready, claim, counted, event, key_of, keys, park,
    routed,
};

fn note() -> Note {
    Note {
        who: "anna".to_owned(),
        text: None,
    }
}

fn holding(key: &str) -> Acceptance {
    let mut acceptance = acceptance(key, &["order-1"]);
    acceptance.deliveries[0].rules.after_park = AfterPark::Hold;
    acceptance
}

/// A lane that stands at its first delivery, with a second one behind.
async fn standing(inbox: &Inbox) -> DeliveryId {
    accept(inbox, holding("evt_1")).await;
    accept(inbox, holding("evt_2")).await;
    let head = claim(inbox, 1).await.remove(0);
    let id = head.delivery.id;
    inbox.settle(head, park()).await.unwrap();
    id
}

pub(super) async fn a_held_lane_stands_until_its_delivery_is_made(home: impl Home) {
    let inbox = home.open().await;
    let id = standing(&inbox).await;
    inbox.wake();
    assert_nothing_ready(&inbox).await;
    let stats = counted(&inbox).await;
    assert_eq!((stats.pending, stats.parked), (1, 1));
    inbox.close().await;

    let inbox = home.open().await;
    assert_nothing_ready(&inbox).await;
    inbox.retry(id, note()).await.unwrap();
    let again = claim(&inbox, 10).await.remove(0);
    assert_eq!(again.delivery.id, id);
    inbox.settle(again, park()).await.unwrap();
    assert_nothing_ready(&inbox).await;
    inbox.retry(id, note()).await.unwrap();
    let again = claim(&inbox, 10).await.remove(0);
    inbox.settle(again, DONE).await.unwrap();
    assert_eq!(keys(&claim(&inbox, 10).await), ["evt_2"]);
}

pub(super) async fn a_held_lane_goes_on_when_its_delivery_is_dropped(home: impl Home) {
    let inbox = home.open().await;
    let id = standing(&inbox).await;
    inbox.close().await;
    let inbox = home.open().await;
    inbox.drop_delivery(id, note()).await.unwrap();
    assert_eq!(keys(&claim(&inbox, 10).await), ["evt_2"]);
    let stats = counted(&inbox).await;
    assert_eq!((stats.pending, stats.parked, stats.dropped), (1, 0, 1));
}

pub(super) async fn one_parked_at_birth_holds_its_lane_in_its_place(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, holding("evt_1")).await;
    let mut unrendered = holding("evt_2");
    unrendered.deliveries[0].state = State::Parked;
    unrendered.deliveries[0].reason = Some(Reason::TemplateFailed);
    let id = unrendered.deliveries[0].id;
    accept(&inbox, unrendered).await;
    accept(&inbox, holding("evt_3")).await;
    inbox.close().await;
    let inbox = home.open().await;
    let head = claim(&inbox, 10).await.remove(0);
    assert_eq!(key_of(&head.delivery), "evt_1");
    inbox.settle(head, DONE).await.unwrap();
    assert_nothing_ready(&inbox).await;
    inbox.drop_delivery(id, note()).await.unwrap();
    assert_eq!(keys(&claim(&inbox, 10).await), ["evt_3"]);
}

pub(super) async fn a_paced_lane_takes_its_time(home: impl Home) {
    const PACE: Duration = Duration::from_millis(150);
    let inbox = home.open().await;
    for key in ["evt_1", "evt_2", "evt_3"] {
        let mut sent = acceptance(key, &["order-1"]);
        sent.deliveries[0].rules.pace_ms = Some(150);
        accept(&inbox, sent).await;
    }
    inbox.close().await;
    let inbox = home.open().await;
    // The pace counts from when a claim is made, which is before it is in hand: a disk may lie between the two.
    let asked = clock::now();
    for (before, expected) in (0..).zip(["evt_1", "evt_2", "evt_3"]) {
        let head = claim(&inbox, 10).await.remove(0);
        assert!(clock::now().since(asked) >= PACE * before);
        assert_eq!(key_of(&head.delivery), expected);
        inbox.settle(head, DONE).await.unwrap();
        inbox.wake();
    }
}

pub(super) async fn a_flood_on_one_source_does_not_starve_another(home: impl Home) {
    let inbox = home.open().await;
    for n in 0..100 {
        let flood = routed(event("flood", &format!("f{n}")), &[&format!("w{n}")]);
        accept(&inbox, flood).await;
    }
    for n in 0..3 {
        let calm = routed(event("calm", &format!("c{n}")), &["calm"]);
        accept(&inbox, calm).await;
    }
    inbox.close().await;
    let inbox = home.open().await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let head = claim(&inbox, 1).await.remove(0);
        seen.push(key_of(&head.delivery));
        inbox.settle(head, DONE).await.unwrap();
    }
    seen.retain(|key| key.starts_with('c'));
    assert_eq!(seen, ["c0", "c1", "c2"], "each second claim, in order");
}

pub(super) async fn order_is_that_of_acceptance_whatever_the_clock_said(home: impl Home) {
    let inbox = home.open().await;
    for n in 0..10 {
        let mut sent = acceptance(&n.to_string(), &["order-1"]);
        let received = sent.event.received_at.minus(Duration::from_mins(n));
        sent.event.received_at = received;
        sent.deliveries[0].accepted_at = received;
        accept(&inbox, sent).await;
    }
    inbox.close().await;
    let inbox = home.open().await;
    for n in 0..10 {
        let head = claim(&inbox, 10).await.remove(0);
        assert_eq!(key_of(&head.delivery), n.to_string());
        inbox.settle(head, DONE).await.unwrap();
    }
}
