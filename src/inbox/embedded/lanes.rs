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

/// Invariant: a head is either in one of `ready`, in `later`, or claimed; whoever is not a head is in none of these.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    hasher: RandomState,
    entries: BTreeMap<Seq, Entry>,
    tails: HashMap<LaneHash, Seq>,
    /// One for each namespace of the routing file, over time; never shrinks.
    ready: Vec<Ready>,
    later: BTreeSet<(Timestamp, Seq)>,
    /// As many as there are sources in the routing file, over time; never shrinks.
    sources: Vec<u64>,
    source_numbers: HashMap<Arc<str>, u32>,
}

/// Heads that are due, apart by namespace: one that has no room now must cost the others nothing.
#[derive(Debug)]
struct Ready {
    namespace: Box<str>,
    heads: BTreeSet<Seq>,
}

#[derive(Debug)]
struct Entry {
    lane: LaneHash,
    next: Option<Seq>,
    accepted_at: Timestamp,
    source: u32,
    /// Place in `ready`.
    namespace: u16,
    claimed: bool,
    /// May have been sent, and nobody saw the end.
    doubtful: bool,
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
        if self.append(arrival, false) {
            self.set_ready(arrival.seq);
        }
    }

    /// The same for one that was pending before the start: it may have been sent, and may have to wait.
    pub(super) fn restore(&mut self, arrival: &Arrival<'_>, due: Option<Timestamp>) {
        if !self.append(arrival, true) {
            return;
        }
        match due {
            Some(due) => {
                self.later.insert((due, arrival.seq));
            }
            None => self.set_ready(arrival.seq),
        }
    }

    /// True if it is the head of its lane.
    fn append(&mut self, arrival: &Arrival<'_>, doubtful: bool) -> bool {
        let lane = self.hasher.hash_one((arrival.namespace, arrival.workflow));
        let entry = Entry {
            lane,
            next: None,
            accepted_at: arrival.accepted_at,
            source: self.enter(arrival.source),
            namespace: self.namespace(arrival.namespace),
            claimed: false,
            doubtful,
        };
        self.entries.insert(arrival.seq, entry);
        let before = self.tails.insert(lane, arrival.seq);
        match before.and_then(|tail| self.entries.get_mut(&tail)) {
            Some(tail) => {
                tail.next = Some(arrival.seq);
                false
            }
            None => true,
        }
    }

    /// Claims up to `max` heads that are due, and of each namespace no more than it has room for; oldest first.
    /// Beside each, whether it may have been sent already.
    pub(super) fn take_ready(
        &mut self,
        now: Timestamp,
        max: usize,
        room: impl Fn(&str) -> usize,
    ) -> Vec<(Seq, bool)> {
        while let Some(&(due, seq)) = self.later.first()
            && due <= now
        {
            self.later.pop_first();
            self.set_ready(seq);
        }
        let mut rooms: Vec<usize> = self
            .ready
            .iter()
            .map(|ready| {
                if ready.heads.is_empty() {
                    0
                } else {
                    room(&ready.namespace)
                }
            })
            .collect();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some((_, number)) = self.oldest_with_room(&rooms)
            && let (Some(ready), Some(left)) = (self.ready.get_mut(number), rooms.get_mut(number))
            && let Some(seq) = ready.heads.pop_first()
        {
            *left -= 1;
            if let Some(entry) = self.entries.get_mut(&seq) {
                entry.claimed = true;
                taken.push((seq, entry.doubtful));
            }
        }
        taken
    }

    /// The first head of all namespaces with room left, and the number of its namespace.
    fn oldest_with_room(&self, rooms: &[usize]) -> Option<(Seq, usize)> {
        let ready = self.ready.iter().zip(rooms).enumerate();
        ready
            .filter(|(_, (_, left))| **left > 0)
            .filter_map(|(number, (ready, _))| Some((*ready.heads.first()?, number)))
            .min()
    }

    /// The claimed head waits until `due` and holds its lane. False if it was not claimed.
    pub(super) fn retry_at(&mut self, seq: Seq, due: Timestamp, doubtful: bool) -> bool {
        match self.entries.get_mut(&seq) {
            Some(entry) if entry.claimed => {
                entry.claimed = false;
                entry.doubtful = doubtful;
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
            Some(next) => self.set_ready(next),
            None => {
                self.tails.remove(&entry.lane);
            }
        }
        if let Some(pending) = self.sources.get_mut(entry.source as usize) {
            *pending = pending.saturating_sub(1);
        }
        true
    }

    /// Every head that waits until `until` at most is ready now.
    pub(super) fn wake(&mut self, until: Timestamp) {
        while let Some(&(due, seq)) = self.later.first()
            && due <= until
        {
            self.later.pop_first();
            self.set_ready(seq);
        }
    }

    fn set_ready(&mut self, seq: Seq) {
        if let Some(entry) = self.entries.get(&seq)
            && let Some(ready) = self.ready.get_mut(usize::from(entry.namespace))
        {
            ready.heads.insert(seq);
        }
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

    /// The number of the namespace. Those beyond what a number can hold share the last one.
    fn namespace(&mut self, name: &str) -> u16 {
        let known = self.ready.iter().position(|it| &*it.namespace == name);
        let number = known.unwrap_or_else(|| {
            if u16::try_from(self.ready.len()).is_ok() {
                self.ready.push(Ready {
                    namespace: name.into(),
                    heads: BTreeSet::new(),
                });
            }
            self.ready.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
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
mod tests;
