//! What the callers and the writer share in memory: lanes, fresh deliveries, counters, the store's trouble.
//!
//! Locks are short and never held across an await or a disk access.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::cache::Cache;
use super::lanes::{Arrival, Lanes, Seq};
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, State};
use crate::inbox::{Error, Overdue, SOON, Stats};

/// Claims look again at least this often, so that a wall clock that jumps cannot hold a lane for long.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A claim dropped unsettled waits this long: a task that panics on a delivery must not spin on it.
const RETURN_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Board {
    desk: Mutex<Desk>,
    trouble: Mutex<Option<String>>,
    /// Told whenever a lane may have become ready.
    pub changed: Notify,
    max_backlog: u64,
}

/// What is guarded by one short lock; operators' actions have their own way in, beside this file.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) lanes: Lanes,
    pub(super) cache: Cache,
    pub(super) tally: Tally,
    /// As the last round of retention found it.
    pub(super) overdue: Overdue,
}

/// Deliveries by state, pending ones apart, and events without any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub parked: u64,
    pub delivered: u64,
    pub dropped: u64,
    pub unrouted: u64,
}

/// Binds a claim to its lane; dropped, it gives the head back.
#[derive(Debug)]
pub(super) struct Hold {
    board: Arc<Board>,
    pub(super) seq: Seq,
    pub(super) claimed_at: Timestamp,
    pub(super) doubtful: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let due = clock::now().plus(RETURN_AFTER);
        // Settled heads are gone from the lanes already: nothing to give back then.
        if self.board.desk().lanes.retry_at(self.seq, due, true) {
            self.board.changed.notify_waiters();
        }
    }
}

impl Board {
    pub(super) fn new(max_backlog: u64, tally: Tally) -> Self {
        Self {
            desk: Mutex::new(Desk {
                tally,
                ..Desk::default()
            }),
            trouble: Mutex::default(),
            changed: Notify::new(),
            max_backlog,
        }
    }

    /// Puts one that was found at start into its lane.
    pub(super) fn restore(&self, arrival: &Arrival<'_>) {
        self.desk().lanes.push(arrival);
    }

    /// Enters what was committed, in the order of commit.
    pub(super) fn enter(&self, committed: Vec<(Vec<Seq>, Vec<Delivery>)>) {
        if committed.is_empty() {
            return;
        }
        let mut desk = self.desk();
        for (seqs, deliveries) in committed {
            if seqs.is_empty() {
                desk.tally.unrouted += 1;
            }
            for (seq, delivery) in seqs.into_iter().zip(deliveries) {
                desk.enter(seq, delivery);
            }
        }
        drop(desk);
        self.changed.notify_waiters();
    }

    /// Claims heads that are due, with their deliveries where these are still in memory; and when to look again.
    pub(super) fn take_ready(
        self: &Arc<Self>,
        now: Timestamp,
        max: usize,
        room: impl Fn(&str) -> usize,
    ) -> (Vec<(Hold, Option<Delivery>)>, Option<Timestamp>) {
        let mut desk = self.desk();
        let taken = desk.lanes.take_ready(now, max, room);
        let taken = taken
            .into_iter()
            .map(|(seq, doubtful)| {
                let hold = Hold {
                    board: Arc::clone(self),
                    seq,
                    claimed_at: now,
                    doubtful,
                };
                (hold, desk.cache.take(seq))
            })
            .collect();
        (taken, desk.lanes.next_due())
    }

