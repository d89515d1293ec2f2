//! Settlements, claims and leases given back: one connection, on which they go in the order in which they were said.
//!
//! What collects while one call runs goes with the next, as one call: on a server that syncs before it answers, a batch costs one
//! sync. A settlement outlives a lost connection: it is said again until the server has heard it, which takes it once only. A claim
//! does not: its head goes back to its lane.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, RedisResult, Script, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::keys::Keys;
use super::link::Link;
use super::partitions::Partitions;
use super::pause::Pause;
use super::scripts;
use crate::event::{DeliveryId, State};
use crate::inbox::Error;
use crate::inbox::lanes::Seq;

/// Settlements that wait for the server; whoever settles more waits for room.
pub(super) const QUEUE: usize = 8_192;

/// Of each kind in one call, which holds up everybody else's: a millisecond or two.
const BATCH: usize = 128;

/// Who wants to see what was said waits no longer for it.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Scripts say from this version on whether they may run on a server that is full.
const FLAGS_FROM: (u32, u32) = (7, 0);

/// What became of one claim, as it is to be written.
#[derive(Debug)]
pub(super) struct Mark {
    pub partition: u16,
    pub token: Arc<str>,
    pub id: DeliveryId,
    pub seq: Seq,
    pub source: Arc<str>,
    pub state: State,
    /// It keeps its place in the lane.
    pub stands: bool,
    /// While it is pending: what of its attempts nobody saw the end of.
    pub flight: Arc<str>,
    pub fields: Vec<(&'static str, String)>,
    /// Its place in the queue; none where a dropped claim says it, which cannot wait.
    pub _permit: Option<OwnedSemaphorePermit>,
}

/// A head to be claimed.
#[derive(Debug)]
pub(super) struct Ask {
    pub partition: u16,
    pub token: Arc<str>,
    pub id: DeliveryId,
    /// Its document is wanted too.
    pub whole: bool,
}

/// The answers to some asks, in their order.
pub(super) type Answers = Result<Vec<Value>, Error>;

#[derive(Debug)]
enum Job {
    Mark(Mark),
    Claim {
        now: i64,
        asks: Vec<Ask>,
        answer: oneshot::Sender<Answers>,
    },
    Free(u16, Arc<str>),
    /// Somebody waits until all before it is written.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct Clerk {
    queue: Mutex<Queue>,
    rung: Notify,
    ended: Notify,
    pub(super) room: Arc<Semaphore>,
    connected: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Nothing more will be said.
    ending: bool,
}

/// One call's worth of jobs.
#[derive(Debug, Default)]
struct Batch {
    marks: Vec<Mark>,
    claims: Vec<(i64, Vec<Ask>, oneshot::Sender<Answers>)>,
    frees: Vec<(u16, Arc<str>)>,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Clerk {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::default(),
            rung: Notify::new(),
            ended: Notify::new(),
            room: Arc::new(Semaphore::new(QUEUE)),
            connected: watch::channel(false).0,
        }
    }

    /// False where it has ended: nothing is written any more.
    pub(super) fn mark(&self, mark: Mark) -> bool {
        self.push(Job::Mark(mark))
    }

    pub(super) fn free(&self, partition: u16, token: Arc<str>) {
        self.push(Job::Free(partition, token));
    }

    /// Asks for heads; the receiver fails where it has ended.
    pub(super) fn claim(&self, now: i64, asks: Vec<Ask>) -> oneshot::Receiver<Answers> {
        let (answer, answered) = oneshot::channel();
        self.push(Job::Claim { now, asks, answer });
        answered
    }

    /// Waits until all that was said so far is written, or nobody can say when.
    pub(super) async fn flush(&self) {
        let (written, waits) = oneshot::channel();
        if self.push(Job::Flush(written)) {
            drop(tokio::time::timeout(FLUSH_WITHIN, waits).await);
        }
    }

    /// Waits until there is somebody to ask.
    pub(super) async fn connected(&self) {
        let mut connected = self.connected.subscribe();
        // Fails only where the sender is gone, which `self` holds.
        drop(connected.wait_for(|connected| *connected).await);
    }

    /// Ends once what has been said is written.
    pub(super) fn end(&self) {
        self.room.close();
        self.queue().ending = true;
        self.ended.notify_one();
        self.rung.notify_one();
    }

    pub(super) async fn run(&self, link: &Link, keys: &Keys, partitions: &Partitions) {
        let mut left = Batch::default();
        let mut pause = Pause::default();
        let mut troubled = false;
        loop {
            let mut connection = match link.dedicated().await {
                Ok(connection) => connection,
                Err(_) if self.queue().ending => return,
                Err(_) => {
                    self.pause(link, &mut pause).await;
                    continue;
                }
            };
            let version = link.standing().ok().and_then(|it| it.facts.version);
            let script = if version >= Some(FLAGS_FROM) {
                &scripts::WORK_WHEN_FULL
            } else {
                &scripts::WORK
            };
            self.connected.send_replace(true);
            loop {
                if left.is_empty() && !self.collect(&mut left).await {
                    return;
                }
                let asked = Instant::now();
                match self.call(&mut connection, script, keys, &left).await {
                    Ok(answer) => {
                        pause = Pause::default();
                        if std::mem::take(&mut troubled) {
                            partitions.board.set_trouble(link.trouble());
                        }
                        partitions.answered("work", asked.elapsed());
                        std::mem::take(&mut left).answered(answer, partitions);
                    }
                    Err(error) => {
                        let error = link.refused(&error);
                        troubled = true;
                        partitions.board.set_trouble(Some(error.to_string()));
                        left.lose_claims(&error);
                        break;
                    }
                }
            }
            self.connected.send_replace(false);
            self.pause(link, &mut pause).await;
        }
    }

