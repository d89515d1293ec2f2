//! The lanes: what is pending, in which order, and what is due.
//!
//! A pure structure in memory: no clock (time is an argument), no lock, no I/O. It holds places in line, not deliveries:
//! about 120 bytes for each pending one, so that a backlog of a million stays affordable. May import `clock`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::clock::Timestamp;

/// Place of a delivery in the order of acceptance.
pub(super) type Seq = NonZeroU64;

/// A keyed hash of namespace and workflow id. Two workflows that collide merely share a lane.
type LaneHash = u64;

/// Invariant: a head is either in `ready`, in `later`, or claimed; whoever is not a head is in none of these.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    hasher: RandomState,
    entries: BTreeMap<Seq, Entry>,
    tails: HashMap<LaneHash, Seq>,
    ready: BTreeSet<Seq>,
    later: BTreeSet<(Timestamp, Seq)>,
    /// As many as there are sources in the routing file, over time; never shrinks.
    sources: Vec<u64>,
    source_numbers: HashMap<Arc<str>, u32>,
}

#[derive(Debug)]
struct Entry {
    lane: LaneHash,
    next: Option<Seq>,
    accepted_at: Timestamp,
    source: u32,
    claimed: bool,
}

/// Who joins a lane.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub seq: Seq,
    pub namespace: &'a str,
    pub workflow: &'a str,
    pub source: &'a Arc<str>,
    pub accepted_at: Timestamp,
}

impl Lanes {
    /// Appends to the end of its lane; the first one of a lane is ready at once.
    ///
    /// Arrivals come in rising order of `seq`.
    pub(super) fn push(&mut self, arrival: &Arrival<'_>) {
        let lane = self.hasher.hash_one((arrival.namespace, arrival.workflow));
        let source = self.enter(arrival.source);
        let entry = Entry {
            lane,
            next: None,
            accepted_at: arrival.accepted_at,
            source,
            claimed: false,
        };
        self.entries.insert(arrival.seq, entry);
        let before = self.tails.insert(lane, arrival.seq);
        match before.and_then(|tail| self.entries.get_mut(&tail)) {
            Some(tail) => tail.next = Some(arrival.seq),
            None => {
                self.ready.insert(arrival.seq);
            }
        }
    }

    /// Claims up to `max` heads that are due, oldest first.
    pub(super) fn take_ready(&mut self, now: Timestamp, max: usize) -> Vec<Seq> {
        while let Some(&(due, seq)) = self.later.first()
            && due <= now
        {
            self.later.pop_first();
            self.ready.insert(seq);
        }
        let mut taken = Vec::with_capacity(max.min(self.ready.len()));
        while taken.len() < max
            && let Some(seq) = self.ready.pop_first()
        {
            if let Some(entry) = self.entries.get_mut(&seq) {
                entry.claimed = true;
                taken.push(seq);
            }
        }
        taken
    }

    /// The claimed head waits until `due` and holds its lane. False if it was not claimed.
    pub(super) fn retry_at(&mut self, seq: Seq, due: Timestamp) -> bool {
        match self.entries.get_mut(&seq) {
            Some(entry) if entry.claimed => {
                entry.claimed = false;
                self.later.insert((due, seq));
                true
            }
            _ => false,
        }
    }

    /// The claimed head leaves; the next of its lane is ready at once. False if it was not claimed.
    pub(super) fn settle(&mut self, seq: Seq) -> bool {
        if !self.entries.get(&seq).is_some_and(|entry| entry.claimed) {
            return false;
        }
        let Some(entry) = self.entries.remove(&seq) else {
            return false;
        };
        match entry.next {
            Some(next) => {
                self.ready.insert(next);
            }
            None => {
                self.tails.remove(&entry.lane);
            }
        }
        if let Some(pending) = self.sources.get_mut(entry.source as usize) {
            *pending = pending.saturating_sub(1);
        }
        true
    }

    /// Whether a claim would find a head, even without any more time passing.
    pub(super) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Every waiting head is ready now.
    pub(super) fn wake_all(&mut self) {
        self.ready.extend(
            std::mem::take(&mut self.later)
                .into_iter()
                .map(|(_, seq)| seq),
        );
    }

