//! The embedded inbox: one SQLite file, one process, one writing thread.
//!
//! Accepts and settlements go to the writer through a bounded queue; lanes live in memory and are rebuilt from the file at
//! start; reads have connections of their own. What this costs beside bare SQLite, `benches/pipeline/store.rs` measures.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, oneshot};

mod acting;
mod actions;
mod backup;
mod checkpoint;
mod claiming;
mod copying;
mod deliveries;
mod doubt;
mod highwater;
mod lock;
mod page;
mod reader;
mod records;
mod replaying;
mod requests;
mod retention;
mod rows;
mod schema;
mod seizure;
mod step;
mod sweep;
mod writer;

#[cfg(test)]
mod tests;

pub use backup::{Restored, backup, doubt, restore};
pub use copying::{Contents, CopyError, Progress};
pub use doubt::Doubted;

use crate::inbox::board::{Board, Hold};
use crate::inbox::mark::Mark;
use highwater::HighWater;
use reader::Readers;
use retention::Keeper;
use step::Prepared;
use writer::{Job, MARKS, QUEUE, Writer};

use super::{
    Acceptance, Error, EventFilter, EventRecord, Page, Receipt, Retention, Settlement, Stats,
};
use crate::clock;
use crate::event::{Delivery, DeliveryId, EventId, State};

/// Where the store is and how much may pend in it.
#[derive(Clone, Debug)]
pub struct Options {
    pub path: PathBuf,
    /// Pending deliveries, about; one source may hold half of them.
    pub max_backlog: u64,
    pub retention: Retention,
}

impl Options {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_backlog: 1_000_000,
            retention: Retention::default(),
        }
    }
}

#[derive(Debug)]
pub struct Store {
    board: Arc<Board>,
    jobs: SyncSender<Job>,
    /// Places in the queue. Closed with the store.
    room: Arc<Semaphore>,
    /// Places in it for settlements, which must not take those of accepts. Closed with the store.
    marks: Arc<Semaphore>,
    /// For people who look at history.
    history: Readers,
    /// For claims alone, so that no look at history holds up a delivery.
    claims: Readers,
    high_water: Arc<HighWater>,
    writer: Mutex<Option<JoinHandle<()>>>,
    stopped: AtomicBool,
    path: PathBuf,
}

impl Store {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let path = options.path.clone();
        if path.is_dir() {
            return Err(Error::Open(format!(
                "the store {} is a folder: name a file in it with --store",
                path.display()
            )));
        }
        let lock = lock::StoreLock::acquire(&path)?;
        let connection = schema::open_writer(&path)?;
        let unreadable = |error: rusqlite::Error| {
            Error::Open(format!(
                "cannot read the store {}: {error}; restore it from a backup",
                path.display()
            ))
        };
        let tally = reader::tally(&connection).map_err(unreadable)?;
        let board = Arc::new(Board::new(options.max_backlog, tally));
        let high_water = Arc::new(HighWater::read(&connection).map_err(unreadable)?);
        reader::restore(&connection, &board, &high_water, clock::now()).map_err(unreadable)?;
        let no_thread = |error: std::io::Error| {
            Error::Open(format!(
                "cannot start a thread for the store: {error}; raise the limit on processes"
            ))
        };
        let checkpoints =
            checkpoint::Checkpoints::start(schema::open_checkpointer(&path)?).map_err(no_thread)?;
        // Two places more than there are permits: a raise and the word to stop always fit.
        let (jobs, queue) = sync_channel(QUEUE + MARKS + 2);
        let writer = Writer {
            connection,
            jobs: queue,
            board: Arc::clone(&board),
            checkpoints,
            keeper: Keeper::new(options.retention),
            marks: VecDeque::new(),
            high_water: Arc::clone(&high_water),
            lock,
        };
        let writer = std::thread::Builder::new()
            .name("inbox-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(no_thread)?;
        Ok(Self {
            board,
            jobs,
            room: Arc::new(Semaphore::new(QUEUE)),
            marks: Arc::new(Semaphore::new(MARKS)),
            history: Readers::new(path.clone(), 2),
            claims: Readers::new(path.clone(), 1),
            high_water,
            writer: Mutex::new(Some(writer)),
            stopped: AtomicBool::new(false),
            path,
        })
    }

