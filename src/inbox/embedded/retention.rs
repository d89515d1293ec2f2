//! Removes settled events past their retention, oldest first, in small steps between batches.
//!
//! What is pending or parked stays, whatever its age; a round that passed such events says so in the numbers. Room on disk
//! is given back when much of it lies free. A step is short and rests longer than it worked, so that no accept waits for
//! more than one of them. Dedup keys are `sweep`'s: they may outlive their events.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::requests;
use crate::clock::{self, Timestamp};
use crate::event::State;
use crate::inbox::board::{Board, Tally};
use crate::inbox::{Overdue, Retention};

/// Events looked at in one step.
const STEP: i64 = 100;
/// Bodies removed in one step; one more than fits goes too.
const STEP_BYTES: u64 = 1 << 20;
/// Pages given back to the disk in one step.
const VACUUM: i64 = 256;
/// A file with so much of it free, and no less than that, gives it back: 1/8, 4 MiB.
const FREE_SHARE: i64 = 8;
const FREE_PAGES: i64 = 1_024;
/// Rests at least so long between two steps, and four times as long as the step took.
const REST: Duration = Duration::from_millis(10);
const REST_FACTOR: u32 = 4;
const BETWEEN_ROUNDS: Duration = Duration::from_mins(1);

/// Where the round through the events stands, from the oldest on.
#[derive(Debug)]
pub(super) struct Keeper {
    retention: Retention,
    /// Everything up to this time of receipt and place has been looked at.
    after: (i64, i64),
    passed: Overdue,
    due: Timestamp,
}

/// What the file is made of, in pages.
struct Pages {
    all: i64,
    free: i64,
    /// As many as retention allows.
    allowed: i64,
}

/// An event that is old enough.
struct Seen {
    received_at: i64,
    seq: i64,
    bytes: u64,
    unrouted: bool,
    /// Something of it is pending or parked.
    held: bool,
}

/// What one step came to.
#[derive(Debug, Default)]
struct Removed {
    events: u64,
    tally: Tally,
    last: Option<(i64, i64)>,
}

impl Keeper {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            retention,
            after: (i64::MIN, 0),
            passed: Overdue::default(),
            due: Timestamp::default(),
        }
    }

    /// How long until there is work: what an idle writer may sleep.
    pub(super) fn rest(&self, now: Timestamp) -> Duration {
        self.due.since(now).min(BETWEEN_ROUNDS)
    }

    /// One step if it is time for one. True if it has changed the store.
    pub(super) fn step(&mut self, connection: &mut Connection, board: &Board) -> bool {
        let began = clock::now();
        // A round that is due later than a round lasts: the clock was set back.
        if began < self.due && self.due.since(began) <= BETWEEN_ROUNDS {
            return false;
        }
        match self.work(connection, board, began) {
            Ok(Some(changed)) => {
                let ended = clock::now();
                self.due = ended.plus(REST.max(ended.since(began) * REST_FACTOR));
                changed
            }
            Ok(None) => {
                board.set_overdue(std::mem::take(&mut self.passed));
                self.after = (i64::MIN, 0);
                self.due = began.plus(BETWEEN_ROUNDS);
                false
            }
            Err(error) => {
                tracing::warn!(%error, "events past retention could not be removed; will try again");
                self.due = began.plus(BETWEEN_ROUNDS);
                false
            }
        }
    }

    /// None: the round is over. Else whether anything has changed.
    fn work(
        &mut self,
        connection: &mut Connection,
        board: &Board,
        now: Timestamp,
    ) -> rusqlite::Result<Option<bool>> {
        let pages = self.pages(connection)?;
        if pages.is_wasteful() {
            vacuum(connection)?;
            return Ok(Some(true));
        }
        let until = if pages.used() > pages.allowed {
            i64::MAX
        } else {
            now.minus(self.retention.age).millis()
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed = self.remove(&transaction, until)?;
        transaction.commit()?;
        let Some(last) = removed.last else {
            return Ok(None);
        };
        self.after = last;
        let changed = removed.events > 0;
        board.forget(removed.tally);
        Ok(Some(changed))
    }

    fn remove(&mut self, transaction: &Transaction<'_>, until: i64) -> rusqlite::Result<Removed> {
        let mut removed = Removed::default();
        let mut bytes = 0;
        for seen in look(transaction, self.after, until)? {
            if bytes >= STEP_BYTES {
                break;
            }
            removed.last = Some((seen.received_at, seen.seq));
            if seen.held {
                self.passed.events += 1;
                self.passed.bytes += seen.bytes;
                continue;
            }
            bytes += seen.bytes;
            removed.events += 1;
            if seen.unrouted {
                removed.tally.unrouted += 1;
            }
            remove_event(transaction, seen.seq, &mut removed.tally)?;
        }
        Ok(removed)
    }

    fn pages(&self, connection: &Connection) -> rusqlite::Result<Pages> {
        let ask = |name: &str| -> rusqlite::Result<i64> {
            connection.pragma_query_value(None, name, |row| row.get(0))
        };
        let size = ask("page_size")?.max(1);
        let allowed = self.retention.size.map_or(i64::MAX, |bytes| {
            i64::try_from(bytes).unwrap_or(i64::MAX) / size
        });
        Ok(Pages {
            all: ask("page_count")?,
            free: ask("freelist_count")?,
            allowed,
        })
    }
}