    /// When the next waiting head is due; heads that are ready already do not count.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.later.first().map(|&(due, _)| due)
    }

    pub(super) fn pending(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn pending_of(&self, source: &str) -> u64 {
        self.source_numbers
            .get(source)
            .and_then(|&number| self.sources.get(number as usize))
            .copied()
            .unwrap_or(0)
    }

    /// Acceptance of the pending one that was accepted first.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.entries
            .first_key_value()
            .map(|(_, entry)| entry.accepted_at)
    }

    /// Counts one more pending delivery of the source and returns the source's number.
    fn enter(&mut self, source: &Arc<str>) -> u32 {
        let known = self.source_numbers.get(source).copied();
        let number = known.unwrap_or_else(|| {
            let number = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
            self.sources.push(0);
            self.source_numbers.insert(Arc::clone(source), number);
            number
        });
        if let Some(pending) = self.sources.get_mut(number as usize) {
            *pending += 1;
        }
        number
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_lane_gives_one_at_a_time_in_order() {
        let mut lanes = lanes(&["a", "a", "b"]);
        assert_eq!(lanes.take_ready(NOW, 9), [seq(1), seq(3)]);
        assert!(lanes.take_ready(NOW, 9).is_empty());
        assert!(lanes.settle(seq(1)));
        assert_eq!(lanes.take_ready(NOW, 9), [seq(2)]);
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
        assert_eq!(lanes.take_ready(NOW, 9), [seq(1), seq(2)]);
    }

    #[test]
    fn the_oldest_ready_goes_first_and_max_is_kept() {
        let mut lanes = lanes(&["a", "b", "c"]);
        assert_eq!(lanes.take_ready(NOW, 2), [seq(1), seq(2)]);
        assert!(lanes.retry_at(seq(1), NOW));
        assert_eq!(lanes.take_ready(NOW, 2), [seq(1), seq(3)]);
    }

    #[test]
    fn a_retry_holds_its_own_lane_only() {
        let mut lanes = lanes(&["a", "a", "b"]);
        lanes.take_ready(NOW, 1);
        assert!(lanes.retry_at(seq(1), LATER));
        assert_eq!(lanes.next_due(), Some(LATER));
        assert_eq!(lanes.take_ready(NOW, 9), [seq(3)]);
        assert_eq!(lanes.take_ready(LATER, 9), [seq(1)]);
        assert_eq!(lanes.next_due(), None);
    }

    #[test]
    fn waking_makes_all_waiting_ready() {
        let mut lanes = lanes(&["a", "b"]);
        for taken in lanes.take_ready(NOW, 9) {
            lanes.retry_at(taken, LATER);
        }
        lanes.wake_all();
        assert_eq!(lanes.take_ready(NOW, 9), [seq(1), seq(2)]);
    }

    #[test]
    fn what_is_not_claimed_cannot_be_settled() {
        let mut lanes = lanes(&["a", "a"]);
        assert!(!lanes.settle(seq(1)) && !lanes.settle(seq(2)) && !lanes.settle(seq(7)));
        lanes.take_ready(NOW, 1);
        assert!(lanes.settle(seq(1)) && !lanes.settle(seq(1)));
        assert!(!lanes.retry_at(seq(1), NOW));
    }

    #[test]
    fn counts_follow_what_is_pending() {
        let mut lanes = lanes(&["a", "a", "b"]);
        assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (3, 3));
        assert_eq!(lanes.oldest(), Some(Timestamp::from_seconds(1)));
        lanes.take_ready(NOW, 9);
        lanes.settle(seq(1));
        assert_eq!((lanes.pending(), lanes.pending_of("stripe")), (2, 2));
        assert_eq!(lanes.oldest(), Some(Timestamp::from_seconds(2)));
        assert_eq!(lanes.pending_of("unknown"), 0);
    }

    #[test]
    fn an_emptied_lane_leaves_nothing_behind() {
        let mut lanes = lanes(&["a"]);
        lanes.take_ready(NOW, 1);
        lanes.settle(seq(1));
        assert!(lanes.tails.is_empty() && lanes.entries.is_empty());
        assert!(size_of::<Entry>() <= 32);
    }
}