    pub(super) async fn accept(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Receipt>, Error> {
        if let Some(first) = acceptances.first() {
            let deliveries = acceptances.iter().flat_map(|it| &it.deliveries);
            let pending = deliveries.filter(|delivery| delivery.state == State::Pending);
            self.board
                .admit(&first.event.source, pending.count() as u64)?;
        }
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            if self.room.is_closed() {
                closed()
            } else {
                Error::Busy
            }
        })?;
        let (answer, answered) = oneshot::channel();
        let prepared = Box::new(Prepared::new(acceptances)?);
        self.jobs
            .try_send(Job::Accept {
                prepared,
                answer,
                permit,
            })
            .map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    pub(super) async fn settle(
        &self,
        mut delivery: Delivery,
        hold: Hold,
        settlement: Settlement,
    ) -> Result<(), Error> {
        if let Settlement::Postponed { until } = settlement {
            self.board.put_back(hold, Some(delivery), until);
            return Ok(());
        }
        // Cancelled while it waits here, the claim is merely dropped: nothing has been said yet.
        let permit = Arc::clone(&self.marks)
            .acquire_owned()
            .await
            .map_err(|_| closed())?;
        let seq = hold.seq;
        // Where an attempt before this one went unseen and nothing tells when, the time of acceptance stands for it.
        let first = if hold.doubtful {
            delivery.first_attempt_at.unwrap_or(delivery.accepted_at)
        } else {
            hold.claimed_at
        };
        let doubtful = matches!(settlement, Settlement::Unseen { .. });
        let mark = Box::new(Mark::new(seq, first, settlement, clock::now()));
        let retry_at = mark.retry_at();
        mark.apply(&mut delivery);
        // Queued before the lane is free, so that the marks of one delivery are written in order.
        self.jobs
            .try_send(Job::Settle { mark, permit })
            .map_err(|_| closed())?;
        self.board.settle(seq, retry_at, delivery, doubtful);
        drop(hold);
        Ok(())
    }

    pub(super) fn look_again(&self) {
        self.board.changed.notify_waiters();
    }

    pub(super) fn wake(&self) {
        self.board.wake();
    }

    pub(super) async fn events(&self, filter: EventFilter) -> Result<Page, Error> {
        let start = filter
            .cursor
            .as_deref()
            .map(page::Position::parse)
            .transpose()?;
        self.history
            .run(move |connection| page::events(connection, &filter, start))
            .await
    }

    pub(super) async fn count_events(&self, filter: &EventFilter) -> Result<u64, Error> {
        let (mut count, mut start) = (0, None);
        // One read for each window: none lingers.
        loop {
            let filter = filter.clone();
            let (found, end) = self
                .history
                .run(move |connection| page::count_window(connection, &filter, start))
                .await?;
            count += found;
            if end.is_none() {
                return Ok(count);
            }
            start = end;
        }
    }

    pub(super) async fn event(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        self.history
            .run(move |connection| reader::event(connection, id))
            .await
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, Error> {
        self.history
            .run(move |connection| reader::delivery(connection, id))
            .await
    }

    pub(super) fn stats(&self) -> Stats {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Stats {
            bytes: size(&self.path) + size(log.as_ref()),
            ..self.board.stats()
        }
    }

    pub(super) async fn close(&self) {
        self.stop();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let joined = tokio::task::spawn_blocking(move || writer.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer of the store has panicked");
            }
        }
    }

    /// New work is refused from here on; what is queued is still written.
    fn stop(&self) {
        self.room.close();
        self.marks.close();
        if !self.stopped.swap(true, Ordering::AcqRel) {
            // Fails only if the writer has ended already.
            drop(self.jobs.try_send(Job::Stop));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

fn closed() -> Error {
    Error::Unavailable("it is closed".to_owned())
}