    /// Waits until a lane may have become ready: something has changed, or a head is due.
    pub(super) async fn wait(
        changed: Pin<&mut Notified<'_>>,
        due: Option<Timestamp>,
        now: Timestamp,
    ) {
        let wait = due.map_or(LONGEST_WAIT, |due| due.since(now).min(LONGEST_WAIT));
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    /// Frees the lane of a settled head, has the lane wait for its next attempt, or has it stand where that was parked to hold it.
    ///
    /// `delivery` as the settlement left it.
    pub(super) fn settle(
        &self,
        seq: Seq,
        retry_at: Option<Timestamp>,
        delivery: Delivery,
        doubtful: bool,
    ) {
        let mut desk = self.desk();
        let due = desk.lanes.next_due();
        if let Some(at) = retry_at {
            desk.cache.insert(seq, delivery);
            desk.lanes.retry_at(seq, at, doubtful);
        } else {
            if delivery.holds_lane() {
                desk.lanes.hold(seq);
            } else {
                desk.lanes.settle(seq);
            }
            desk.tally.count(delivery.state);
        }
        // Most lanes are empty then, and nobody need be told.
        let news = desk.lanes.any_ready() || desk.lanes.next_due() != due;
        drop(desk);
        if news {
            self.changed.notify_waiters();
        }
    }

    /// The head waits as if it had not been claimed.
    pub(super) fn put_back(&self, hold: Hold, delivery: Option<Delivery>, until: Timestamp) {
        let mut desk = self.desk();
        if let Some(delivery) = delivery {
            desk.cache.insert(hold.seq, delivery);
        }
        desk.lanes.retry_at(hold.seq, until, hold.doubtful);
        drop(desk);
        drop(hold);
        self.changed.notify_waiters();
    }

    pub(super) fn wake(&self) {
        self.desk().lanes.wake(clock::now().plus(SOON));
        self.changed.notify_waiters();
    }

    /// Refuses what would make the backlog too long. What is on its way to the writer is not counted: the limit is approximate.
    pub(super) fn admit(&self, source: &str, arriving: u64) -> Result<(), Error> {
        if arriving == 0 {
            return Ok(());
        }
        let desk = self.desk();
        if desk.lanes.pending() + arriving > self.max_backlog {
            return Err(Error::Backlog { source_only: false });
        }
        if desk.lanes.pending_of(source) + arriving > self.max_backlog.div_ceil(2) {
            return Err(Error::Backlog { source_only: true });
        }
        Ok(())
    }

    /// Everything but the bytes and what is known of a server.
    pub(super) fn stats(&self) -> Stats {
        let trouble = self.trouble().clone();
        let desk = self.desk();
        Stats {
            pending: desk.lanes.pending(),
            parked: desk.tally.parked,
            delivered: desk.tally.delivered,
            dropped: desk.tally.dropped,
            unrouted: desk.tally.unrouted,
            oldest_pending: desk.lanes.oldest(),
            bytes: 0,
            overdue: desk.overdue,
            trouble,
            shared: None,
            server: Vec::new(),
            round_trip: None,
        }
    }

    /// Settled deliveries and unrouted events that are no longer kept.
    pub(super) fn forget(&self, gone: Tally) {
        let tally = &mut self.desk().tally;
        tally.delivered = tally.delivered.saturating_sub(gone.delivered);
        tally.dropped = tally.dropped.saturating_sub(gone.dropped);
        tally.unrouted = tally.unrouted.saturating_sub(gone.unrouted);
    }

    pub(super) fn set_overdue(&self, overdue: Overdue) {
        self.desk().overdue = overdue;
    }

    /// None: a write has succeeded.
    pub(super) fn set_trouble(&self, why: Option<String>) {
        let before = std::mem::replace(&mut *self.trouble(), why.clone());
        // Said when it begins and when it ends, not for each acceptance in between.
        match (before, why) {
            (None, Some(error)) => {
                tracing::error!(error, "the store cannot promise: webhooks are answered 503");
            }
            (Some(_), None) => tracing::info!("the store can promise again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// An orderly end is no trouble to report, yet nothing is promised any more.
    pub(super) fn set_stopped(&self) {
        *self.trouble() = Some("its writer has stopped".to_owned());
    }

    pub(super) fn troubled(&self) -> bool {
        self.trouble().is_some()
    }

    // What these locks guard is whole between any two statements, so that a panic elsewhere does not spoil it.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    pub(super) fn enter(&mut self, seq: Seq, delivery: Delivery) {
        self.tally.count(delivery.state);
        let pending = delivery.state == State::Pending;
        if pending || delivery.holds_lane() {
            self.lanes.push(&arrival(seq, &delivery));
        }
        if pending {
            self.cache.insert(seq, delivery);
        }
    }
}

impl Tally {
    pub(super) fn count(&mut self, state: State) {
        if let Some(count) = self.of(state) {
            *count += 1;
        }
    }

    pub(super) fn uncount(&mut self, state: State) {
        if let Some(count) = self.of(state) {
            *count = count.saturating_sub(1);
        }
    }

    /// Pending ones are counted by the lanes.
    fn of(&mut self, state: State) -> Option<&mut u64> {
        match state {
            State::Pending => None,
            State::Delivered => Some(&mut self.delivered),
            State::Parked => Some(&mut self.parked),
            State::Dropped => Some(&mut self.dropped),
        }
    }
}

pub(super) fn arrival(seq: Seq, delivery: &Delivery) -> Arrival<'_> {
    Arrival {
        seq,
        namespace: &delivery.target.namespace,
        workflow: &delivery.target.workflow,
        source: &delivery.source,
        accepted_at: delivery.accepted_at,
        due: None,
        doubtful: false,
        pace: delivery.rules.pace(),
        held: delivery.holds_lane(),
    }
}
