//! One attempt: as many calls as it takes to know what became of a delivery.
//!
//! What an answer means is `retry`'s. Here the calls are made, and a delivery that may have arrived
//! already is proved before it is sent again: a request id is known to one run only. Knows no inbox
//! beyond its settlements.

use std::time::Duration;

use crate::chance;
use crate::clock::{self, Timestamp};
use crate::crash;
use crate::event::{Closed, Delivery, Missing, Reason, TraceContext};
use crate::inbox::{Lease, Settlement};
use crate::temporal::{CLOCK_SKEW, Failure, FailureKind, RunState, Search, Temporal};

use super::retry::{self, Answer, Call, Moment, Next};

/// Signal, describe, signal, and once around again: a workflow that closes and begins anew in that
/// time gets its next attempt a little later.
const CALLS_PER_ATTEMPT: usize = 6;

/// A lane whose lease has ended is looked at again after so long, should it be ours by then.
const LEASE_OVER: Duration = Duration::from_millis(500);

/// What an attempt is made of.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub temporal: &'a Temporal,
    pub delivery: &'a Delivery,
    /// It may have been sent already, and nobody has seen the end.
    pub doubtful: bool,
    /// Describe has said a short while ago that there is no such workflow.
    pub known_missing: bool,
    /// For each call to Temporal, where the lease allows it.
    pub deadline: Duration,
    /// For how long anything may be sent.
    pub lease: &'a Lease,
    /// Its own, which the signal tells the workflow's worker.
    pub trace: Option<TraceContext>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Settled(Settlement),
    /// The workflow does not exist yet: look again then, or later.
    Waiting {
        at: Timestamp,
        /// Describe has said so in this attempt.
        described: bool,
    },
}

/// What one call took, and how it failed if it did; for whoever watches the load.
type Observer<'a> = &'a (dyn Fn(Option<FailureKind>, Duration) + Sync);

/// Whether a doubtful delivery has arrived.
enum Proven {
    Arrived {
        run_id: String,
    },
    NotArrived,
    /// If it has, then in the run that is there, which knows a repeat by its request id.
    Repeatable,
    Unknown(String),
    /// The lease ends before it can be known.
    OutOfTime,
}

