//! The connections that accept: each takes what is queued, sends it at once with one wait behind it, and answers all.
//!
//! There is no window: while one batch is on its way the next collects itself. A connection that turns out to be lost is replaced
//! once, and its batch sent again: the script knows an event that it has kept already. While none is left, acceptances are refused
//! at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, RedisError, Value};
use tokio::sync::Notify;

use super::job::Job;
use super::keys::Keys;
use super::link::Link;
use super::partitions::Partitions;
use super::pause::Pause;
use super::scripts;
use crate::crash;
use crate::inbox::Error;

/// Acceptances that wait for a connection; more are refused.
const QUEUE: usize = 8_192;

/// Of one batch.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 4 << 20;

/// What was written must be safe within this time, else it is not promised.
const SAFE_WITHIN: Duration = Duration::from_secs(2);

/// A connection that waits answers later than any other.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// While writes are not safe in time they are tried so often, so that it is known when that ends even if nothing comes.
const PROBE: Duration = Duration::from_secs(1);

/// A lost connection is answered for after so long, if it is not known by then whether there is another.
const DOUBT: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Intake {
    queue: Mutex<Queue>,
    rung: Notify,
    /// Connections that work.
    working: AtomicUsize,
    /// What was written last was not safe in time.
    late: AtomicBool,
    partitions: Arc<Partitions>,
}

/// Why a batch was refused, and whether its connection is of no more use.
struct Refusal {
    error: Error,
    lost: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, lost: true }
    }
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Nothing more is accepted.
    closed: bool,
    /// Why no connection works.
    why: String,
}

impl Intake {
    pub(super) fn new(partitions: Arc<Partitions>) -> Self {
        Self {
            queue: Mutex::default(),
            rung: Notify::new(),
            working: AtomicUsize::new(0),
            late: AtomicBool::new(false),
            partitions,
        }
    }

    /// A connection is about to be served, and works already.
    pub(super) fn expect(&self, works: bool) {
        self.working.fetch_add(usize::from(works), Ordering::AcqRel);
    }

    pub(super) fn push(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(super::closed());
        }
        if self.working.load(Ordering::Acquire) == 0 {
            return Err(Error::Unavailable(queue.why.clone()));
        }
        if queue.jobs.len() >= QUEUE {
            return Err(Error::Busy);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.rung.notify_one();
        Ok(())
    }

