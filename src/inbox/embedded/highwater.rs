//! The high-water mark: up to which place deliveries may have been claimed.
//!
//! Places grow, so that what is pending above the mark after a restart was never sent. What lies below may have been, but
//! not before the first mark that covers it was on disk. A mark is raised far ahead, so that few claims wait for one; the
//! price is a needless doubt for as many. A place that is used again, its row having left, lies below as well: that too is
//! a needless doubt at worst, for nothing is attempted before its own acceptance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, params};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::rows;
use crate::clock::Timestamp;
use crate::event::Delivery;
use crate::inbox::Error;
use crate::inbox::lanes::Seq;

/// How far above the claim that needs it a mark is set.
pub(super) const AHEAD: u64 = 512;

/// Marks that cover nothing pending, but for the highest. What covers only parked ones may go too: one of these that an
/// operator sends for the first time is claimed later than any mark that is left.
const CLEAR: &str = "DELETE FROM claimed WHERE seq < (SELECT max(seq) FROM claimed) AND NOT EXISTS \
     (SELECT 1 FROM delivery d INDEXED BY delivery_pending WHERE d.state = 'pending' AND d.seq <= claimed.seq \
     AND d.seq > coalesce((SELECT max(below.seq) FROM claimed below WHERE below.seq < claimed.seq), 0))";

/// The mark as it stands on disk.
#[derive(Debug)]
pub(super) struct HighWater {
    seq: AtomicU64,
    /// One raise at a time: it has one place in the queue.
    pub turn: Arc<Semaphore>,
}

/// A raise in the writer's queue.
#[derive(Debug)]
pub(super) struct Raise {
    /// The claim that needs it, and when that was made.
    pub seq: Seq,
    pub at: Timestamp,
    pub answer: oneshot::Sender<Result<(), Error>>,
    #[expect(dead_code, reason = "a place in the queue, given back with the answer")]
    pub permit: OwnedSemaphorePermit,
}

impl HighWater {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let seq = connection.query_row("SELECT coalesce(max(seq), 0) FROM claimed", [], |row| {
            row.get::<_, i64>(0)
        })?;
        Ok(Self {
            seq: AtomicU64::new(seq.unsigned_abs()),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    pub(super) fn covers(&self, seq: Seq) -> bool {
        seq.get() <= self.seq.load(Ordering::Acquire)
    }

    /// Only what is on disk counts.
    pub(super) fn rise(&self, raise: &Raise) {
        self.seq.fetch_max(raise.mark().get(), Ordering::Release);
    }
}

impl Raise {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached("INSERT INTO claimed (seq, at) VALUES (?, ?)")?
            .execute(params![rows::rowid(self.mark()), self.at.millis()])?;
        connection.prepare_cached(CLEAR)?.execute([]).map(drop)
    }

    fn mark(&self) -> Seq {
        self.seq.saturating_add(AHEAD)
    }
}

/// Dates a doubtful one whose first attempt nobody wrote down: that was not before any mark that covers it. The clock may
/// have been set back between two marks: the earliest counts.
pub(super) fn date(
    connection: &Connection,
    seq: Seq,
    delivery: &mut Delivery,
) -> rusqlite::Result<()> {
    if delivery.first_attempt_at.is_none() {
        let at: Option<i64> = connection
            .prepare_cached("SELECT min(at) FROM claimed WHERE seq >= ?")?
            .query_row([rows::rowid(seq)], |row| row.get(0))?;
        delivery.first_attempt_at =
            at.map(|at| Timestamp::from_millis(at).max(delivery.accepted_at));
    }
    Ok(())
}
