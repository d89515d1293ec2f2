//! The one thread that writes: group commit.
//!
//! It takes one piece of work, drains what else is queued, commits all of it in one transaction and answers. There is no batch
//! window for accepts: while one batch is being synced the next one gathers by itself. Settlements, which nobody waits for, ride
//! on the next accept if one comes soon, and no more of them than there are accepts: a backlog that drains shall not hold up
//! what comes in, and what comes in can be delivered as fast. A batch that fails is rolled back and tried again one
//! by one, so that one bad piece cannot fail its neighbours.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::acting;
use super::actions::Act;
use super::checkpoint::Checkpoints;
use super::highwater::{HighWater, Raise};
use super::lock::StoreLock;
use super::retention::Keeper;
use super::step::{self, Kept, Prepared};
use super::sweep::Sweep;
use crate::clock;
use crate::crash;
use crate::inbox::board::Board;
use crate::inbox::mark::Mark;
use crate::inbox::{Error, Receipt};

/// Pieces of work that may wait, answered ones not counted.
pub(super) const QUEUE: usize = 8_192;
/// Settlements that may wait, beside these: then attempts wait before they end, and delivery slows down.
pub(super) const MARKS: usize = 1_024;
const BATCH: usize = 512;
/// Settlements that ride even on a single accept.
pub(super) const FEW_MARKS: usize = 32;
/// How long settlements wait for an accept to ride on, or for each other.
const RIDE: Duration = Duration::from_millis(10);
/// How long the queue must be empty for work that can wait.
const IDLE: Duration = Duration::from_millis(250);

/// The permit is a place in the queue: it is given back when the work is done.
#[derive(Debug)]
pub(super) enum Job {
    Accept {
        prepared: Box<Prepared>,
        answer: oneshot::Sender<Result<Vec<Receipt>, Error>>,
        permit: OwnedSemaphorePermit,
    },
    Settle {
        mark: Box<Mark>,
        #[expect(
            dead_code,
            reason = "held until the mark is on disk, and let go with it"
        )]
        permit: OwnedSemaphorePermit,
    },
    /// A claim waits for the high-water mark.
    Raise(Raise),
    /// An operator's action.
    Act(Box<Act>),
    /// Finish what is queued and end.
    Stop,
}

/// Fields are dropped in this order: the lock goes last.
#[derive(Debug)]
pub(super) struct Writer {
    pub connection: Connection,
    pub jobs: Receiver<Job>,
    pub board: Arc<Board>,
    pub checkpoints: Checkpoints,
    pub keeper: Keeper,
    /// Settlements that found no place in a batch yet. Bounded by the places in their queue, which they keep.
    pub marks: VecDeque<Job>,
    pub high_water: Arc<HighWater>,
    #[expect(dead_code, reason = "held for as long as the writer runs")]
    pub lock: StoreLock,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = "its writer has panicked; restart the process";
            self.board.set_trouble(Some(why.to_owned()));
        } else {
            self.board.set_stopped();
        }
    }
}

/// What one job came to inside the transaction.
enum Done {
    Accepted(Kept),
    Marked,
}

impl Writer {
    /// Runs until it is told to stop or every sender has gone.
    pub(super) fn run(mut self) {
        let mut sweep = Sweep::default();
        // Marks that the disk refused: tried again before anything else. Bounded by the queue, whose places they keep.
        let mut owed: Vec<Job> = Vec::new();
        loop {
            let (batch, stop) = self.gather(std::mem::take(&mut owed));
            if batch.is_empty() && !stop {
                self.idle(&mut sweep);
                continue;
            }
            owed = self.commit(batch);
            if stop {
                break;
            }
            if let Err(error) = self.checkpoints.after_batch(&self.connection) {
                self.board.set_trouble(Some(error.to_string()));
            }
            sweep.step(&self.connection);
            self.keeper.step(&mut self.connection, &self.board);
        }
        if let Err(error) = self.checkpoints.close(&self.connection) {
            tracing::warn!(%error, "the store's log stays beside its database; the next start reads it");
        }
    }

