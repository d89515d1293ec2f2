//! The high-water marks: up to which place the deliveries of each partition may have been claimed.
//!
//! Places grow, so that what is pending above its partition's mark after a restart was never sent. What lies below may have
//! been, but not before the first mark that covers it was on disk. Marks are raised far ahead, and all that will be needed
//! soon at once, so that few claims wait for one; the price is a needless doubt about as many places. A place that is used
//! again, its row having left, lies below as well: that too is a needless doubt at worst, for nothing is attempted before
//! its own acceptance. One line for each partition, not one for all: a lane that lags lies far below where others are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::rows;
use crate::clock::Timestamp;
use crate::event::Delivery;
use crate::inbox::Error;
use crate::inbox::lanes::Seq;
use crate::inbox::partition::{PARTITIONS, partition};

/// How far above the claim that needs it a mark is set.
pub(super) const AHEAD: u64 = 1024;

/// How many marks a partition keeps: beyond that the oldest become one, with the earlier time.
pub(super) const KEPT: u32 = 64;

/// Marks below all that is pending, but for the highest. What covers only parked ones may go too: one of these that an
/// operator sends for the first time is claimed later than any mark that is left.
const CLEAR: &str = "DELETE FROM claimed WHERE part = :part AND seq < :seq \
     AND seq < coalesce((SELECT min(seq) FROM delivery INDEXED BY delivery_pending WHERE state = 'pending'), :seq)";

/// The marks as they stand on disk.
#[derive(Debug)]
pub(super) struct HighWater {
    parts: Vec<Part>,
    /// One raise at a time: it has one place in the queue.
    pub turn: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Part {
    mark: AtomicU64,
    /// The highest place that a claim has asked for.
    asked: AtomicU64,
}

/// A raise in the writer's queue.
#[derive(Debug)]
pub(super) struct Raise {
    /// New marks by partition.
    pub marks: Vec<(u16, u64)>,
    /// When the claim was made that needs them.
    pub at: Timestamp,
    pub answer: oneshot::Sender<Result<(), Error>>,
    #[expect(dead_code, reason = "a place in the queue, given back with the answer")]
    pub permit: OwnedSemaphorePermit,
}

pub(super) fn part_of(delivery: &Delivery) -> u16 {
    let target = &delivery.target;
    partition(&target.namespace, &target.workflow, PARTITIONS)
}

impl HighWater {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let parts: Vec<_> = (0..PARTITIONS).map(|_| Part::default()).collect();
        let mut marks = connection.prepare("SELECT part, max(seq) FROM claimed GROUP BY part")?;
        let mut marks = marks.query([])?;
        while let Some(row) = marks.next()? {
            if let Some(part) = parts.get(usize::from(row.get::<_, u16>(0)?)) {
                let seq: i64 = row.get(1)?;
                part.mark.store(seq.unsigned_abs(), Ordering::Relaxed);
            }
        }
        Ok(Self {
            parts,
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// Whether it may have been claimed.
    pub(super) fn covers(&self, part: u16, seq: Seq) -> bool {
        self.parts
            .get(usize::from(part))
            .is_some_and(|it| seq.get() <= it.mark.load(Ordering::Acquire))
    }

    /// A claim is about to hand it out; whether it may.
    pub(super) fn asks(&self, part: u16, seq: Seq) -> bool {
        if let Some(it) = self.parts.get(usize::from(part)) {
            it.asked.fetch_max(seq.get(), Ordering::Relaxed);
        }
        self.covers(part, seq)
    }

    /// The marks of all partitions that are over, or half over, for what claims have asked.
    pub(super) fn due(&self) -> Vec<(u16, u64)> {
        (0..PARTITIONS)
            .zip(&self.parts)
            .filter_map(|(number, it)| {
                let asked = it.asked.load(Ordering::Relaxed);
                let over = asked + AHEAD / 2 > it.mark.load(Ordering::Acquire);
                (asked > 0 && over).then_some((number, asked + AHEAD))
            })
            .collect()
    }

    /// Only what is on disk counts.
    pub(super) fn rise(&self, raise: &Raise) {
        for &(part, mark) in &raise.marks {
            if let Some(it) = self.parts.get(usize::from(part)) {
                it.mark.fetch_max(mark, Ordering::Release);
            }
        }
    }
}

impl Raise {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        for &(part, mark) in &self.marks {
            let mark = i64::try_from(mark).unwrap_or(i64::MAX);
            connection
                .prepare_cached("INSERT OR IGNORE INTO claimed (part, seq, at) VALUES (?, ?, ?)")?
                .execute(params![part, mark, self.at.millis()])?;
            connection
                .prepare_cached(CLEAR)?
                .execute(rusqlite::named_params! { ":part": part, ":seq": mark })?;
            thin(connection, part)?;
        }
        Ok(())
    }
}

/// Makes one mark of those beyond [`KEPT`] and the oldest that stays.
fn thin(connection: &Connection, part: u16) -> rusqlite::Result<()> {
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT seq FROM claimed WHERE part = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        )?
        .query_row(params![part, KEPT - 1], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE claimed SET at = (SELECT min(at) FROM claimed WHERE part = :part AND seq <= :seq) \
             WHERE part = :part AND seq = :seq",
        )?
        .execute(rusqlite::named_params! { ":part": part, ":seq": last })?;
    connection
        .prepare_cached("DELETE FROM claimed WHERE part = ? AND seq < ?")?
        .execute(params![part, last])
        .map(drop)
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
            .prepare_cached("SELECT min(at) FROM claimed WHERE part = ? AND seq >= ?")?
            .query_row(params![part_of(delivery), rows::rowid(seq)], |row| {
                row.get(0)
            })?;
        delivery.first_attempt_at =
            at.map(|at| Timestamp::from_millis(at).max(delivery.accepted_at));
    }
    Ok(())
}
