//! Reads beside the writer: on connections that cannot write, off the async threads.
//!
//! Every read is short: a reader that lingers keeps the write-ahead log from starting over.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Semaphore;

use super::highwater::HighWater;
use super::records;
use super::requests;
use super::rows::{self, DELIVERY_COLUMNS, EVENT_COLUMNS};
use super::schema;
use crate::clock::Timestamp;
use crate::event::{Delivery, DeliveryId, EventId};
use crate::inbox::board::{Board, Tally};
use crate::inbox::lanes::{Arrival, Seq};
use crate::inbox::partition::{PARTITIONS, partition};
use crate::inbox::{Error, EventRecord, SOON};

/// A few connections, opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, connections: usize) -> Self {
        Self {
            path,
            turns: Arc::new(Semaphore::new(connections)),
            idle: Arc::default(),
        }
    }

    /// Runs `read` on a connection of its own, on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(unavailable)?;
        let path = self.path.clone();
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match kept {
                Some(connection) => connection,
                None => schema::open_reader(&path)?,
            };
            let result = read(&connection);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            drop(turn);
            result
        });
        task.await.map_err(unavailable)?.map_err(unavailable)
    }
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::Unavailable(error.to_string())
}

/// Counts once, at start: by small indexes, and all deliveries by one that holds two numbers a row.
pub(super) fn tally(connection: &Connection) -> rusqlite::Result<Tally> {
    let count = |query: &str| -> rusqlite::Result<u64> {
        connection
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    };
    let all = count("SELECT count(*) FROM delivery")?;
    let pending = count("SELECT count(*) FROM delivery WHERE state = 'pending'")?;
    let parked = count("SELECT count(*) FROM delivery WHERE state = 'parked'")?;
    let dropped = count("SELECT count(*) FROM delivery WHERE state = 'dropped'")?;
    Ok(Tally {
        parked,
        dropped,
        delivered: all.saturating_sub(pending + parked + dropped),
        unrouted: count("SELECT count(*) FROM event WHERE unrouted")?,
    })
}

/// Puts everything pending back into its lane, in order; due at once, save what was to wait for longer than [`SOON`]. What
/// was parked to hold its lane holds it again. What was never claimed is in no doubt.
pub(super) fn restore(
    connection: &Connection,
    board: &Board,
    high_water: &HighWater,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT seq, namespace, workflow, source, accepted_at, next_attempt_at, \
         iif(json_valid(rules), rules ->> 'pace_ms', NULL), 0, \
         attempts > 0 OR first_attempt_at IS NOT NULL \
         FROM delivery INDEXED BY delivery_pending WHERE state = 'pending' \
         UNION ALL \
         SELECT seq, namespace, workflow, source, accepted_at, NULL, NULL, 1, 1 \
         FROM delivery INDEXED BY delivery_parked \
         WHERE state = 'parked' AND iif(json_valid(rules), rules ->> 'after_park', '') = 'hold' AND workflow <> '' \
         ORDER BY seq",
    )?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let seq = rows::seq_from(row.get(0)?)?;
        let tried: bool = row.get(8)?;
        let (namespace, workflow) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
        let part = partition(namespace, workflow, PARTITIONS);
        board.restore(&Arrival {
            seq,
            namespace,
            workflow,
            source: &Arc::from(row.get_ref(3)?.as_str()?),
            accepted_at: Timestamp::from_millis(row.get(4)?),
            due: row
                .get::<_, Option<i64>>(5)?
                .map(Timestamp::from_millis)
                .filter(|due| *due > now.plus(SOON)),
            pace: row
                .get::<_, Option<u32>>(6)?
                .map(|ms| Duration::from_millis(ms.into())),
            doubtful: tried || high_water.covers(part, seq),
            held: row.get(7)?,
        });
    }
    Ok(())
}

/// The deliveries at these places. One that cannot be read is left out: it must not hold up the others.
pub(super) fn deliveries(
    connection: &Connection,
    seqs: &[Seq],
) -> rusqlite::Result<HashMap<Seq, Delivery>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {DELIVERY_COLUMNS} FROM delivery d JOIN event e ON e.seq = d.event WHERE d.seq = ?"
    ))?;
    let mut found = HashMap::with_capacity(seqs.len());
    for &seq in seqs {
        match statement.query_row([rows::rowid(seq)], rows::delivery_from) {
            Ok(delivery) => {
                found.insert(seq, delivery);
            }
            Err(error) if error.sqlite_error_code().is_some() => return Err(error),
            Err(error) => {
                tracing::error!(%error, seq, "a pending delivery cannot be read from the store");
            }
        }
    }
    Ok(found)
}

pub(super) fn delivery(
    connection: &Connection,
    id: DeliveryId,
) -> rusqlite::Result<Option<Delivery>> {
    connection
        .prepare_cached(&format!(
            "SELECT {DELIVERY_COLUMNS} FROM delivery d JOIN event e ON e.seq = d.event WHERE d.id = ?"
        ))?
        .query_row(params![id.0.as_bytes()], rows::delivery_from)
        .optional()
}

pub(super) fn event(connection: &Connection, id: EventId) -> rusqlite::Result<Option<EventRecord>> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {EVENT_COLUMNS} FROM event e WHERE e.id = ?"
        ))?
        .query_row(params![id.0.as_bytes()], rows::event_from)
        .optional()?;
    found
        .map(|(seq, mut record)| {
            if let Some(item) = &mut record.event.item {
                requests::complete(connection, seq, item)?;
            }
            with_deliveries(connection, seq, record)
        })
        .transpose()
}

/// Adds the deliveries of the event at this place, in order of acceptance, and its notes.
pub(super) fn with_deliveries(
    connection: &Connection,
    seq: i64,
    mut record: EventRecord,
) -> rusqlite::Result<EventRecord> {
    record.deliveries = connection
        .prepare_cached(&format!(
            "SELECT {DELIVERY_COLUMNS} FROM delivery d JOIN event e ON e.seq = d.event WHERE d.event = ? ORDER BY d.seq"
        ))?
        .query_map([seq], rows::delivery_from)?
        .collect::<rusqlite::Result<_>>()?;
    record.notes = records::notes(connection, seq)?;
    Ok(record)
}