impl Pages {
    fn used(&self) -> i64 {
        self.all - self.free
    }

    /// Whether to give room back: the file is over its size with pages to spare, or much of it is free.
    fn is_wasteful(&self) -> bool {
        let over = self.all > self.allowed && self.used() <= self.allowed;
        over && self.free > 0 || self.free > (self.all / FREE_SHARE).max(FREE_PAGES)
    }
}

fn look(
    transaction: &Transaction<'_>,
    after: (i64, i64),
    until: i64,
) -> rusqlite::Result<Vec<Seen>> {
    transaction
        .prepare_cached(
            "SELECT received_at, seq, coalesce(item_length, length(body)), unrouted, EXISTS (SELECT 1 FROM delivery d INDEXED BY delivery_event \
             WHERE d.event = event.seq AND d.state IN ('pending', 'parked')) \
             FROM event INDEXED BY event_received \
             WHERE received_at BETWEEN ?1 AND ?3 AND (received_at > ?1 OR seq > ?2) \
             ORDER BY received_at, seq LIMIT ?4",
        )?
        .query_map(params![after.0, after.1, until, STEP], |row| {
            Ok(Seen {
                received_at: row.get(0)?,
                seq: row.get(1)?,
                bytes: row.get::<_, i64>(2)?.unsigned_abs(),
                unrouted: row.get(3)?,
                held: row.get(4)?,
            })
        })?
        .collect()
}

/// The event, its deliveries and notes.
fn remove_event(
    transaction: &Transaction<'_>,
    seq: i64,
    tally: &mut Tally,
) -> rusqlite::Result<()> {
    let mut statement = transaction
        .prepare_cached("DELETE FROM delivery WHERE event = ? RETURNING state = 'delivered'")?;
    let mut deliveries = statement.query([seq])?;
    while let Some(row) = deliveries.next()? {
        let delivered = row.get(0)?;
        tally.count(if delivered {
            State::Delivered
        } else {
            State::Dropped
        });
    }
    transaction
        .prepare_cached("DELETE FROM note WHERE event = ?")?
        .execute([seq])?;
    let request: Option<i64> = transaction
        .prepare_cached("DELETE FROM event WHERE seq = ? RETURNING request")?
        .query_row([seq], |row| row.get(0))?;
    request.map_or(Ok(()), |request| {
        requests::remove_if_last(transaction, request)
    })
}

/// A row for each page: the statement must be run to its end.
fn vacuum(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached(&format!("PRAGMA incremental_vacuum({VACUUM})"))?;
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
