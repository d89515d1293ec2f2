//! Checkpoints outside COMMIT, so that no accept waits for one.
//!
//! A thread with a connection of its own moves the write-ahead log into the database while the writer goes on writing. Beside
//! a busy writer it never quite catches up, and the log would grow without end: when little is left, or the log is over its
//! cap, it asks the writer to move the rest between two batches, so that the log starts over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// Batches between two passes.
const EVERY: u32 = 16;
/// A log shorter than this many frames is not worth the writer's time.
const WORTH: i64 = 2_000;
/// So few frames left are moved in a moment.
const FEW: i64 = 400;
/// Beyond this many frames (160 MiB) the writer steps in whatever is left.
const CAP: i64 = 40_000;

/// The writer's side: asks for passes, learns when it must finish one.
#[derive(Debug)]
pub(super) struct Checkpoints {
    nudge: Option<SyncSender<()>>,
    finish: Arc<AtomicBool>,
    batches: u32,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (nudge, nudged) = sync_channel(1);
        let finish = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&finish);
        let thread = std::thread::Builder::new()
            .name("inbox-checkpoint".to_owned())
            .spawn(move || passes(&connection, &nudged, &flag))?;
        Ok(Self {
            nudge: Some(nudge),
            finish,
            batches: 0,
            thread: Some(thread),
        })
    }

    /// Called by the writer between two batches, with its own connection.
    pub(super) fn after_batch(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        self.batches += 1;
        if self.finish.swap(false, Ordering::Relaxed) {
            pass(writer)?;
        }
        if self.batches >= EVERY {
            self.ask();
        }
        Ok(())
    }

    /// Called when nothing is queued: the log of the last few batches is moved as well.
    pub(super) fn when_idle(&mut self) {
        if self.batches > 0 {
            self.ask();
        }
    }

    /// Ends the thread, then moves everything, so that the store is one file.
    pub(super) fn close(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        self.nudge = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread of the store has panicked");
        }
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn ask(&mut self) {
        self.batches = 0;
        // Full: a pass is due anyway. Disconnected: the writer's own passes still bound the log.
        if let Some(Err(TrySendError::Disconnected(()))) =
            self.nudge.as_ref().map(|nudge| nudge.try_send(()))
        {
            self.finish.store(true, Ordering::Relaxed);
        }
    }
}

fn passes(connection: &Connection, nudged: &Receiver<()>, finish: &AtomicBool) {
    while nudged.recv().is_ok() {
        match pass(connection) {
            Ok((frames, left)) => {
                if (frames > WORTH && left < FEW) || frames > CAP {
                    finish.store(true, Ordering::Relaxed);
                }
            }
            // The writer meets the same disk and reports it; here it is only why the log grows.
            Err(error) => {
                tracing::warn!(%error, "the store's log could not be moved into its database")
            }
        }
    }
}

/// Frames in the log, and how many of them are not yet in the database.
fn pass(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| {
            let frames: i64 = row.get(1)?;
            let moved: i64 = row.get(2)?;
            Ok((frames, frames - moved))
        })
}
