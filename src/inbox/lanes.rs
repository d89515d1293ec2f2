//! The lanes: what is pending, in which order, and what is due.
//!
//! A pure structure in memory: no clock (time is an argument), no lock, no I/O. It holds places in line, not deliveries:
//! about 150 bytes for each pending one, so that a backlog of a million stays affordable. `line` strings the members of a
//! lane together, `turns` chooses among heads that are ready, `operators` is what people do to lanes. May import `clock`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;

mod line;
mod operators;
mod pace;
mod turns;

#[cfg(test)]
mod tests;

use turns::Turns;

/// Place of a delivery in the order of acceptance.
pub(super) type Seq = NonZeroU64;

/// A keyed hash of namespace and workflow id. Two workflows that collide merely share a lane.
type LaneHash = u64;

/// Due at once: no clock is earlier.
const AT_ONCE: Timestamp = Timestamp::from_millis(0);

/// Invariants: a lane's members stand in order of `seq`, but that a claimed head keeps the front. A head that waits is in
/// `turns` or in `later`; a claimed or held one, and whoever is not a head, is in neither.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    hasher: RandomState,
    entries: BTreeMap<Seq, Entry>,
    ends: HashMap<LaneHash, Lane>,
    turns: Turns,
    later: BTreeSet<(Timestamp, Seq)>,
    /// Empty lanes whose pace counts on, and until when.
    resting: BTreeSet<(Timestamp, LaneHash)>,
    pending: u64,
    /// The latest time that a claim has seen.
    clock: Timestamp,
}

/// Kept small: there is one for each pending delivery.
#[derive(Debug)]
struct Entry {
    lane: LaneHash,
    before: Option<Seq>,
    next: Option<Seq>,
    accepted_at: Timestamp,
    /// Not tried before then.
    due: Timestamp,
    source: u32,
    namespace: u16,
    /// May have been sent, and nobody saw the end.
    doubtful: bool,
    /// Milliseconds since the lane's attempt before; 0: no pace.
    pace: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    /// In the hands of an attempt, or of an operator's action.
    Claimed,
    /// Parked, and the lane stands: not pending, and never ready.
    Held,
}

#[derive(Debug, Default)]
struct Lane {
    head: Option<Seq>,
    tail: Option<Seq>,
    /// The last one that came back to its old place: where the next one looks for its own.
    returned: Option<Seq>,
    /// When its last attempt was claimed, where that one had a pace.
    tried_at: Timestamp,
}

/// Who joins a lane.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub seq: Seq,
    pub namespace: &'a str,
    pub workflow: &'a str,
    pub source: &'a Arc<str>,
    pub accepted_at: Timestamp,
    /// Not before then; none: at once.
    pub due: Option<Timestamp>,
    /// It may have been sent, and nobody saw the end.
    pub doubtful: bool,
    /// Least time between two attempts of the lane.
    pub pace: Option<Duration>,
    /// It is parked, and the lane stands at it.
    pub held: bool,
}

impl Lanes {
    /// Takes its place in its lane: at the end, but for one that comes back. The first one of a lane is ready at once.
    pub(super) fn push(&mut self, arrival: &Arrival<'_>) {
        let source = self.turns.source(arrival.source);
        let entry = Entry {
            lane: self.hasher.hash_one((arrival.namespace, arrival.workflow)),
            before: None,
            next: None,
            accepted_at: arrival.accepted_at,
            due: arrival.due.unwrap_or(AT_ONCE),
            source,
            namespace: self.turns.namespace(arrival.namespace),
            doubtful: arrival.doubtful,
            pace: arrival.pace.map_or(0, pace::millis),
            stage: Stage::Held,
        };
        self.link(arrival.seq, entry);
        if !arrival.held {
            self.resume(arrival);
        }
    }

    /// Claims up to `max` heads that are due, and of each namespace no more than it has room for: sources take turns, each
    /// gives its oldest. Beside each, whether it may have been sent already.
    pub(super) fn take_ready(
        &mut self,
        now: Timestamp,
        max: usize,
        room: impl Fn(&str) -> usize,
    ) -> Vec<(Seq, bool)> {
        self.follow_clock(now);
        while let Some(&(due, seq)) = self.later.first()
            && due <= now
        {
            self.later.pop_first();
            if let Some(entry) = self.entries.get(&seq) {
                self.turns.insert(entry.namespace, entry.source, seq);
            }
        }
        let mut rooms = self.turns.rooms(room);
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(seq) = self.turns.pop(&mut rooms)
        {
            if let Some(entry) = self.entries.get_mut(&seq)
                && entry.stage == Stage::Waiting
            {
                entry.stage = Stage::Claimed;
                if entry.pace > 0
                    && let Some(lane) = self.ends.get_mut(&entry.lane)
                {
                    lane.tried_at = now;
                }
                taken.push((seq, entry.doubtful));
            }
        }
        taken
    }

