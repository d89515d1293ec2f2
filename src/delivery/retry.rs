//! What follows from an answer of Temporal: settle, or another call. Pure.
//!
//! One exhaustive table. Every way it knows ends in delivered, parked with a reason, dropped by a
//! rule someone wrote, or a later attempt with the same request id; there is no way out in which an
//! event vanishes. Time and chance are arguments. May import `event`, `clock`, and the types of
//! `temporal` and `inbox`.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Closed, Delivery, IdReuse, Missing, Reason, Start, Then};
use crate::inbox::Settlement;
use crate::temporal::{Done, Failure, FailureKind, Run, RunState};

/// How a kind of failure is paced: the pause doubles from the first to the longest.
struct Pace {
    first: Duration,
    longest: Duration,
}

/// Temporal is away, or said nothing that can be acted upon.
const AWAY: Pace = Pace::new(100, 30_000);
/// One workflow is busy: its own lane waits, and not for long.
const BUSY: Pace = Pace::new(100, 5_000);
/// A rate limit of the namespace, or of the cluster.
/// What was refused returns soon: it is admission (`pressure`) that keeps the others back.
const NAMESPACE_LIMIT: Pace = Pace::new(500, 5_000);
const SYSTEM_LIMIT: Pace = Pace::new(1_000, 10_000);
/// Our own misconfiguration: somebody has to act before this can succeed.
const REFUSED: Pace = Pace::new(5_000, 30_000);
/// A workflow that is waited for: soon at first, and at least every five seconds.
const LOOK_AGAIN_FIRST: Duration = Duration::from_millis(250);
const LOOK_AGAIN_LONGEST: Duration = Duration::from_secs(5);

/// One call to Temporal within an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Signal,
    /// By the start of the `missing` rule.
    StartMissing,
    /// By the start of the `closed` rule.
    StartClosed,
    Describe,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done(Done),
    /// What describe says; none: there is no such workflow.
    Found(Option<Run>),
    Failed(Failure),
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Settle(Settlement),
    /// The workflow is not there yet: look again, then or later.
    Wait {
        at: Timestamp,
    },
    Call(Call),
}

/// When an answer came, and what the length of a pause depends on.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Timestamp,
    /// Failed attempts before this one, as far as they still say something about the next.
    pub tries: u32,
    /// From 0 to 1, anew for each answer: lanes that failed together do not return together.
    pub jitter: f64,
    /// Describe has said a short while ago that there is no such workflow.
    pub known_missing: bool,
}

/// The call that an attempt begins with.
///
/// Signal-with-start comes first only where it refuses to follow a closed run. Where it does not, a repeat of a signal that
/// the closed run has would start another run: the plain signal knows it as a repeat, and describe says what there is.
#[must_use]
pub fn first(delivery: &Delivery) -> Call {
    match &delivery.rules.missing {
        Missing::Start(start) if start.id_reuse == IdReuse::RejectDuplicate => Call::StartMissing,
        Missing::Start(_) | Missing::Park | Missing::Drop | Missing::Wait { .. } => Call::Signal,
    }
}

/// The table.
#[must_use]
pub fn next(delivery: &Delivery, answer: Answer, moment: Moment) -> Next {
    let Failure { kind, message } = match answer {
        Answer::Done(Done { run_id }) => return Next::Settle(Settlement::Delivered { run_id }),
        Answer::Found(Some(run)) => return found(delivery, run),
        Answer::Found(None) => return missing(delivery, moment),
        Answer::Failed(failure) => failure,
    };
    let retry = |pace: Pace, error| Next::Settle(later(pace.pause(moment), moment, error));
    match kind {
        FailureKind::WorkflowNotFound if moment.known_missing => absent(delivery, moment),
        // The two that look alike; so does a run that the server is just ending.
        FailureKind::WorkflowNotFound | FailureKind::RunEnding => Next::Call(Call::Describe),
        // An earlier attempt of this delivery began that run, with this very signal.
        FailureKind::AlreadyStarted { ours: true } => {
            Next::Settle(Settlement::Delivered { run_id: None })
        }
        // Closed; but an earlier attempt may have signalled it, and its request id is remembered.
        FailureKind::AlreadyStarted { ours: false } => Next::Call(Call::Signal),

        FailureKind::PayloadTooLarge => park(Reason::PayloadTooLarge, message),
        FailureKind::SignalLimit => park(Reason::SignalLimit, message),
        FailureKind::BadArgument => park(Reason::BadArgument, message),
        FailureKind::Unimplemented => park(Reason::ServerTooOld, message),

        FailureKind::BusyWorkflow => retry(BUSY, message),
        FailureKind::NamespaceThrottled => retry(NAMESPACE_LIMIT, message),
        FailureKind::SystemThrottled => retry(SYSTEM_LIMIT, message),
        FailureKind::NamespaceNotFound | FailureKind::Unauthorized => retry(REFUSED, message),
        FailureKind::Transient | FailureKind::Ambiguous | FailureKind::Other => {
            retry(AWAY, message)
        }
    }
}

