//! Looks and their budget, by time.

use super::*;

const NOON: Timestamp = Timestamp::from_seconds(1_785_585_600);

fn after(seconds: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(seconds))
}

fn ids(count: usize) -> Vec<DeliveryId> {
    (0..count)
        .map(|_| DeliveryId::at(crate::clock::now()))
        .collect()
}

#[test]
fn a_few_lanes_are_looked_for_when_they_like() {
    let mut waits = Waits::default();
    for id in ids(100) {
        assert_eq!(waits.wait(id, "a", after(3), true, NOON), after(3));
    }
}

#[test]
fn up_to_500_lanes_are_looked_for_within_five_seconds_whatever_they_like() {
    let mut waits = Waits::default();
    for id in ids(499) {
        let at = waits.wait(id, "a", NOON, true, NOON);
        assert!(at < after(5), "{}", at.since(NOON).as_millis());
    }
}

#[test]
fn beyond_that_the_budget_stretches_the_interval_and_is_kept() {
    let mut waits = Waits::default();
    let mut looks = HashMap::<i64, u32>::new();
    for id in ids(50_000) {
        let at = waits.wait(id, "a", after(5), true, NOON);
        *looks.entry(at.seconds()).or_default() += 1;
    }
    assert!(looks.values().all(|&count| count <= LOOKS_PER_SECOND));
    let last = looks.keys().max().unwrap();
    assert_eq!(*last, after(5 + 499).seconds());
    // Another namespace has a budget of its own.
    let id = DeliveryId::at(crate::clock::now());
    assert_eq!(waits.wait(id, "b", after(5), true, NOON), after(5));
}

#[test]
fn seconds_that_are_over_are_forgotten() {
    let mut plan = Plan::default();
    for _ in 0..1_000 {
        plan.reserve(NOON, NOON);
    }
    assert_eq!(plan.looks.len(), 10);
    plan.reserve(after(5), after(5));
    assert_eq!(plan.looks.len(), 6);
    plan.reserve(after(900), after(900));
    assert_eq!(plan.looks.len(), 1);
}

#[test]
fn what_lies_beyond_the_horizon_shares_its_last_second() {
    let mut plan = Plan::default();
    let far = after(1_000_000);
    for _ in 0..500 {
        let at = plan.reserve(far, NOON);
        assert_eq!(at.seconds(), after(3600).seconds());
    }
}

#[test]
fn describe_is_asked_at_every_fourth_look() {
    let mut waits = Waits::default();
    let id = DeliveryId::at(crate::clock::now());
    let mut known = Vec::new();
    for _ in 0..9 {
        let this = waits.known_missing(id);
        known.push(this);
        waits.wait(id, "a", NOON, !this, NOON);
    }
    let (t, f) = (true, false);
    assert_eq!(known, [f, t, t, t, f, t, t, t, f]);
    waits.forget(id);
    assert!(!waits.known_missing(id));
}

#[test]
fn a_look_gives_way_for_a_few_seconds_and_a_signal_never() {
    let mut waits = Waits::default();
    let id = DeliveryId::at(crate::clock::now());
    assert_eq!(waits.give_way(id, "a", NOON), None);
    waits.wait(id, "a", NOON, true, NOON);
    for _ in 0..3 {
        assert_eq!(waits.give_way(id, "a", NOON), Some(after(1)));
    }
    assert_eq!(waits.give_way(id, "a", NOON), None);
}

#[test]
fn a_wait_that_somebody_else_has_ended_is_forgotten_in_the_end() {
    let mut waits = Waits::default();
    let gone = DeliveryId::at(crate::clock::now());
    waits.wait(gone, "a", after(1), true, NOON);
    let other = DeliveryId::at(crate::clock::now());
    waits.wait(other, "a", after(602), true, after(601));
    assert!(!waits.is_waiting(gone) && waits.is_waiting(other));
}
