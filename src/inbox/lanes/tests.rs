//! What lanes promise, case by case.

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000);
const LATER: Timestamp = Timestamp::from_seconds(2_000);
const LONG: Duration = Duration::from_hours(1);
const PACE: Duration = Duration::from_millis(200);

fn seq(n: u64) -> Seq {
    Seq::new(n).unwrap()
}

fn arrive(lanes: &mut Lanes, n: u64, workflow: &str, change: impl FnOnce(&mut Arrival<'_>)) {
    let source = Arc::from("stripe");
    let mut arrival = Arrival {
        seq: seq(n),
        namespace: "default",
        workflow,
        source: &source,
        accepted_at: Timestamp::from_seconds(i64::try_from(n).unwrap()),
        due: None,
        doubtful: false,
        pace: None,
        held: false,
    };
    change(&mut arrival);
    lanes.push(&arrival);
}

/// One that holds a lane is taken up again.
fn arrive_again(lanes: &mut Lanes, n: u64) {
    lanes.rejoin(&Arrival {
        seq: seq(n),
        namespace: "default",
        workflow: "a",
        source: &Arc::from("stripe"),
        accepted_at: NOW,
        due: None,
        doubtful: false,
        pace: None,
        held: false,
    });
}

/// One arrival for each workflow, numbered from 1.
fn lanes(workflows: &[&str]) -> Lanes {
    let mut lanes = Lanes::default();
    for (n, workflow) in (1..).zip(workflows) {
        arrive(&mut lanes, n, workflow, |_| {});
    }
    lanes
}

/// Up to `max` heads, whatever their namespace.
fn take(lanes: &mut Lanes, now: Timestamp, max: usize) -> Vec<Seq> {
    let taken = lanes.take_ready(now, max, |_| 9);
    taken.into_iter().map(|(seq, _)| seq).collect()
}

/// The lane's order, one claim after the other.
fn drained(lanes: &mut Lanes) -> Vec<u64> {
    let mut order = Vec::new();
    while let Some(&next) = take(lanes, LATER, 1).first() {
        order.push(next.get());
        assert!(lanes.settle(next));
    }
    order
}

#[test]
fn a_lane_gives_one_at_a_time_in_order() {
    let mut lanes = lanes(&["a", "a", "b"]);
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1), seq(3)]);
    assert!(take(&mut lanes, NOW, 9).is_empty());
    assert!(lanes.settle(seq(1)));
    assert_eq!(take(&mut lanes, NOW, 9), [seq(2)]);
}

#[test]
fn the_same_workflow_in_two_namespaces_has_two_lanes() {
    let mut lanes = lanes(&["a"]);
    arrive(&mut lanes, 2, "a", |arrival| arrival.namespace = "other");
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1), seq(2)]);
}

#[test]
fn the_oldest_of_a_source_goes_first_and_max_is_kept() {
    let mut lanes = lanes(&["a", "b", "c"]);
    assert_eq!(take(&mut lanes, NOW, 2), [seq(1), seq(2)]);
    assert!(lanes.retry_at(seq(1), NOW, false));
    assert_eq!(take(&mut lanes, NOW, 2), [seq(1), seq(3)]);
}

#[test]
fn sources_take_turns() {
    let mut lanes = lanes(&["a", "b", "c", "d"]);
    let other: Arc<str> = Arc::from("github");
    for (n, workflow) in [(5, "e"), (6, "f")] {
        lanes.push(&Arrival {
            seq: seq(n),
            namespace: "default",
            workflow,
            source: &other,
            accepted_at: NOW,
            due: None,
            doubtful: false,
            pace: None,
            held: false,
        });
    }
    let order = [1, 5, 2, 6, 3, 4].map(seq);
    assert_eq!(take(&mut lanes, NOW, 3), order[..3]);
    assert_eq!(take(&mut lanes, NOW, 9), order[3..]);
}

#[test]
fn a_retry_holds_its_own_lane_only() {
    let mut lanes = lanes(&["a", "a", "b"]);
    take(&mut lanes, NOW, 1);
    assert!(lanes.retry_at(seq(1), LATER, false));
    assert_eq!(lanes.next_due(), Some(LATER));
    assert_eq!(take(&mut lanes, NOW, 9), [seq(3)]);
    assert_eq!(take(&mut lanes, LATER, 9), [seq(1)]);
    assert_eq!(lanes.next_due(), None);
}

#[test]
fn what_is_not_claimed_cannot_be_settled() {
    let mut lanes = lanes(&["a", "a"]);
    assert!(!lanes.settle(seq(1)) && !lanes.settle(seq(2)) && !lanes.settle(seq(7)));
    take(&mut lanes, NOW, 1);
    assert!(lanes.settle(seq(1)) && !lanes.settle(seq(1)));
    assert!(!lanes.retry_at(seq(1), NOW, false));
}