/// An attempt made as many calls as it may, and the workflow was another one each time.
#[must_use]
pub fn unsettled(moment: Moment) -> Settlement {
    let error = "the workflow changes faster than it can be signalled".to_owned();
    later(BUSY.pause(moment), moment, error)
}

/// The run on whose memory of request ids an attempt relied is not there any more.
#[must_use]
pub fn to_be_proved(moment: Moment) -> Settlement {
    let error = "the workflow closed before it was known whether it has this signal".to_owned();
    later(BUSY.pause(moment), moment, error)
}

fn found(delivery: &Delivery, run: Run) -> Next {
    // An earlier attempt began it, with this very signal.
    if run.began_by.contains(&delivery.request_id) {
        let run_id = Some(run.run_id);
        return Next::Settle(Settlement::Delivered { run_id });
    }
    let follows = |start: &Start| match start.id_reuse {
        IdReuse::RejectDuplicate => false,
        IdReuse::AllowDuplicateFailedOnly => run.state == RunState::Failed,
        IdReuse::AllowDuplicate => true,
    };
    match (&delivery.rules.missing, run.state) {
        // It began in between.
        (_, RunState::Open) => Next::Call(first(delivery)),
        (Missing::Start(start), _) if follows(start) => Next::Call(Call::StartMissing),
        (_, RunState::Completed | RunState::Failed) => closed(&delivery.rules.closed),
    }
}

fn closed(rule: &Closed) -> Next {
    let detail = "the workflow has closed".to_owned();
    match rule {
        Closed::Park => park(Reason::WorkflowClosed, detail),
        Closed::Drop => Next::Settle(Settlement::Dropped {
            reason: Reason::ClosedDropped,
            detail,
        }),
        Closed::Start(_) => Next::Call(Call::StartClosed),
    }
}

fn missing(delivery: &Delivery, moment: Moment) -> Next {
    let waited = moment.now.since(delivery.accepted_at);
    match delivery.rules.missing {
        Missing::Park => Next::Settle(give_up(Then::Park, waited)),
        Missing::Drop => Next::Settle(give_up(Then::Drop, waited)),
        // Never there, or deleted after a call had met it.
        Missing::Start(_) => Next::Call(Call::StartMissing),
        Missing::Wait { for_ms, then } => {
            let limit = Duration::from_millis(for_ms);
            if waited >= limit {
                return Next::Settle(give_up(then, waited));
            }
            let pause = look_again(waited, moment.jitter).min(limit.saturating_sub(waited));
            Next::Wait {
                at: moment.now.plus(pause),
            }
        }
    }
}

/// Still absent, as far as describe needs not be asked again: only a wait can go on like this, and only until it is over.
fn absent(delivery: &Delivery, moment: Moment) -> Next {
    match missing(delivery, moment) {
        wait @ Next::Wait { .. } => wait,
        Next::Settle(_) | Next::Call(_) => Next::Call(Call::Describe),
    }
}

fn give_up(then: Then, waited: Duration) -> Settlement {
    let detail = format!(
        "the workflow does not exist, {} s after acceptance",
        waited.as_secs()
    );
    match then {
        Then::Park => Settlement::Parked {
            reason: Reason::WorkflowMissing,
            detail,
        },
        Then::Drop => Settlement::Dropped {
            reason: Reason::MissingDropped,
            detail,
        },
    }
}

/// In proportion to the wait so far: who has waited for long is not hurt by some seconds more.
fn look_again(waited: Duration, jitter: f64) -> Duration {
    (waited / 4)
        .clamp(LOOK_AGAIN_FIRST, LOOK_AGAIN_LONGEST)
        .mul_f64(0.8 + 0.2 * jitter)
}

fn park(reason: Reason, detail: String) -> Next {
    Next::Settle(Settlement::Parked { reason, detail })
}

fn later(pause: Duration, moment: Moment, error: String) -> Settlement {
    Settlement::Retry {
        at: moment.now.plus(pause),
        error,
    }
}

impl Pace {
    const fn new(first_ms: u64, longest_ms: u64) -> Self {
        Self {
            first: Duration::from_millis(first_ms),
            longest: Duration::from_millis(longest_ms),
        }
    }

    /// The upper half of the doubled pause is chance.
    fn pause(&self, moment: Moment) -> Duration {
        let factor = 1_u32 << moment.tries.min(20);
        self.first
            .saturating_mul(factor)
            .min(self.longest)
            .mul_f64(0.5 + 0.5 * moment.jitter)
    }
}

#[cfg(test)]
mod tests;
