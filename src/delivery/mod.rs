//! From the inbox to Temporal: claims, attempts, settlements.
//!
//! The loop claims no more heads of lanes than it has free slots and their namespaces have room
//! (`admission`); the inbox hands out at most one per lane, which is what keeps a workflow's signals
//! in order. How an attempt is made is in `attempt`, what an answer means in [`retry`], how a call is
//! made in `temporal`. It never meets `server`: both know the inbox only.

mod admission;
mod attempt;
mod pressure;
pub mod retry;
mod traced;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;

use crate::clock::{self, Timestamp};
use crate::crash;
use crate::event::Delivery;
use crate::inbox::{Claim, Inbox, Settlement};
use crate::telemetry::Telemetry;
use crate::telemetry::trace::Span;
use crate::temporal::Temporal;
use admission::{Admission, Admitted, Place};
pub use attempt::{Attempt, End};
use pressure::Sign;

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Attempts in flight at once, over all lanes. One namespace may hold half of them, and gets there step by step.
    pub concurrency: usize,
    /// For each call to Temporal.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 512,
            deadline: Duration::from_secs(10),
        }
    }
}

/// What every attempt needs.
#[derive(Clone)]
struct Courier {
    inbox: Inbox,
    temporal: Temporal,
    telemetry: Telemetry,
    admission: Admission,
    deadline: Duration,
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
    let courier = Courier {
        inbox,
        temporal,
        telemetry,
        admission: Admission::new(options.concurrency.div_ceil(2)),
        deadline: options.deadline,
    };
    let mut attempts = JoinSet::new();
    tokio::select! {
        () = shutdown => {}
        () = claim(&courier, options.concurrency, &mut attempts) => {}
        () = wake(&courier) => {}
        () = courier.admission.reopen(&courier.inbox) => {}
    }
    // Where others share the inbox, no lane waits until the last attempt here has ended.
    courier.inbox.retire();
    while let Some(end) = attempts.join_next().await {
        reap(end);
    }
}

/// Turns claims into attempts. Nothing is claimed while there is no connection: what cannot be sent
/// is not tried.
async fn claim(courier: &Courier, concurrency: usize, attempts: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(concurrency.max(1)));
    let room = |namespace: &str| {
        if courier.temporal.is_connected() {
            courier.admission.room(namespace)
        } else {
            0
        }
    };
    loop {
        // All that are free, as one permit: taking them one by one would cost more than the claim.
        let count = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        let Ok(mut free) = Arc::clone(&slots).acquire_many_owned(count.max(1)).await else {
            return;
        };
        let claims = courier.inbox.claim_within(free.num_permits(), room).await;
        for claim in claims {
            let Some(slot) = free.split(1) else {
                break;
            };
            match courier.admission.admit(&claim.delivery) {
                Admitted::Now {
                    place,
                    known_missing,
                } => {
                    let delivered = courier.clone().deliver(claim, known_missing, place, slot);
                    attempts.spawn(delivered);
                }
                Admitted::Later(until) => {
                    let postponed = Settlement::Postponed { until };
                    courier.settle(claim, postponed).await;
                }
            }
        }
        while let Some(end) = attempts.try_join_next() {
            reap(end);
        }
    }
}

/// Lanes that wait for Temporal do not wait any longer once it answers again.
async fn wake(courier: &Courier) {
    let mut connections = courier.temporal.connections();
    while connections.changed().await.is_ok() {
        courier.inbox.wake();
    }
}

impl Courier {
    async fn deliver(
        self,
        claim: Claim,
        known_missing: bool,
        place: Place,
        _slot: OwnedSemaphorePermit,
    ) {
        let span = traced::begin(&self.telemetry, &claim);
        let lines = traced::lines(&span, &claim.delivery);
        let attempted = self.attempt(claim, known_missing, place, span);
        attempted.instrument(lines).await;
    }

    async fn attempt(&self, claim: Claim, known_missing: bool, place: Place, span: Span) {
        let attempt = Attempt {
            temporal: &self.temporal,
            delivery: &claim.delivery,
            doubtful: claim.doubtful,
            known_missing,
            deadline: self.deadline,
            lease: &claim.lease,
            trace: span.context(),
        };
        let end = attempt
            .make(&|failure, took| place.observe(Sign::of(failure), took))
            .await;
        let waiting = matches!(end, End::Waiting { .. });
        let settlement = match end {
            End::Settled(settlement) => settlement,
            End::Waiting { at, described } => Settlement::Retry {
                at: self.admission.wait(&claim.delivery, at, described),
                error: "the workflow does not exist yet".to_owned(),
            },
        };
        let settlement = claim.tempered(settlement);
        if settlement.is_final() {
            self.admission.waits_no_more(&claim.delivery);
        }
        report(&self.telemetry, &claim.delivery, &settlement, clock::now());
        traced::end(span, &settlement, waiting);
        // The place is free before claims look at the lanes again, which a settlement has them do.
        drop(place);
        self.settle(claim, settlement).await;
    }

    async fn settle(&self, claim: Claim, settlement: Settlement) {
        let id = claim.delivery.id;
        if let Err(error) = self.inbox.settle(claim, settlement).await {
            tracing::error!(delivery = %id, %error, "a settlement could not be kept");
        }
        crash::point("settle.asked");
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
        Settlement::Retry { at, error } | Settlement::Unseen { at, error } => {
            telemetry.delivery_retried(delivery, error, at.since(now));
        }
        Settlement::Postponed { .. } => {}
    }
}

/// An attempt that panicked has dropped its claim, which is pending again.
fn reap(end: Result<(), JoinError>) {
    if let Err(error) = end {
        tracing::error!(%error, "an attempt ended abnormally");
    }
}