impl Attempt<'_> {
    pub async fn make(&self, observer: Observer<'_>) -> End {
        let connections = self.temporal.connections();
        let connection = *connections.borrow();
        // What failed on a connection that has been replaced since says nothing about the new one,
        // and its lane has slept through the call that wakes the others.
        let moment = || {
            let replaced = *connections.borrow() != connection;
            self.moment(if replaced { 0 } else { self.delivery.attempts })
        };
        // The doubt is not over: it rests on a run that may close at any time.
        let mut rests_on_run = false;
        if self.doubtful {
            match self.prove(observer).await {
                Ok(Proven::NotArrived) => {}
                Ok(Proven::Repeatable) => rests_on_run = true,
                Ok(Proven::Arrived { run_id }) => {
                    let run_id = Some(run_id);
                    return End::Settled(Settlement::Delivered { run_id });
                }
                Ok(Proven::OutOfTime) => return End::Settled(out_of_time(false)),
                Ok(Proven::Unknown(detail)) => {
                    let reason = Reason::OutcomeUnknown;
                    return End::Settled(Settlement::Parked { reason, detail });
                }
                Err(failure) => return self.unproven(failure, moment()),
            }
        }
        let (mut doubtful, mut described) = (rests_on_run, false);
        let mut call = retry::first(self.delivery);
        for _ in 0..CALLS_PER_ATTEMPT {
            let Some(answer) = self.call(call, observer).await else {
                return End::Settled(out_of_time(doubtful));
            };
            described |= matches!(answer, Answer::Found(_));
            doubtful |= call != Call::Describe && is_ambiguous(&answer);
            match retry::next(self.delivery, answer, moment()) {
                Next::Settle(settlement) => return End::Settled(doubted(settlement, doubtful)),
                Next::Wait { .. }
                | Next::Call(Call::Describe | Call::StartMissing | Call::StartClosed)
                    if rests_on_run =>
                {
                    // That run has closed: what it has can only be read from its history now.
                    return End::Settled(doubted(retry::to_be_proved(moment()), true));
                }
                Next::Wait { at } => return End::Waiting { at, described },
                Next::Call(following) => call = following,
            }
        }
        End::Settled(doubted(retry::unsettled(moment()), doubtful))
    }

    /// None: the lease leaves no time for it, and it was not made.
    async fn call(&self, call: Call, observer: Observer<'_>) -> Option<Answer> {
        let Self {
            temporal, delivery, ..
        } = *self;
        let target = &delivery.target;
        let rules = &delivery.rules;
        crash::point("attempt.begun");
        let deadline = self.lease.allows(self.deadline)?;
        let begun = tokio::time::Instant::now();
        let answer = match (call, &rules.missing, &rules.closed) {
            (Call::Describe, _, _) => temporal
                .describe(&target.namespace, &target.workflow, deadline)
                .await
                .map_or_else(Answer::Failed, Answer::Found),
            (Call::StartMissing, Missing::Start(start), _)
            | (Call::StartClosed, _, Closed::Start(start)) => temporal
                .signal_with_start(delivery, start, self.trace, deadline)
                .await
                .map_or_else(Answer::Failed, Answer::Done),
            // The table asks for a start only where the rule has one.
            (Call::Signal | Call::StartMissing | Call::StartClosed, _, _) => temporal
                .signal(delivery, self.trace, deadline)
                .await
                .map_or_else(Answer::Failed, Answer::Done),
        };
        crash::point("attempt.answered");
        let failure = match &answer {
            Answer::Failed(failure) => Some(failure),
            Answer::Done(_) | Answer::Found(_) => None,
        };
        observer(failure.map(|failure| failure.kind), begun.elapsed());
        if let Some(failure) = failure
            && failure.kind == FailureKind::RunEnding
        {
            tracing::error!(
                workflow = target.workflow,
                namespace = target.namespace,
                message = failure.message,
                "Temporal ends this workflow: its history has grown too large"
            );
        }
        Some(answer)
    }

    /// Has an earlier attempt arrived? Mostly one describe says enough.
    async fn prove(&self, observer: Observer<'_>) -> Result<Proven, Failure> {
        let delivery = self.delivery;
        let since = delivery.first_attempt_at.unwrap_or(delivery.accepted_at);
        let Some(answer) = self.call(Call::Describe, observer).await else {
            return Ok(Proven::OutOfTime);
        };
        let run = match answer {
            Answer::Found(Some(run)) => run,
            Answer::Found(None) | Answer::Done(_) => return Ok(Proven::NotArrived),
            Answer::Failed(failure) => return Err(failure),
        };
        if run.began_by.contains(&delivery.request_id) {
            let run_id = run.run_id;
            return Ok(Proven::Arrived { run_id });
        }
        // Only this run can have it, and it knows a repeat by the request id; one that has closed takes no signal, repeat or not.
        if run.state == RunState::Open && run.began_at < since.minus(CLOCK_SKEW) {
            return Ok(Proven::Repeatable);
        }
        let Some(deadline) = self.lease.allows(self.deadline) else {
            return Ok(Proven::OutOfTime);
        };
        let search = self
            .temporal
            .search(delivery, &run, since, deadline)
            .await?;
        tracing::info!(
            delivery = %delivery.id,
            workflow = delivery.target.workflow,
            outcome = ?search,
            "the end of an attempt was not seen: searched the workflow's history"
        );
        Ok(match search {
            Search::Found(proof) => Proven::Arrived {
                run_id: proof.run_id,
            },
            Search::NotFound => Proven::NotArrived,
            Search::Unknown(why) => Proven::Unknown(why),
        })
    }

    /// Nothing was sent, and the doubt remains.
    fn unproven(&self, failure: Failure, moment: Moment) -> End {
        let settlement = match retry::next(self.delivery, Answer::Failed(failure), moment) {
            Next::Settle(settlement) => settlement,
            Next::Wait { .. } | Next::Call(_) => retry::unsettled(moment),
        };
        End::Settled(doubted(settlement, true))
    }

    fn moment(&self, tries: u32) -> Moment {
        Moment {
            now: clock::now(),
            tries,
            jitter: chance::fraction(),
            known_missing: self.known_missing,
        }
    }
}

/// Somebody else may send soon: what was not sent here goes back, what may have been is in doubt.
fn out_of_time(sent: bool) -> Settlement {
    let at = clock::now().plus(LEASE_OVER);
    if sent {
        let error = "the lease of the lane ended during the attempt".to_owned();
        Settlement::Unseen { at, error }
    } else {
        Settlement::Postponed { until: at }
    }
}

fn is_ambiguous(answer: &Answer) -> bool {
    matches!(answer, Answer::Failed(failure) if failure.kind == FailureKind::Ambiguous)
}

/// A retry after a call whose end was not seen.
fn doubted(settlement: Settlement, doubtful: bool) -> Settlement {
    match settlement {
        Settlement::Retry { at, error } if doubtful => Settlement::Unseen { at, error },
        other => other,
    }
}