    /// At the end nobody waits for a server that is away.
    async fn pause(&self, link: &Link, pause: &mut Pause) {
        tokio::select! {
            () = pause.until_open(link) => {}
            () = self.ended.notified() => self.ended.notify_one(),
        }
    }

    /// Waits for jobs and takes as many as one call carries; false at the end.
    async fn collect(&self, batch: &mut Batch) -> bool {
        loop {
            let rung = self.rung.notified();
            {
                let mut queue = self.queue();
                while let Some(job) = queue.jobs.pop_front() {
                    if let Some(job) = batch.take(job) {
                        queue.jobs.push_front(job);
                        break;
                    }
                }
                if !batch.is_empty() {
                    return true;
                }
                if queue.ending {
                    return false;
                }
            }
            rung.await;
        }
    }

    async fn call(
        &self,
        connection: &mut MultiplexedConnection,
        script: &Script,
        keys: &Keys,
        batch: &Batch,
    ) -> RedisResult<Value> {
        if batch.has_nothing_to_say() {
            return Ok(Value::Nil);
        }
        let command = batch.encode(scripts::call(script, keys.base()));
        let calls = std::slice::from_ref(&command);
        let answer = scripts::send(connection, script, calls, None).await?;
        answer
            .into_iter()
            .next()
            .unwrap_or(Value::Nil)
            .extract_error()
    }

    fn push(&self, job: Job) -> bool {
        let mut queue = self.queue();
        if queue.ending {
            return false;
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.rung.notify_one();
        true
    }

    // What it guards is whole between any two statements.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.has_nothing_to_say() && self.flushes.is_empty()
    }

    fn has_nothing_to_say(&self) -> bool {
        self.marks.is_empty() && self.claims.is_empty() && self.frees.is_empty()
    }

    /// The job again where it does not fit any more.
    ///
    /// Within a call settlements go first. That swaps two of one delivery only where a claim was dropped before it was answered:
    /// the delivery then counts as in flight until it is claimed again, a moment later.
    fn take(&mut self, job: Job) -> Option<Job> {
        let fits = match &job {
            Job::Free(..) | Job::Flush(_) => true,
            // Whatever is said after a lease was given back must find it gone.
            Job::Mark(_) | Job::Claim { .. } if !self.frees.is_empty() => false,
            Job::Mark(_) => self.marks.len() < BATCH,
            Job::Claim { .. } => self.asked() < BATCH,
        };
        if !fits {
            return Some(job);
        }
        match job {
            Job::Mark(mark) => self.marks.push(mark),
            Job::Claim { now, asks, answer } => self.claims.push((now, asks, answer)),
            Job::Free(partition, token) => self.frees.push((partition, token)),
            Job::Flush(written) => self.flushes.push(written),
        }
        None
    }

    fn asked(&self) -> usize {
        self.claims.iter().map(|(_, asks, _)| asks.len()).sum()
    }

    fn encode(&self, mut command: Cmd) -> Cmd {
        command.arg(self.marks.len());
        for mark in &self.marks {
            command
                .arg(mark.partition)
                .arg(&*mark.token)
                .arg(mark.id.to_string())
                .arg(mark.seq.get())
                .arg(&*mark.source)
                .arg(mark.state.as_str())
                .arg(if mark.stands { "stands" } else { "" })
                .arg(&*mark.flight)
                .arg(2 * mark.fields.len());
            for (name, value) in &mark.fields {
                command.arg(name).arg(value);
            }
        }
        command.arg(self.asked());
        for (now, asks, _) in &self.claims {
            for ask in asks {
                command
                    .arg(ask.partition)
                    .arg(&*ask.token)
                    .arg(ask.id.to_string())
                    .arg(if ask.whole { "whole" } else { "" })
                    .arg(now);
            }
        }
        command.arg(self.frees.len());
        for (partition, token) in &self.frees {
            command.arg(partition).arg(&**token);
        }
        command
    }

    fn answered(self, answer: Value, partitions: &Partitions) {
        let (mut settled, mut claimed) = (Vec::new(), Vec::new());
        if let Value::Array(lists) = answer {
            let mut lists = lists.into_iter();
            let mut next = || match lists.next() {
                Some(Value::Array(list)) => list,
                _ => Vec::new(),
            };
            (settled, claimed) = (next(), next());
        }
        for (mark, answer) in self.marks.iter().zip(settled) {
            if answer == Value::Int(1) {
                partitions.lost(mark.partition, &mark.token);
            }
        }
        let mut claimed = claimed.into_iter();
        for (_, asks, answer) in self.claims {
            let own = claimed.by_ref().take(asks.len()).collect();
            // Who has gone meanwhile has dropped his heads.
            drop(answer.send(Ok(own)));
        }
        for (partition, token) in &self.frees {
            partitions.freed(*partition, token);
        }
        for written in self.flushes {
            // Who does not wait any more is no loss.
            let _told: Result<(), ()> = written.send(());
        }
    }

    fn lose_claims(&mut self, error: &Error) {
        for (_, _, answer) in self.claims.drain(..) {
            drop(answer.send(Err(error.clone())));
        }
    }
}
