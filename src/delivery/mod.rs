//! From the inbox to Temporal: claims, attempts, settlements.
//!
//! The loop claims no more heads of lanes than it has free slots; the inbox hands out at most one
//! per lane, which is what keeps a workflow's signals in order. What an answer means is in
//! [`retry`], how a call is made in `temporal`. It never meets `server`: both know the inbox only.

pub mod retry;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use crate::chance;
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, Missing};
use crate::inbox::{Claim, Inbox, Settlement};
use crate::telemetry::Telemetry;
use crate::temporal::Temporal;
use retry::{Answer, Call, Moment, Next};

/// Signal, describe, signal, and once around again: a workflow that closes and begins anew in that
/// time gets its next attempt a little later.
const CALLS_PER_ATTEMPT: usize = 6;

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Attempts in flight at once, over all lanes.
    pub concurrency: usize,
    /// For each call to Temporal.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 256,
            deadline: Duration::from_secs(10),
        }
    }
}

/// Delivers until `shutdown` is ready, then waits for the attempts in flight; how long that may
/// take is for the caller to bound. A claim that is cut off stays pending in the inbox.
pub async fn run(
    inbox: Inbox,
    temporal: Temporal,
    telemetry: Telemetry,
    options: Options,
    shutdown: impl Future<Output = ()>,
) {
    let mut attempts = JoinSet::new();
    tokio::select! {
        () = shutdown => {}
        () = claim(&inbox, &temporal, &telemetry, &options, &mut attempts) => {}
        () = wake(&inbox, &temporal) => {}
    }
    while let Some(end) = attempts.join_next().await {
        reap(end);
    }
}

/// Turns claims into attempts. Nothing is claimed before the first connection: what cannot be sent
/// is not tried.
async fn claim(
    inbox: &Inbox,
    temporal: &Temporal,
    telemetry: &Telemetry,
    options: &Options,
    attempts: &mut JoinSet<()>,
) {
    let mut connections = temporal.connections();
    if connections.wait_for(|&count| count > 0).await.is_err() {
        return;
    }
    let slots = Arc::new(Semaphore::new(options.concurrency.max(1)));
    loop {
        // All that are free, as one permit: taking them one by one would cost more than the claim.
        let count = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        let Ok(mut free) = Arc::clone(&slots).acquire_many_owned(count.max(1)).await else {
            return;
        };
        for claim in inbox.claim(free.num_permits()).await {
            let Some(slot) = free.split(1) else {
                break;
            };
            let made = deliver(
                inbox.clone(),
                temporal.clone(),
                telemetry.clone(),
                claim,
                options.deadline,
                slot,
            );
            attempts.spawn(made);
        }
        while let Some(end) = attempts.try_join_next() {
            reap(end);
        }
    }
}

/// Lanes that wait for Temporal do not wait any longer once it answers again.
async fn wake(inbox: &Inbox, temporal: &Temporal) {
    let mut connections = temporal.connections();
    while connections.changed().await.is_ok() {
        inbox.wake();
    }
}

async fn deliver(
    inbox: Inbox,
    temporal: Temporal,
    telemetry: Telemetry,
    claim: Claim,
    deadline: Duration,
    _slot: OwnedSemaphorePermit,
) {
    let settlement = attempt(&temporal, &claim.delivery, deadline).await;
    report(&telemetry, &claim.delivery, &settlement, clock::now());
    let id = claim.delivery.id;
    if let Err(error) = inbox.settle(claim, settlement).await {
        tracing::error!(delivery = %id, %error, "a settlement could not be kept");
    }
}

/// One attempt: as many calls as it takes to know what became of the delivery.
pub async fn attempt(temporal: &Temporal, delivery: &Delivery, deadline: Duration) -> Settlement {
    let connections = temporal.connections();
    let connection = *connections.borrow();
    let mut call = retry::first(delivery);
    for _ in 0..CALLS_PER_ATTEMPT {
        let answer = make(temporal, delivery, call, deadline).await;
        // What failed on a connection that has been replaced since says nothing about the new one,
        // and its lane has slept through the call that wakes the others.
        let replaced = *connections.borrow() != connection;
        let tries = if replaced { 0 } else { delivery.attempts };
        match retry::next(delivery, answer, moment(tries)) {
            Next::Settle(settlement) => return settlement,
            Next::Call(following) => call = following,
        }
    }
    retry::unsettled(moment(delivery.attempts))
}

async fn make(temporal: &Temporal, delivery: &Delivery, call: Call, deadline: Duration) -> Answer {
    let target = &delivery.target;
    match (call, &delivery.rules.missing) {
        (Call::Describe, _) => temporal
            .describe(&target.namespace, &target.workflow, deadline)
            .await
            .map_or_else(Answer::Failed, Answer::Found),
        (Call::SignalWithStart, Missing::Start(start)) => temporal
            .signal_with_start(delivery, start, deadline)
            .await
            .map_or_else(Answer::Failed, Answer::Done),
        (Call::Signal | Call::SignalWithStart, _) => temporal
            .signal(delivery, deadline)
            .await
            .map_or_else(Answer::Failed, Answer::Done),
    }
}

fn moment(tries: u32) -> Moment {
    Moment {
        now: clock::now(),
        tries,
        jitter: chance::fraction(),
    }
}

/// The one place that says what became of an attempt.
fn report(telemetry: &Telemetry, delivery: &Delivery, settlement: &Settlement, now: Timestamp) {
    match settlement {
        Settlement::Delivered { .. } => {
            telemetry.delivered(delivery, now.since(delivery.accepted_at));
        }
        Settlement::Parked { reason, detail } => {
            telemetry.delivery_parked(delivery, *reason, detail);
        }
        Settlement::Dropped { reason, detail } => {
            telemetry.delivery_dropped(delivery, *reason, detail);
        }
        Settlement::Retry { at, error } => {
            telemetry.delivery_retried(delivery, error, at.since(now));
        }
    }
}

/// An attempt that panicked has dropped its claim, which is pending again.
fn reap(end: Result<(), JoinError>) {
    if let Err(error) = end {
        tracing::error!(%error, "an attempt ended abnormally");
    }
}