    /// The claimed one waits until `due` and holds its lane, unless one came back that goes before it. False if it was
    /// not claimed.
    pub(super) fn retry_at(&mut self, seq: Seq, due: Timestamp, doubtful: bool) -> bool {
        match self.entries.get_mut(&seq) {
            Some(entry) if entry.stage == Stage::Claimed => {
                entry.stage = Stage::Waiting;
                (entry.due, entry.doubtful) = (due, doubtful);
            }
            _ => return false,
        }
        let head = self.restore_order(seq);
        self.offer(head);
        true
    }

    /// The claimed one leaves; the next of its lane may go. False if it was not claimed.
    pub(super) fn settle(&mut self, seq: Seq) -> bool {
        let claimed = self.stage(seq) == Some(Stage::Claimed);
        claimed && self.remove(seq)
    }

    /// The claimed head was parked, and its lane stands. False if it was not claimed.
    pub(super) fn hold(&mut self, seq: Seq) -> bool {
        match self.entries.get_mut(&seq) {
            Some(entry) if entry.stage == Stage::Claimed => {
                entry.stage = Stage::Held;
                self.turns.one_less_pending(entry.source);
                self.pending = self.pending.saturating_sub(1);
                true
            }
            _ => false,
        }
    }

    /// It leaves from wherever it stands. False if it is not there.
    pub(super) fn remove(&mut self, seq: Seq) -> bool {
        self.withdraw(seq);
        let Some(entry) = self.unlink(seq) else {
            return false;
        };
        if entry.stage != Stage::Held {
            self.turns.one_less_pending(entry.source);
            self.pending = self.pending.saturating_sub(1);
        }
        let head = self.ends.get(&entry.lane).and_then(|lane| lane.head);
        match head {
            Some(head) if entry.before.is_none() => self.offer(head),
            Some(_) => {}
            None => self.rest(entry.lane, entry.pace),
        }
        true
    }

    /// Ends the wait of every lane that waits until `until` at most, as far as its pace allows.
    pub(super) fn wake(&mut self, until: Timestamp) {
        let after = self.later.split_off(&(until, Seq::MAX));
        for (_, seq) in std::mem::replace(&mut self.later, after) {
            if let Some(entry) = self.entries.get_mut(&seq) {
                entry.due = AT_ONCE;
            }
            self.offer(seq);
        }
    }

    /// When the next waiting head is due; heads that are ready already do not count.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.later.first().map(|&(due, _)| due)
    }

    /// Whether a claim might find a head, even without any more time passing.
    pub(super) fn any_ready(&self) -> bool {
        self.turns.any_ready()
    }

    pub(super) fn is_doubtful(&self, seq: Seq) -> bool {
        self.entries.get(&seq).is_some_and(|entry| entry.doubtful)
    }

    pub(super) fn stage(&self, seq: Seq) -> Option<Stage> {
        self.entries.get(&seq).map(|entry| entry.stage)
    }

    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    pub(super) fn pending_of(&self, source: &str) -> u64 {
        self.turns.pending_of(source)
    }

    /// Acceptance of the pending one that was accepted first.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.entries
            .values()
            .find(|entry| entry.stage != Stage::Held)
            .map(|entry| entry.accepted_at)
    }

    /// A held one is pending. False if it is not held.
    fn resume(&mut self, arrival: &Arrival<'_>) -> bool {
        let seq = arrival.seq;
        match self.entries.get_mut(&seq) {
            Some(entry) if entry.stage == Stage::Held => {
                entry.stage = Stage::Waiting;
                entry.due = arrival.due.unwrap_or(AT_ONCE);
                entry.doubtful = arrival.doubtful;
                self.turns.one_more_pending(entry.source);
                self.pending += 1;
                self.offer(seq);
                true
            }
            _ => false,
        }
    }

    /// Makes it ready, or has it wait for its time, if it waits and is the head of its lane. It must not be offered already.
    fn offer(&mut self, seq: Seq) {
        let Some(entry) = self.entries.get_mut(&seq) else {
            return;
        };
        let lane = self.ends.get(&entry.lane);
        let Some(lane) = lane.filter(|lane| lane.head == Some(seq)) else {
            return;
        };
        if entry.stage != Stage::Waiting {
            return;
        }
        entry.due = entry.due.max(pace::earliest(lane.tried_at, entry.pace));
        if entry.due == AT_ONCE {
            self.turns.insert(entry.namespace, entry.source, seq);
        } else {
            self.later.insert((entry.due, seq));
        }
    }

    /// Takes it out of `turns` and `later`, wherever it is.
    fn withdraw(&mut self, seq: Seq) {
        if let Some(entry) = self.entries.get(&seq) {
            self.later.remove(&(entry.due, seq));
            self.turns.remove(entry.namespace, entry.source, seq);
        }
    }
}