#[test]
fn counts_follow_what_is_pending() {
    let mut lanes = lanes(&["a", "a", "b"]);
    assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (3, 3));
    assert_eq!(lanes.oldest(), Some(Timestamp::from_seconds(1)));
    take(&mut lanes, NOW, 9);
    lanes.hold(seq(1));
    assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (2, 2));
    assert_eq!(lanes.oldest(), Some(Timestamp::from_seconds(2)));
    assert_eq!(lanes.pending_of("unknown"), 0);
    assert!(lanes.remove(seq(1)) && lanes.remove(seq(2)));
    assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (1, 1));
}

#[test]
fn an_emptied_lane_leaves_nothing_behind() {
    let mut lanes = lanes(&["a"]);
    take(&mut lanes, NOW, 1);
    lanes.settle(seq(1));
    assert!(lanes.ends.is_empty() && lanes.entries.is_empty());
    assert!(size_of::<Entry>() <= 56);
}

#[test]
fn a_held_lane_stands_until_it_is_taken_up_or_removed() {
    let mut lanes = lanes(&["a", "a", "a", "b"]);
    take(&mut lanes, NOW, 9);
    assert!(lanes.hold(seq(1)));
    lanes.wake(LATER.plus(LONG));
    lanes.hurry(seq(2));
    assert!(take(&mut lanes, LATER, 9).is_empty());
    arrive_again(&mut lanes, 1);
    assert_eq!(take(&mut lanes, LATER, 9), [seq(1)]);
    assert!(lanes.hold(seq(1)) && lanes.remove(seq(1)));
    assert_eq!(take(&mut lanes, LATER, 9), [seq(2)]);
}

#[test]
fn one_born_held_stops_those_behind_it() {
    let mut lanes = Lanes::default();
    arrive(&mut lanes, 1, "a", |_| {});
    arrive(&mut lanes, 2, "a", |arrival| arrival.held = true);
    arrive(&mut lanes, 3, "a", |_| {});
    assert_eq!(drained(&mut lanes), [1]);
    assert_eq!(lanes.pending(), 1);
    assert!(lanes.remove(seq(2)));
    assert_eq!(drained(&mut lanes), [3]);
}

#[test]
fn what_comes_back_takes_its_old_place() {
    let mut lanes = lanes(&["a"; 6]);
    for n in 1..=4 {
        take(&mut lanes, NOW, 1);
        lanes.settle(seq(n));
    }
    for n in [2, 1, 3, 4] {
        arrive(&mut lanes, n, "a", |_| {});
    }
    assert_eq!(drained(&mut lanes), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_comes_back_lets_an_attempt_in_flight_end() {
    let mut lanes = lanes(&["a", "a", "a"]);
    take(&mut lanes, NOW, 1);
    lanes.settle(seq(1));
    assert_eq!(take(&mut lanes, NOW, 1), [seq(2)]);
    arrive(&mut lanes, 1, "a", |_| {});
    assert!(take(&mut lanes, NOW, 9).is_empty(), "one at a time");
    // Even if the attempt is put off: whoever came back is next.
    lanes.retry_at(seq(2), LATER, false);
    assert_eq!(drained(&mut lanes), [1, 2, 3]);
}

#[test]
fn what_comes_back_does_not_shorten_the_wait_of_the_head() {
    let mut lanes = lanes(&["a", "a"]);
    take(&mut lanes, NOW, 1);
    lanes.settle(seq(1));
    take(&mut lanes, NOW, 1);
    lanes.retry_at(seq(2), LATER, false);
    arrive(&mut lanes, 1, "a", |_| {});
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1)]);
    lanes.settle(seq(1));
    assert!(take(&mut lanes, NOW, 9).is_empty());
    assert_eq!(take(&mut lanes, LATER, 9), [seq(2)]);
}

#[test]
fn what_is_seized_is_never_claimed() {
    let mut lanes = lanes(&["a", "a", "a"]);
    assert!(lanes.seize(seq(2)) && !lanes.seize(seq(2)) && !lanes.seize(seq(9)));
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1)]);
    assert!(!lanes.seize(seq(1)), "an attempt has it");
    lanes.settle(seq(1));
    assert!(take(&mut lanes, NOW, 9).is_empty());
    lanes.let_go(seq(2));
    assert_eq!(take(&mut lanes, NOW, 9), [seq(2)]);
    lanes.settle(seq(2));
    assert!(lanes.seize(seq(3)) && lanes.remove(seq(3)));
    assert_eq!((lanes.pending(), lanes.ends.len()), (0, 0));
}

