//! The inbox: dedup and a durable queue behind one contract.
//!
//! *accept* is one atomic step: dedup key, event and deliveries are on stable storage together, or
//! nothing is. *claim* hands out heads of lanes, at most one per lane at a time, in the order in which
//! their events were accepted. *settle* says what became of a claim and frees its lane. A claim that is
//! never settled is pending again: at once where it was merely dropped, after a restart where the process
//! died or its lease went to another replica. No SQL, row id, script or transaction shows here. May import `event` and `clock`, and
//! `telemetry` for how a store fares.

use std::sync::Arc;
use std::time::Duration;

use crate::event::{Delivery, DeliveryId, Event, EventId};
use crate::telemetry::Telemetry;

mod actions;
mod blank;
mod board;
mod cache;
mod claim;
mod dedup;
pub mod embedded;
mod history;
mod lanes;
mod lease;
mod mark;
mod partition;
pub mod redis;

pub use actions::{Action, ActionError, Note, NoteRecord};
use claim::Ticket;
pub use claim::{Claim, Settlement};
pub use history::{
    DeliveryFilter, DeliveryPage, EventFilter, EventRecord, EventState, Overdue, Page, Partition,
    Replica, Retention, Shared, Stats,
};
pub use lease::Lease;

/// No failed attempt is followed by a longer pause. What is due later than this waits for its workflow to appear, among
/// so many others that it is looked for only now and then.
pub const SOON: Duration = Duration::from_secs(30);

/// Where events are kept. A closed set: one arm for each home.
#[derive(Clone, Debug)]
pub enum Inbox {
    Embedded(Arc<embedded::Store>),
    Redis(Arc<redis::Store>),
}

/// Which home, and how it is opened.
#[derive(Clone, Debug)]
pub enum Options {
    Embedded(embedded::Options),
    Redis(redis::Options),
}

impl Options {
    #[must_use]
    pub const fn retention(&self) -> Retention {
        match self {
            Self::Embedded(options) => options.retention,
            Self::Redis(options) => options.retention,
        }
    }
}

/// An event with everything that routing decided about it.
#[derive(Debug)]
pub struct Acceptance {
    pub event: Event,
    /// Pending ones join their lanes; those already parked or dropped are only kept.
    pub deliveries: Vec<Delivery>,
}

/// What became of an [`Acceptance`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    Accepted {
        event: EventId,
        deliveries: usize,
    },
    /// Kept, though no route wants it.
    Unrouted {
        event: EventId,
    },
    /// Seen before. `conflict`: the same key came with another body; marked on the first event.
    Duplicate {
        first: EventId,
        conflict: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Queue full: try again soon.
    #[error("the store cannot keep up")]
    Busy,
    /// Cannot promise anything now (disk full, I/O error, closed).
    #[error("the store cannot promise: {0}")]
    Unavailable(String),
    /// MAX_BACKLOG reached; `source` alone, or everybody.
    #[error("too many deliveries are pending")]
    Backlog { source_only: bool },
    /// A strict key (Idempotency-Key) came with another body.
    #[error("the key was used with another body")]
    Conflict { first: EventId },
    /// A cursor that no page of this store gave out.
    #[error("the cursor is not one that this store gave out")]
    Cursor,
    /// At open: what is wrong and what to do.
    #[error("{0}")]
    Open(String),
}

impl Inbox {
    /// Opens the store, or says in one sentence what keeps it from being opened.
    pub async fn open(options: &Options) -> Result<Self, Error> {
        match options {
            Options::Embedded(options) => Self::open_embedded(options),
            Options::Redis(options) => Self::open_redis(options).await,
        }
    }

    /// The same for the embedded one. Blocks on the disk.
    pub fn open_embedded(options: &embedded::Options) -> Result<Self, Error> {
        embedded::Store::open(options).map(|store| Self::Embedded(Arc::new(store)))
    }

    /// The same for the shared one.
    pub async fn open_redis(options: &redis::Options) -> Result<Self, Error> {
        redis::Store::open(options)
            .await
            .map(|store| Self::Redis(Arc::new(store)))
    }

