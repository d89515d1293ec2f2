//! Equal questions share an answer: what many callers ask at once is asked once, and once more for those who came
//! while it was being asked.
//!
//! A question is asked by a task of its own, so that no caller's leaving ends it for the others; the last one who leaves
//! ends it. `rounds` decides who shares with whom, `cache` keeps answers where a rule says so. Which questions are equal
//! is the key's affair (`access::Permit::view`); what an answer is, the call's.

mod cache;
mod rounds;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::cache::Cache;
use self::rounds::{Arrival, Round, Rounds};
use crate::telemetry::Telemetry;
use crate::temporal::QueryError;

/// Questions under way and answers kept. Cheap to clone; clones share them. Questions are bounded by the requests in
/// work: one without callers does not stay.
#[derive(Clone, Debug)]
pub struct Answers {
    desk: Arc<Mutex<Desk>>,
    telemetry: Telemetry,
}

#[derive(Debug, Default)]
struct Desk {
    questions: HashMap<Arc<str>, Rounds<Asking>>,
    /// The last number given to a round.
    rounds: u64,
    cache: Cache,
}

/// What a caller wants to know.
#[derive(Debug)]
pub(super) struct Question {
    /// Equal for those who may share an answer, and for nobody else.
    pub(super) key: String,
    /// How long this caller waits.
    pub(super) timeout: Duration,
    /// How old an answer may be; none: it must have been asked for after the caller came in.
    pub(super) cache: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// JSON text.
    pub(super) json: Bytes,
    /// When the question was put: it tells of no earlier moment.
    pub(super) asked: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("too many callers wait for this answer")]
    Crowded,
    #[error("the question broke off inside")]
    BrokenOff,
}

type Outcome = Result<String, QueryError>;
/// Asks within the time that it is given.
type Call = Box<dyn FnOnce(Duration) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send>;

/// What a round of callers carries.
struct Asking {
    /// Until it is asked.
    call: Option<Call>,
    /// While it is asked.
    task: Option<AbortHandle>,
    news: watch::Sender<News>,
    cache: Option<Duration>,
    runtime: Handle,
}

#[derive(Debug, Default)]
struct News {
    /// Why the round before had no answer, if that is so.
    before: Option<QueryError>,
    outcome: Option<Result<Answer, Unanswered>>,
}

/// A caller's place in a round; given up when dropped.
struct Place {
    answers: Answers,
    key: Arc<str>,
    round: u64,
    news: watch::Receiver<News>,
}

enum Entered {
    Answered(Answer),
    Waiting(Place),
}

impl Answers {
    #[must_use]
    pub fn new(telemetry: Telemetry) -> Self {
        Self {
            desk: Arc::default(),
            telemetry,
        }
    }