    /// Nothing more is accepted; what is queued still is.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.rung.notify_waiters();
        self.rung.notify_one();
    }

    /// One connection, until the end; `first` is open already.
    pub(super) async fn serve(
        &self,
        link: &Link,
        keys: &Keys,
        first: Option<MultiplexedConnection>,
    ) {
        let mut first = first;
        let mut pause = Pause::default();
        while !self.queue().closed {
            let opened = match first.take() {
                Some(first) => Ok(first),
                None => link.dedicated().await.inspect(|_| self.expect(true)),
            };
            match opened {
                Ok(connection) => {
                    let error = self.work(connection, link, keys, &mut pause).await;
                    self.down(error);
                }
                Err(error) if self.working.load(Ordering::Acquire) == 0 => {
                    self.queue().why = reason(&error);
                }
                Err(_) => {}
            }
            if !self.queue().closed {
                pause.until_open(link).await;
            }
        }
    }

    /// Works until the connection is lost, or the end.
    async fn work(
        &self,
        mut connection: MultiplexedConnection,
        link: &Link,
        keys: &Keys,
        pause: &mut Pause,
    ) -> Option<Error> {
        connection.set_response_timeout(ANSWER_WITHIN);
        while let Some(jobs) = self.take().await {
            crash::point("store.written");
            let asked = Instant::now();
            match self.send(&mut connection, link, keys, &jobs).await {
                Ok(answers) => {
                    *pause = Pause::default();
                    self.partitions.answered("accept", asked.elapsed());
                    self.answer(link, jobs, answers);
                }
                Err(Refusal { error, lost }) => {
                    self.refuse(jobs, &error);
                    if lost {
                        return Some(error);
                    }
                }
            }
        }
        None
    }

    /// The answers to all of them, once what they have written is safe.
    async fn send(
        &self,
        connection: &mut MultiplexedConnection,
        link: &Link,
        keys: &Keys,
        jobs: &[Job],
    ) -> Result<Vec<Value>, Refusal> {
        let standing = link
            .promise()
            .map_err(|error| Refusal { error, lost: false })?;
        let durability = standing.durability;
        let wait = durability.wait(&standing.facts, SAFE_WITHIN);
        let mut calls: Vec<Cmd> = jobs.iter().map(|job| job.command.clone()).collect();
        if calls.is_empty() {
            // It changes nothing, and counts as a write.
            let mut probe = ::redis::cmd("INCRBY");
            probe.arg(keys.named("seq")).arg(0);
            calls.push(probe);
        }
        let sent = scripts::send(connection, &scripts::ACCEPT, &calls, wait.as_ref()).await;
        let sent = match sent {
            Err(error) if was_lost(&error) => {
                let refused = link.refused(&error);
                *connection = another(link, standing.epoch).await.ok_or(refused)?;
                scripts::send(connection, &scripts::ACCEPT, &calls, wait.as_ref()).await
            }
            sent => sent,
        };
        let mut answers = sent.map_err(|error| link.refused(&error))?;
        if wait.is_some() {
            let reached = answers.pop().unwrap_or(Value::Nil);
            if let Value::ServerError(error) = reached {
                return Err(link.refused(&error.into()).into());
            }
            let late = !durability.reached(&reached);
            if self.late.swap(late, Ordering::AcqRel) && !late {
                self.partitions.board.set_trouble(link.trouble());
            }
            if late {
                return Err(Refusal {
                    error: Error::Unavailable(format!(
                        "Redis did not confirm within {} s what --redis-durability asks for",
                        SAFE_WITHIN.as_secs()
                    )),
                    lost: false,
                });
            }
        }
        // What a server is, it is for all that comes: another connection may meet another one.
        for answer in &answers {
            if let Value::ServerError(error) = answer
                && matches!(
                    error.code(),
                    "READONLY" | "MASTERDOWN" | "LOADING" | "NOAUTH"
                )
            {
                return Err(link.refused(&error.clone().into()).into());
            }
        }
        Ok(answers)
    }

    fn answer(&self, link: &Link, jobs: Vec<Job>, answers: Vec<Value>) {
        crash::point("store.committed");
        let (mut told, mut fresh) = (Vec::new(), Vec::new());
        for (job, answer) in jobs.into_iter().zip(answers) {
            let read = match answer {
                Value::ServerError(error) => Err(link.refused(&error.into())),
                answer => job.read(&answer),
            };
            let receipts = read.map(|read| {
                let both = read.into_iter().zip(job.events);
                let receipts = both.map(|((receipt, places), event)| {
                    if let Some(places) = places {
                        told.extend(event.held());
                        fresh.extend(event.pending(places));
                    }
                    receipt
                });
                receipts.collect()
            });
            // An answer nobody waits for any more is no loss.
            drop(job.answer.send(receipts));
        }
        told.extend(self.partitions.enter(fresh));
        self.partitions.tell(told);
    }

    /// Waits for jobs; empty where the server is to be tried; None at the end.
    async fn take(&self) -> Option<Vec<Job>> {
        loop {
            let rung = self.rung.notified();
            {
                let mut queue = self.queue();
                if !queue.jobs.is_empty() {
                    let jobs = queue.batch();
                    if !queue.jobs.is_empty() {
                        self.rung.notify_one();
                    }
                    return Some(jobs);
                }
                if queue.closed {
                    // The next one is to see it too.
                    self.rung.notify_one();
                    return None;
                }
            }
            if self.late.load(Ordering::Acquire) {
                tokio::select! {
                    () = rung => {}
                    () = tokio::time::sleep(PROBE) => return Some(Vec::new()),
                }
            } else {
                rung.await;
                // Whoever rang runs ahead of others that are about to: their jobs go with this batch.
                tokio::task::yield_now().await;
            }
        }
    }

    fn refuse(&self, jobs: Vec<Job>, error: &Error) {
        if self.late.load(Ordering::Acquire) {
            self.partitions.board.set_trouble(Some(reason(error)));
        }
        for job in jobs {
            drop(job.answer.send(Err(error.clone())));
        }
    }

    /// A connection works no more. With the last one goes whatever is queued.
    fn down(&self, error: Option<Error>) {
        let mut queue = self.queue();
        let last = self.working.fetch_sub(1, Ordering::AcqRel) == 1;
        let Some(error) = error.filter(|_| last) else {
            return;
        };
        queue.why = reason(&error);
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        self.refuse(jobs.into(), &error);
    }

    // What it guards is whole between any two statements.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn batch(&mut self) -> Vec<Job> {
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while jobs.len() < BATCH
            && bytes < BATCH_BYTES
            && let Some(job) = self.jobs.pop_front()
        {
            bytes += job.weight();
            jobs.push(job);
        }
        jobs
    }
}

/// A connection to a server found since; none where there is no way to one, or nobody knows.
async fn another(link: &Link, epoch: u64) -> Option<MultiplexedConnection> {
    let mut way = link.watch();
    let known = way.wait_for(|way| {
        let standing = way.standing.as_ref();
        standing.is_none_or(|standing| standing.epoch != epoch)
    });
    tokio::time::timeout(DOUBT, known).await.ok()?.ok()?;
    let mut connection = link.dedicated().await.ok()?;
    connection.set_response_timeout(ANSWER_WITHIN);
    Some(connection)
}

/// The connection is gone, as against a server that is there and does not answer.
fn was_lost(error: &RedisError) -> bool {
    !error.is_timeout() && (error.is_connection_dropped() || error.is_io_error())
}

fn reason(error: &Error) -> String {
    match error {
        Error::Unavailable(why) => why.clone(),
        other => other.to_string(),
    }
}