    /// Keeps the event and its deliveries, or finds that it was kept before. `Ok` is durable.
    pub async fn accept(&self, acceptance: Acceptance) -> Result<Receipt, Error> {
        let mut receipts = self.accept_all(vec![acceptance]).await?;
        let missing = || Error::Unavailable("the store gave no receipt".to_owned());
        receipts.pop().ok_or_else(missing)
    }

    /// The same for all events of one request, in one step: all are kept, in their order, or none. One receipt for each.
    ///
    /// They share one source and, as items, one body. What one of them repeats, be it of another, is a duplicate and no
    /// reason to refuse; a strict key with another body is.
    pub async fn accept_all(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Receipt>, Error> {
        match self {
            _ if acceptances.is_empty() => Ok(Vec::new()),
            Self::Embedded(store) => store.accept(acceptances).await,
            Self::Redis(store) => store.accept(acceptances).await,
        }
    }

    /// Waits until at least one lane is ready, then claims up to `max` heads, oldest first.
    ///
    /// Cancel-safe: a future dropped early leaves every head in its lane. Never resolves once the store is closed.
    pub async fn claim(&self, max: usize) -> Vec<Claim> {
        self.claim_within(max, |_| max).await
    }

    /// The same, and of each namespace no more than `room` says; it is asked anew whenever the lanes are looked through,
    /// with a lock held: it must answer at once.
    pub async fn claim_within(
        &self,
        max: usize,
        room: impl Fn(&str) -> usize + Sync,
    ) -> Vec<Claim> {
        match self {
            Self::Embedded(store) => store.claim(max, room).await,
            Self::Redis(store) => store.claim(max, room).await,
        }
    }

    /// Has claims look through the lanes again: a namespace has room that had none.
    pub fn look_again(&self) {
        match self {
            Self::Embedded(store) => store.look_again(),
            Self::Redis(store) => store.look_again(),
        }
    }

    /// Frees the lane at once; what is written rides on the next batch and is not waited for.
    ///
    /// If the process dies before that batch, the delivery is pending again after the restart: one more
    /// attempt with the same request id, which the server knows as a repeat.
    pub async fn settle(&self, claim: Claim, settlement: Settlement) -> Result<(), Error> {
        match (self, claim.ticket) {
            (Self::Embedded(store), Ticket::Embedded(hold)) => {
                store.settle(claim.delivery, hold, settlement).await
            }
            (Self::Redis(store), Ticket::Redis(hold)) => {
                store.settle(claim.delivery, hold, settlement).await
            }
            // A claim of another inbox: dropped, it returns there.
            (Self::Embedded(_), Ticket::Redis(_)) | (Self::Redis(_), Ticket::Embedded(_)) => Err(
                Error::Unavailable("the claim is another store's".to_owned()),
            ),
        }
    }

    /// Makes every lane ready now that waits for an attempt soon (Temporal answers again). One that is due later than
    /// [`SOON`] waits for something else, and on.
    pub fn wake(&self) {
        match self {
            Self::Embedded(store) => store.wake(),
            Self::Redis(store) => store.wake(),
        }
    }

    /// No more claims will be made here: where others share the store, they take over the lanes as soon as what is in flight
    /// in these has settled.
    pub fn retire(&self) {
        match self {
            Self::Embedded(_) => {}
            Self::Redis(store) => store.retire(),
        }
    }

    /// One page of events, newest first.
    ///
    /// A page may hold fewer events than `limit`, even none, and still name a `next`: the work and the bytes of one call are
    /// bounded. The end is where `next` is absent.
    pub async fn events(&self, filter: EventFilter) -> Result<Page, Error> {
        match self {
            Self::Embedded(store) => store.events(filter).await,
            Self::Redis(store) => store.events(filter).await,
        }
    }

    pub async fn event(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        match self {
            Self::Embedded(store) => store.event(id).await,
            Self::Redis(store) => store.event(id).await,
        }
    }

    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, Error> {
        match self {
            Self::Embedded(store) => store.delivery(id).await,
            Self::Redis(store) => store.delivery(id).await,
        }
    }

    /// One page of deliveries in order of acceptance, newest first unless the filter says `ascending`.
    ///
    /// As with events, a page may be short and still name a `next`. An ascending page always names one: the same cursor,
    /// asked again later, shows what was accepted since.
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Result<DeliveryPage, Error> {
        match self {
            Self::Embedded(store) => store.deliveries(filter).await,
            Self::Redis(store) => store.deliveries(filter).await,
        }
    }

    /// How many deliveries fit, whatever the filter's limit and cursor.
    pub async fn count_deliveries(&self, filter: &DeliveryFilter) -> Result<u64, Error> {
        match self {
            Self::Embedded(store) => store.count_deliveries(filter).await,
            Self::Redis(store) => store.count_deliveries(filter).await,
        }
    }

    /// How many events fit, whatever the filter's limit and cursor.
    pub async fn count_events(&self, filter: &EventFilter) -> Result<u64, Error> {
        match self {
            Self::Embedded(store) => store.count_events(filter).await,
            Self::Redis(store) => store.count_events(filter).await,
        }
    }

    /// Tries a parked delivery again, at once and under the same request id; ends the wait of a pending one.
    ///
    /// A parked one takes its old place: it is the next of its lane, after an attempt that is in flight there. One that
    /// stands behind the head of its lane stays there, and the head's wait ends.
    pub async fn retry(&self, delivery: DeliveryId, note: Note) -> Result<Delivery, ActionError> {
        match self {
            Self::Embedded(store) => store.retry(delivery, note).await,
            Self::Redis(store) => store.retry(delivery, note).await,
        }
    }

    /// Gives up a parked or pending delivery: dropped by an operator. One in flight is refused.
    pub async fn drop_delivery(
        &self,
        delivery: DeliveryId,
        note: Note,
    ) -> Result<Delivery, ActionError> {
        match self {
            Self::Embedded(store) => store.drop_delivery(delivery, note).await,
            Self::Redis(store) => store.drop_delivery(delivery, note).await,
        }
    }

    /// Puts `deliveries`, which the caller has routed anew, in the place of the event's unfinished ones, in one atomic step.
    ///
    /// They count as accepted now and join the ends of their lanes; unfinished ones, parked ones included, become dropped
    /// (superseded). Those whose namespace, workflow and signal were delivered before are left out unless `again`: then the
    /// caller has given them request ids of their own. One that may have arrived must be proved first, or repeated knowingly
    /// (`again`). Returns all deliveries of the event as they stand afterwards.
    pub async fn replay(
        &self,
        event: EventId,
        deliveries: Vec<Delivery>,
        again: bool,
        note: Note,
    ) -> Result<Vec<Delivery>, ActionError> {
        match self {
            Self::Embedded(store) => store.replay(event, deliveries, again, note).await,
            Self::Redis(store) => store.replay(event, deliveries, again, note).await,
        }
    }

    /// Removes body, headers, query, claims and arguments for good; keys and what became of the deliveries stay.
    pub async fn erase(&self, event: EventId) -> Result<(), ActionError> {
        match self {
            Self::Embedded(store) => store.erase(event).await,
            Self::Redis(store) => store.erase(event).await,
        }
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        match self {
            Self::Embedded(store) => store.stats(),
            Self::Redis(store) => store.stats(),
        }
    }

    /// The same, counted now: what a caller may wait for.
    pub async fn count(&self) -> Result<Stats, Error> {
        match self {
            Self::Embedded(store) => Ok(store.stats()),
            Self::Redis(store) => store.count().await,
        }
    }

    /// Has this process show the others which routing it serves, where others share the store.
    pub fn announce(&self, digest: &str) {
        match self {
            Self::Embedded(_) => {}
            Self::Redis(store) => store.announce(digest),
        }
    }

    /// Has the store report how it fares: one handle, given once.
    pub fn report_to(&self, telemetry: &Telemetry) {
        match self {
            Self::Embedded(_) => {}
            Self::Redis(store) => store.report_to(telemetry),
        }
    }

    /// Writes what is queued and closes the store.
    pub async fn close(&self) {
        match self {
            Self::Embedded(store) => store.close().await,
            Self::Redis(store) => store.close().await,
        }
    }
}
