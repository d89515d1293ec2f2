//! The inbox: dedup and a durable queue behind one contract.
//!
//! *accept* is one atomic step: dedup key, event and deliveries are on stable storage together, or
//! nothing is. *claim* hands out heads of lanes, at most one per lane at a time. *settle* says what
//! became of a claim and frees its lane. A claim that is never settled (the process died) is pending
//! again after a restart. No SQL, row id or transaction shows here.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Delivery, DeliveryId, Event, EventId, Reason, State};

/// Where events are kept. A closed set: one arm for each home.
#[derive(Clone, Debug)]
pub enum Inbox {
    Embedded(Arc<()>),
}

/// An event with everything that routing decided about it.
#[derive(Debug)]
pub struct Acceptance {
    pub event: Event,
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

/// The head of a lane, claimed for one attempt.
#[derive(Debug)]
pub struct Claim {
    pub delivery: Delivery,
    // token of the lane
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    Delivered {
        run_id: Option<String>,
    },
    Parked {
        reason: Reason,
        detail: String,
    },
    Dropped {
        reason: Reason,
        detail: String,
    },
    /// Not yet: the lane waits until then. `attempted`: the attempt counts as one.
    Retry {
        at: Timestamp,
        error: String,
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
    /// At open: what is wrong and what to do.
    #[error("{0}")]
    Open(String),
}

/// Filters of the events API; all given ones must hold.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub source: Option<String>,
    pub kind: Option<String>,
    pub key: Option<String>,
    pub workflow: Option<String>,
    pub route: Option<String>,
    /// None of these: any. `Unrouted` or one of [`State`].
    pub state: Option<EventState>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// 1 to 1000.
    pub limit: usize,
    pub cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventState {
    Unrouted,
    Of(State),
}

/// An event as kept, with its deliveries in order of acceptance.
#[derive(Clone, Debug)]
pub struct EventRecord {
    pub event: Event,
    pub duplicates: u64,
    pub conflicts: u64,
    pub erased_at: Option<Timestamp>,
    pub deliveries: Vec<Delivery>,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub events: Vec<EventRecord>,
    pub next: Option<String>,
}

/// For `/ready` and metrics.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub pending: u64,
    pub parked: u64,
    pub delivered: u64,
    pub dropped: u64,
    pub unrouted: u64,
    /// Acceptance of the oldest pending delivery.
    pub oldest_pending: Option<Timestamp>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Why the store cannot promise at present.
    pub trouble: Option<String>,
}

impl Inbox {
    pub async fn accept(&self, _acceptance: Acceptance) -> Result<Receipt, Error> {
        unimplemented!()
    }
    /// Waits until at least one lane is ready, then claims up to `max` heads, oldest first.
    pub async fn claim(&self, _max: usize) -> Vec<Claim> {
        unimplemented!()
    }
    /// Frees the lane at once; what is written rides on the next batch.
    pub async fn settle(&self, _claim: Claim, _settlement: Settlement) -> Result<(), Error> {
        unimplemented!()
    }
    /// Makes every waiting lane ready now (Temporal answers again).
    pub fn wake(&self) {
        unimplemented!()
    }
    pub async fn events(&self, _filter: EventFilter) -> Result<Page, Error> {
        unimplemented!()
    }
    pub async fn event(&self, _id: EventId) -> Result<Option<EventRecord>, Error> {
        unimplemented!()
    }
    pub async fn delivery(&self, _id: DeliveryId) -> Result<Option<Delivery>, Error> {
        unimplemented!()
    }
    #[must_use]
    pub fn stats(&self) -> Stats {
        unimplemented!()
    }
    /// Writes what is queued and closes the store.
    pub async fn close(&self) {
        unimplemented!()
    }
}
