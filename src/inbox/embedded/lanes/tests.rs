//! Order, room and counts of lanes, by steps in memory.

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000);
const LATER: Timestamp = Timestamp::from_seconds(2_000);

fn seq(n: u64) -> Seq {
    Seq::new(n).unwrap()
}

/// One arrival for each workflow, numbered from 1.
fn lanes(workflows: &[&str]) -> Lanes {
    let mut lanes = Lanes::default();
    for (n, workflow) in (1..).zip(workflows) {
        lanes.push(&Arrival {
            seq: seq(n),
            namespace: "default",
            workflow,
            source: &Arc::from("stripe"),
            accepted_at: Timestamp::from_seconds(i64::try_from(n).unwrap()),
        });
    }
    lanes
}

/// Up to nine heads, whatever their namespace.
fn take(lanes: &mut Lanes, now: Timestamp) -> Vec<Seq> {
    let taken = lanes.take_ready(now, 9, |_| 9);
    taken.into_iter().map(|(seq, _)| seq).collect()
}

#[test]
fn a_lane_gives_one_at_a_time_in_order() {
    let mut lanes = lanes(&["a", "a", "b"]);
    assert_eq!(take(&mut lanes, NOW), [seq(1), seq(3)]);
    assert!(take(&mut lanes, NOW).is_empty());
    assert!(lanes.settle(seq(1)));
    assert_eq!(take(&mut lanes, NOW), [seq(2)]);
}

#[test]
fn the_same_workflow_in_two_namespaces_has_two_lanes() {
    let mut lanes = lanes(&["a"]);
    lanes.push(&Arrival {
        seq: seq(2),
        namespace: "other",
        workflow: "a",
        source: &Arc::from("stripe"),
        accepted_at: NOW,
    });
    assert_eq!(take(&mut lanes, NOW), [seq(1), seq(2)]);
}

#[test]
fn a_namespace_without_room_holds_up_no_other() {
    let mut lanes = lanes(&["a", "b"]);
    lanes.push(&Arrival {
        seq: seq(3),
        namespace: "other",
        workflow: "a",
        source: &Arc::from("stripe"),
        accepted_at: NOW,
    });
    let room = |left| move |name: &str| if name == "other" { 9 } else { left };
    assert_eq!(lanes.take_ready(NOW, 9, room(0)), [(seq(3), false)]);
    assert_eq!(lanes.take_ready(NOW, 9, room(1)), [(seq(1), false)]);
    assert_eq!(take(&mut lanes, NOW), [seq(2)]);
}

#[test]
fn what_was_pending_before_the_start_is_doubtful_and_may_have_to_wait() {
    let mut restored = Lanes::default();
    for (n, due) in [(1, None), (2, Some(LATER)), (3, None)] {
        let arrival = Arrival {
            seq: seq(n),
            namespace: "default",
            workflow: if n == 1 { "a" } else { "b" },
            source: &Arc::from("stripe"),
            accepted_at: NOW,
        };
        restored.restore(&arrival, due);
    }
    assert_eq!(restored.take_ready(NOW, 9, |_| 9), [(seq(1), true)]);
    assert_eq!(restored.take_ready(LATER, 9, |_| 9), [(seq(2), true)]);
    assert!(restored.settle(seq(2)));
    assert_eq!(restored.take_ready(LATER, 9, |_| 9), [(seq(3), true)]);
}

#[test]
fn the_oldest_ready_goes_first_and_max_is_kept() {
    let mut lanes = lanes(&["a", "b", "c"]);
    let two = |lanes: &mut Lanes| lanes.take_ready(NOW, 2, |_| 9);
    assert_eq!(two(&mut lanes), [(seq(1), false), (seq(2), false)]);
    assert!(lanes.retry_at(seq(1), NOW, true));
    assert_eq!(two(&mut lanes), [(seq(1), true), (seq(3), false)]);
}

#[test]
fn a_retry_holds_its_own_lane_only() {
    let mut lanes = lanes(&["a", "a", "b"]);
    lanes.take_ready(NOW, 1, |_| 9);
    assert!(lanes.retry_at(seq(1), LATER, false));
    assert_eq!(lanes.next_due(), Some(LATER));
    assert_eq!(take(&mut lanes, NOW), [seq(3)]);
    assert_eq!(take(&mut lanes, LATER), [seq(1)]);
    assert_eq!(lanes.next_due(), None);
}

#[test]
fn waking_makes_those_ready_that_wait_until_then() {
    let mut lanes = lanes(&["a", "b"]);
    for taken in take(&mut lanes, NOW) {
        lanes.retry_at(taken, LATER, false);
    }
    lanes.wake(NOW);
    assert!(take(&mut lanes, NOW).is_empty());
    lanes.wake(LATER);
    assert_eq!(take(&mut lanes, NOW), [seq(1), seq(2)]);
}

#[test]
fn what_is_not_claimed_cannot_be_settled() {
    let mut lanes = lanes(&["a", "a"]);
    assert!(!lanes.settle(seq(1)) && !lanes.settle(seq(2)) && !lanes.settle(seq(7)));
    lanes.take_ready(NOW, 1, |_| 9);
    assert!(lanes.settle(seq(1)) && !lanes.settle(seq(1)));
    assert!(!lanes.retry_at(seq(1), NOW, false));
}

#[test]
fn counts_follow_what_is_pending() {
    let mut lanes = lanes(&["a", "a", "b"]);
    assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (3, 3));
    assert_eq!(lanes.oldest(), Some(Timestamp::from_seconds(1)));
    take(&mut lanes, NOW);
    lanes.settle(seq(1));
    assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (2, 2));
    assert_eq!(lanes.oldest(), Some(Timestamp::from_seconds(2)));
    assert_eq!(lanes.pending_of("unknown"), 0);
}

#[test]
fn an_emptied_lane_leaves_nothing_behind() {
    let mut lanes = lanes(&["a"]);
    lanes.take_ready(NOW, 1, |_| 9);
    lanes.settle(seq(1));
    assert!(lanes.tails.is_empty() && lanes.entries.is_empty());
    assert!(size_of::<Entry>() <= 32);
}