#[test]
fn hurrying_ends_the_wait_of_the_lane() {
    let mut lanes = lanes(&["a", "a", "b"]);
    for taken in take(&mut lanes, NOW, 9) {
        lanes.retry_at(taken, LATER, false);
    }
    lanes.hurry(seq(2));
    lanes.hurry(seq(2));
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1)]);
}

#[test]
fn a_paced_lane_takes_its_time() {
    let mut lanes = Lanes::default();
    for n in 1..=3 {
        arrive(&mut lanes, n, "a", |arrival| arrival.pace = Some(PACE));
    }
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1)]);
    lanes.settle(seq(1));
    assert!(take(&mut lanes, NOW, 9).is_empty());
    assert_eq!(lanes.next_due(), Some(NOW.plus(PACE)));
    lanes.wake(LATER.plus(LONG));
    lanes.hurry(seq(2));
    assert!(take(&mut lanes, NOW, 9).is_empty(), "nothing outruns it");
    assert_eq!(take(&mut lanes, NOW.plus(PACE), 9), [seq(2)]);
    lanes.retry_at(seq(2), NOW, false);
    assert_eq!(lanes.next_due(), Some(NOW.plus(PACE * 2)));
}

#[test]
fn an_empty_lane_remembers_its_pace_as_long_as_it_counts() {
    let mut lanes = Lanes::default();
    arrive(&mut lanes, 1, "a", |arrival| arrival.pace = Some(PACE));
    take(&mut lanes, NOW, 9);
    lanes.settle(seq(1));
    arrive(&mut lanes, 2, "a", |arrival| arrival.pace = Some(PACE));
    assert!(take(&mut lanes, NOW, 9).is_empty());
    assert_eq!(take(&mut lanes, NOW.plus(PACE), 9), [seq(2)]);
    lanes.settle(seq(2));
    assert_eq!(lanes.ends.len(), 1);
    take(&mut lanes, LATER, 9);
    assert!(lanes.ends.is_empty() && lanes.resting.is_empty());
}

#[test]
fn a_clock_set_back_holds_no_lane() {
    let mut lanes = lanes(&["a", "b"]);
    for taken in take(&mut lanes, LATER, 9) {
        lanes.retry_at(taken, LATER.plus(PACE), false);
    }
    assert!(take(&mut lanes, NOW, 9).is_empty());
    assert_eq!(take(&mut lanes, NOW.plus(PACE), 9), [seq(1), seq(2)]);
}

#[test]
fn many_come_back_to_one_lane_without_walking_past_each_other() {
    const MANY: u64 = 100_000;
    let mut lanes = Lanes::default();
    arrive(&mut lanes, MANY + 1, "a", |_| {});
    for n in 1..=MANY {
        arrive(&mut lanes, n, "a", |_| {});
    }
    assert_eq!(drained(&mut lanes).len() as u64, MANY + 1);
}

#[test]
fn a_namespace_without_room_holds_up_no_other() {
    let mut lanes = lanes(&["a", "b"]);
    arrive(&mut lanes, 3, "a", |arrival| arrival.namespace = "other");
    let room = |left| move |name: &str| if name == "other" { 9 } else { left };
    assert_eq!(lanes.take_ready(NOW, 9, room(0)), [(seq(3), false)]);
    assert_eq!(lanes.take_ready(NOW, 9, room(1)), [(seq(1), false)]);
    assert_eq!(take(&mut lanes, NOW, 9), [seq(2)]);
    assert!(!lanes.any_ready());
}

#[test]
fn what_was_pending_before_the_start_is_doubtful_and_may_have_to_wait() {
    let mut restored = Lanes::default();
    for (n, workflow, due) in [(1, "a", None), (2, "b", Some(LATER)), (3, "b", None)] {
        arrive(&mut restored, n, workflow, |arrival| {
            (arrival.due, arrival.doubtful) = (due, true);
        });
    }
    assert_eq!(restored.take_ready(NOW, 9, |_| 9), [(seq(1), true)]);
    assert_eq!(restored.take_ready(LATER, 9, |_| 9), [(seq(2), true)]);
    assert!(restored.settle(seq(2)));
    assert_eq!(restored.take_ready(LATER, 9, |_| 9), [(seq(3), true)]);
    assert!(restored.retry_at(seq(3), LATER, false));
    assert_eq!(restored.take_ready(LATER, 9, |_| 9), [(seq(3), false)]);
}

#[test]
fn waking_ends_the_waits_until_then_and_no_longer_ones() {
    let mut lanes = lanes(&["a", "b"]);
    for taken in take(&mut lanes, NOW, 9) {
        lanes.retry_at(taken, LATER, false);
    }
    lanes.wake(NOW);
    assert!(take(&mut lanes, NOW, 9).is_empty());
    lanes.wake(LATER);
    assert_eq!(take(&mut lanes, NOW, 9), [seq(1), seq(2)]);
}