    /// The answer to a question, asked by `call` unless others have it asked already.
    pub(super) async fn ask<F>(
        &self,
        question: Question,
        call: impl FnOnce(Duration) -> F + Send + 'static,
    ) -> Result<Answer, Unanswered>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let until = Instant::now() + question.timeout;
        let boxed = || -> Call { Box::new(move |time| Box::pin(call(time))) };
        let mut place = match self.enter(question, until, boxed)? {
            Entered::Answered(answer) => return Ok(answer),
            Entered::Waiting(place) => place,
        };
        let told = place.news.wait_for(|news| news.outcome.is_some());
        let told = match tokio::time::timeout_at(until.into(), told).await {
            Ok(Ok(news)) => news.outcome.clone(),
            Ok(Err(_)) => Some(Err(Unanswered::BrokenOff)),
            Err(_) => None,
        };
        told.unwrap_or_else(|| Err(place.news.borrow().out_of_time().into()))
    }

    fn enter(
        &self,
        question: Question,
        until: Instant,
        call: impl FnOnce() -> Call,
    ) -> Result<Entered, Unanswered> {
        let mut desk = self.desk();
        // Read under the lock: no round that this caller joins was asked before this moment.
        let now = Instant::now();
        if question.cache.is_some()
            && let Some(answer) = desk.cache.get(&question.key, now)
        {
            return Ok(Entered::Answered(answer));
        }
        let key: Arc<str> = question.key.into();
        desk.rounds += 1;
        let arrival = Arrival {
            number: desk.rounds,
            now,
            until,
            fresh: question.cache,
        };
        let rounds = desk.questions.entry(Arc::clone(&key)).or_default();
        let round = rounds
            .join(arrival, || Asking {
                call: Some(call()),
                task: None,
                news: watch::Sender::default(),
                cache: question.cache,
                runtime: Handle::current(),
            })
            .map_err(|rounds::Full| Unanswered::Crowded)?;
        self.telemetry.query_caller_came();
        let place = Place {
            answers: self.clone(),
            round: round.number,
            news: round.carried.news.subscribe(),
            key: Arc::clone(&key),
        };
        self.go_on(&mut desk, &key, now);
        Ok(Entered::Waiting(place))
    }

    /// Begins the next round of a question, if it is its turn; a question without callers goes.
    fn go_on(&self, desk: &mut Desk, key: &Arc<str>, now: Instant) {
        let Some(rounds) = desk.questions.get_mut(key) else {
            return;
        };
        if let Some(round) = rounds.begin(now) {
            let time = round.until.saturating_duration_since(now);
            if let Some(call) = round.carried.call.take() {
                let (answers, key, number) = (self.clone(), Arc::clone(key), round.number);
                let asked = async move {
                    // Made here and not before: a task that never runs must not come back for the lock.
                    let mut end = End::new(answers, key, number, now);
                    end.outcome = Some(call(time).await);
                };
                round.carried.task = Some(round.carried.runtime.spawn(asked).abort_handle());
            }
        } else if rounds.is_empty() {
            desk.questions.remove(key);
        }
    }

    fn end(&self, key: &Arc<str>, number: u64, asked: Instant, outcome: Option<Outcome>) {
        let now = Instant::now();
        let mut desk = self.desk();
        let Some(rounds) = desk.questions.get_mut(key) else {
            return;
        };
        let Some(round) = rounds.end(number) else {
            return;
        };
        if let (Some(Err(error)), Some(next)) = (&outcome, rounds.waiting()) {
            let error = error.clone();
            next.carried
                .news
                .send_modify(|news| news.before = Some(error));
        }
        let outcome = outcome.map(|outcome| match outcome {
            Ok(json) => Ok(Answer {
                json: json.into(),
                asked,
            }),
            Err(error) => Err(Unanswered::Query(error)),
        });
        if let (Some(Ok(answer)), Some(fresh)) = (&outcome, round.carried.cache) {
            let until = asked + fresh;
            desk.cache.put(key, answer.clone(), until, now);
        }
        self.go_on(&mut desk, key, now);
        drop(desk);
        let outcome = outcome.unwrap_or(Err(Unanswered::BrokenOff));
        round
            .carried
            .news
            .send_modify(|news| news.outcome = Some(outcome));
    }

    fn leave(&self, key: &Arc<str>, number: u64) {
        let mut desk = self.desk();
        let rounds = desk.questions.get_mut(key);
        let over = rounds.and_then(|rounds| rounds.leave(number));
        if over.is_some() {
            self.go_on(&mut desk, key, Instant::now());
        }
        drop(desk);
        if let Some(task) = over.and_then(|round: Round<Asking>| round.carried.task) {
            task.abort();
        }
    }

    /// What is in it is whole between any two statements, so a panic elsewhere does not spoil it.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    /// What a caller is told whose time is up. Who waited behind a question that found no worker learns just that.
    fn out_of_time(&self) -> QueryError {
        match &self.before {
            Some(QueryError::NoWorker) => QueryError::NoWorker,
            _ => QueryError::Timeout,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.answers.leave(&self.key, self.round);
        self.answers.telemetry.query_caller_left();
    }
}

/// The end of a question, however it comes: also by a panic or an abort, so that nobody waits for nothing.
struct End {
    answers: Answers,
    key: Arc<str>,
    round: u64,
    asked: Instant,
    outcome: Option<Outcome>,
}

impl End {
    fn new(answers: Answers, key: Arc<str>, round: u64, asked: Instant) -> Self {
        Self {
            answers,
            key,
            round,
            asked,
            outcome: None,
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        self.answers.end(&self.key, self.round, self.asked, outcome);
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking")
            .field("is_asked", &self.task.is_some())
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