    /// Waits for one job, then takes what else is there. Nothing and not told to stop: the queue was idle.
    pub(super) fn gather(&mut self, owed: Vec<Job>) -> (Vec<Job>, bool) {
        let mut batch = owed;
        let mut next = self.jobs.recv_timeout(match self.marks.len() {
            0 => IDLE.min(self.keeper.rest(clock::now())),
            BATCH.. => Duration::ZERO,
            _ => RIDE,
        });
        let departure = Instant::now() + RIDE;
        let (mut accepts, mut acts) = (0, false);
        loop {
            match next {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    batch.extend(self.marks.drain(..));
                    batch.extend(self.jobs.try_iter());
                    batch.retain(|job| !matches!(job, Job::Stop));
                    return (batch, true);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Ok(mark @ Job::Settle { .. }) => self.marks.push_back(mark),
                Ok(job) => {
                    accepts += 1;
                    acts |= matches!(job, Job::Act(_));
                    batch.push(job);
                }
            }
            if batch.len() >= BATCH || (accepts == 0 && self.marks.len() >= BATCH) {
                break;
            }
            next = if accepts > 0 {
                self.jobs.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                })
            } else {
                let wait = departure.saturating_duration_since(Instant::now());
                self.jobs.recv_timeout(wait)
            };
        }
        let share = match accepts {
            // An action finds all marks written that were made before it.
            _ if acts => self.marks.len(),
            0 => BATCH,
            _ => accepts.max(FEW_MARKS),
        };
        batch.extend(self.marks.drain(..share.min(self.marks.len())));
        (batch, false)
    }

    /// Commits and answers; returns the marks that could not be written.
    ///
    /// Actions come last, in a transaction of their own: they find the marks written, and no accept waits for them.
    pub(super) fn commit(&mut self, batch: Vec<Job>) -> Vec<Job> {
        let (mut acts, mut rest) = (Vec::new(), Vec::with_capacity(batch.len()));
        for job in batch {
            match job {
                Job::Act(act) => acts.push(*act),
                other => rest.push(other),
            }
        }
        let owed = self.commit_batch(rest);
        if !acts.is_empty() {
            acting::perform(&mut self.connection, &self.board, acts);
        }
        owed
    }

    fn commit_batch(&mut self, batch: Vec<Job>) -> Vec<Job> {
        if batch.is_empty() {
            return batch;
        }
        match self.transact(&batch) {
            Ok(done) => {
                self.board.set_trouble(None);
                self.publish(batch.into_iter().zip(done));
                Vec::new()
            }
            Err(_) => self.commit_singly(batch),
        }
    }

    fn commit_singly(&mut self, batch: Vec<Job>) -> Vec<Job> {
        let mut owed = Vec::new();
        let mut broken: Option<Error> = None;
        for job in batch {
            let result = match &broken {
                // The disk has just refused: asking it once for each would hold up the answers.
                Some(error) => Err(error.clone()),
                None => self.transact(std::slice::from_ref(&job)).map_err(|error| {
                    let refusal = Error::Unavailable(error.to_string());
                    if is_trouble(&error) {
                        self.board.set_trouble(Some(error.to_string()));
                        broken = Some(refusal.clone());
                    }
                    refusal
                }),
            };
            match result {
                Ok(done) => {
                    self.board.set_trouble(None);
                    self.publish(std::iter::once(job).zip(done));
                }
                Err(error) => owed.extend(refuse(job, error)),
            }
        }
        owed
    }

    fn transact(&mut self, batch: &[Job]) -> rusqlite::Result<Vec<Done>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut done = Vec::with_capacity(batch.len());
        for job in batch {
            done.push(match job {
                Job::Accept { prepared, .. } => {
                    Done::Accepted(step::accept(&transaction, prepared)?)
                }
                Job::Settle { mark, .. } => {
                    mark.write(&transaction)?;
                    Done::Marked
                }
                Job::Raise(raise) => {
                    raise.write(&transaction)?;
                    Done::Marked
                }
                Job::Act(_) | Job::Stop => Done::Marked,
            });
        }
        crash::point("store.written");
        transaction.commit()?;
        crash::point("store.committed");
        Ok(done)
    }

    /// Enters what is now durable into the lanes, then answers. An answer nobody waits for any more is no loss.
    fn publish(&self, done: impl Iterator<Item = (Job, Done)>) {
        let mut committed = Vec::new();
        let mut answers = Vec::new();
        for (job, done) in done {
            match (job, done) {
                (
                    Job::Accept {
                        prepared,
                        answer,
                        permit,
                    },
                    Done::Accepted(kept),
                ) => {
                    let receipts = kept.receipts.iter().flatten();
                    for ((part, seqs), receipt) in
                        prepared.parts.into_iter().zip(kept.seqs).zip(receipts)
                    {
                        if !matches!(receipt, Receipt::Duplicate { .. }) {
                            committed.push((seqs, part.acceptance.deliveries));
                        }
                    }
                    answers.push((answer, kept.receipts, permit));
                }
                (Job::Raise(raise), _) => {
                    self.high_water.rise(&raise);
                    drop(raise.answer.send(Ok(())));
                }
                _ => {}
            }
        }
        self.board.enter(committed);
        for (answer, receipts, permit) in answers {
            drop(permit);
            drop(answer.send(receipts));
        }
    }

    /// The queue is empty: looks whether the disk has come back, sweeps, lets the log shrink.
    pub(super) fn idle(&mut self, sweep: &mut Sweep) {
        if self.board.troubled() && probe(&mut self.connection).is_ok() {
            self.board.set_trouble(None);
        }
        sweep.step(&self.connection);
        if !self.keeper.step(&mut self.connection, &self.board) {
            self.checkpoints.when_idle();
        } else if let Err(error) = self.checkpoints.after_batch(&self.connection) {
            self.board.set_trouble(Some(error.to_string()));
        }
    }
}

/// Writes the schema version anew: the smallest change that must reach the disk.
fn probe(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// Answers an acceptance or a raise; keeps a mark for later.
fn refuse(job: Job, error: Error) -> Option<Job> {
    match job {
        Job::Accept { answer, .. } => {
            drop(answer.send(Err(error)));
            None
        }
        Job::Raise(raise) => {
            drop(raise.answer.send(Err(error)));
            None
        }
        Job::Settle { .. } => Some(job),
        Job::Act(_) | Job::Stop => None,
    }
}

/// Whether the store as a whole is hurt, or only the piece of work at hand.
fn is_trouble(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::TypeMismatch
            | ErrorCode::ParameterOutOfRange,
        )
        | None => false,
        Some(_) => true,
    }
}
