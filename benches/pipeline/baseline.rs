//! The two stores that the inbox is measured against.
//!
//! Both commit batches on a thread of their own, as the inbox does: one piece of work is waited for, whatever else is queued
//! goes with it. The SQLite one has the inbox's settings and checkpoints beside its commits; it holds no lanes, no states
//! and no history, only what a durable queue with dedup cannot do without.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use signalpost::event::{Delivery, Event};
use signalpost::inbox::Acceptance;
use tokio::sync::oneshot;

use super::{Failure, store};

const BATCH: usize = 512;
const QUEUE: usize = 8_192;
/// Batches between two passes over the write-ahead log.
const PASS_EVERY: usize = 16;
/// Frames of the log from which on the writer moves what a pass has left.
const FRAMES: i64 = 2_000;
const FEW_LEFT: i64 = 400;
const MANY_FRAMES: i64 = 40_000;

const TABLES: &str = "
CREATE TABLE event (seq INTEGER PRIMARY KEY, id BLOB, source TEXT, key TEXT, type TEXT, received_at INTEGER,
    route TEXT, workflow TEXT, headers TEXT, body BLOB);
CREATE TABLE dedup (key BLOB PRIMARY KEY, seq INTEGER, expires_at INTEGER) WITHOUT ROWID;
CREATE TABLE pending (seq INTEGER PRIMARY KEY, due_at INTEGER);
CREATE TABLE done (seq INTEGER PRIMARY KEY, done_at INTEGER);";

pub(crate) async fn sqlite(tasks: usize, round: Duration) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bare.db");
    let mut connection = open(&path)?;
    connection.execute_batch(TABLES)?;
    let beside = open(&path)?;
    let (nudge, nudged) = sync_channel(1);
    let finish = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&finish);
    let passes = std::thread::spawn(move || checkpoints(&beside, &nudged, &flag));
    let mut batches = 0;
    let rate = grouped(tasks, round, move |batch| {
        let kept = insert(&mut connection, batch).is_ok();
        batches += 1;
        if batches % PASS_EVERY == 0 {
            // Full: a pass is due anyway.
            let _due = nudge.try_send(());
        }
        kept && (!finish.swap(false, Ordering::Relaxed) || pass(&connection).is_ok())
    })
    .await?;
    passes.join().map_err(|_| "the checkpoints panicked")??;
    Ok(rate)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "page_size", 4096)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

fn insert(connection: &mut Connection, batch: &[Acceptance]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for Acceptance { event, deliveries } in batch {
        let Some(delivery) = deliveries.first() else {
            continue;
        };
        let seq = insert_event(&transaction, event, delivery)?;
        let digest = Sha256::digest(event.key.text.as_bytes());
        let key = digest.first_chunk::<16>();
        let now = event.received_at.millis();
        let expires_at = event.received_at.plus(event.key.retention).millis();
        transaction
            .prepare_cached(
                "INSERT INTO dedup VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE \
                 SET seq = ?2, expires_at = ?3 WHERE expires_at <= ?4",
            )?
            .execute(params![key, seq, expires_at, now])?;
        transaction
            .prepare_cached("INSERT INTO pending VALUES (?, ?)")?
            .execute(params![seq, now])?;
    }
    transaction.commit()
}

fn insert_event(
    connection: &Connection,
    event: &Event,
    delivery: &Delivery,
) -> rusqlite::Result<i64> {
    let mut headers = String::new();
    for (name, value) in &event.headers {
        headers.extend([name, ": ", value, "\n"]);
    }
    connection
        .prepare_cached("INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .insert(params![
            event.id.0.as_bytes(),
            &*event.source,
            event.key.text,
            event.kind,
            event.received_at.millis(),
            &*delivery.route,
            delivery.target.workflow,
            headers,
            &event.body[..]
        ])
}

fn checkpoints(
    connection: &Connection,
    nudged: &Receiver<()>,
    finish: &AtomicBool,
) -> rusqlite::Result<()> {
    while nudged.recv().is_ok() {
        let (frames, left) = pass(connection)?;
        if (frames > FRAMES && left < FEW_LEFT) || frames > MANY_FRAMES {
            finish.store(true, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Frames in the log, and how many of them are not yet in the database.
fn pass(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (frames, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((frames, frames - moved))
    })
}

pub(crate) async fn log(tasks: usize, round: Duration) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("log"))?;
    let mut lines = Vec::new();
    grouped(tasks, round, move |batch| {
        lines.clear();
        for Acceptance { event, .. } in batch {
            lines.extend_from_slice(event.id.0.as_bytes());
            lines.extend_from_slice(event.key.text.as_bytes());
            for (name, value) in &event.headers {
                lines.extend_from_slice(name.as_bytes());
                lines.extend_from_slice(value.as_bytes());
            }
            lines.extend_from_slice(&event.body);
        }
        file.write_all(&lines)
            .and_then(|()| file.sync_data())
            .is_ok()
    })
    .await
}

/// An acceptance, and whom to tell that it is kept.
type Put = (Acceptance, oneshot::Sender<bool>);

/// The rate of a store that commits batches on a thread of its own.
async fn grouped(
    tasks: usize,
    round: Duration,
    mut commit: impl FnMut(&[Acceptance]) -> bool + Send + 'static,
) -> Result<f64, Failure> {
    let (queue, queued): (SyncSender<Put>, Receiver<Put>) = sync_channel(QUEUE);
    let thread = std::thread::spawn(move || {
        while let Ok(first) = queued.recv() {
            let (batch, answers): (Vec<_>, Vec<_>) = std::iter::once(first)
                .chain(queued.try_iter().take(BATCH - 1))
                .unzip();
            let kept = commit(&batch);
            for answer in answers {
                // Whoever asked has gone: nothing to tell.
                let _gone = answer.send(kept);
            }
        }
    });
    let rate = store::rate(tasks, round, move |acceptance| {
        let queue = queue.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            queue.try_send((acceptance, answer)).is_ok() && answered.await.unwrap_or(false)
        }
    })
    .await;
    thread.join().map_err(|_| "the store's thread panicked")?;
    rate
}
