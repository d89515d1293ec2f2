//! What can be asked of the inbox about the past, and what it answers.
//!
//! Plain data that every home of the inbox shares; how it is found is each home's own business.

use crate::clock::Timestamp;
use crate::event::{Delivery, Event, State};

/// Filters of the events API; all given ones must hold.
///
/// `workflow`, `route` and a `state` of deliveries each hold if any delivery of the event fits.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub source: Option<String>,
    pub kind: Option<String>,
    pub key: Option<String>,
    pub workflow: Option<String>,
    pub route: Option<String>,
    /// None of these: any. `Unrouted` or one of [`State`].
    pub state: Option<EventState>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received then or earlier.
    pub until: Option<Timestamp>,
    /// 1 to 1000; anything else counts as the nearest of the two.
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
