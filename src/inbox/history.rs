//! What can be asked of the inbox about the past, and what it answers.
//!
//! Plain data that every home of the inbox shares; how it is found is each home's own business.

use std::time::Duration;

use super::actions::NoteRecord;
use crate::clock::Timestamp;
use crate::event::{Delivery, Event, Reason, State};

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
    /// Oldest first.
    pub ascending: bool,
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
    /// What operators did about it, oldest first.
    pub notes: Vec<NoteRecord>,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub events: Vec<EventRecord>,
    pub next: Option<String>,
}

/// Filters of the deliveries API; all given ones must hold.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    pub state: Option<State>,
    pub reason: Option<Reason>,
    pub route: Option<String>,
    pub workflow: Option<String>,
    pub source: Option<String>,
    /// Accepted then or later.
    pub since: Option<Timestamp>,
    /// Accepted then or earlier.
    pub until: Option<Timestamp>,
    /// 1 to 1000; anything else counts as the nearest of the two.
    pub limit: usize,
    pub cursor: Option<String>,
    /// Oldest first.
    pub ascending: bool,
}

#[derive(Clone, Debug)]
pub struct DeliveryPage {
    pub deliveries: Vec<Delivery>,
    pub next: Option<String>,
}

/// For `/ready` and metrics; of a shared store as it was a second ago at most.
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
    /// Past retention, yet kept: something of it is pending or parked.
    pub overdue: Overdue,
    /// Why the store cannot promise at present.
    pub trouble: Option<String>,
    /// What is known of the server that keeps it, by name; empty where it is a file.
    pub server: Vec<(&'static str, String)>,
    /// To that server and back.
    pub round_trip: Option<Duration>,
    /// Only where many replicas share the store.
    pub shared: Option<Shared>,
}

/// What a replica knows of the others, and of its own share of the work.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// The id of this one.
    pub replica: String,
    /// Those whose lanes it works.
    pub partitions: Vec<Partition>,
    /// All that live, this one among them.
    pub replicas: Vec<Replica>,
}

#[derive(Clone, Debug)]
pub struct Partition {
    pub number: u16,
    /// What stands in its lanes.
    pub members: u64,
    /// Acceptance of its oldest pending delivery.
    pub oldest: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Replica {
    pub id: String,
    /// Its last sign of life, by the store's clock.
    pub seen: Timestamp,
    /// What it says about itself: an object, its routing's digest in it.
    pub about: serde_json::Value,
}

/// How long settled events are kept, and in how much room. Pending and parked ones always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Since the event was received.
    pub age: Duration,
    /// Bytes on disk, about; beyond it the oldest leave before their time.
    pub size: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Duration::from_hours(30 * 24),
            size: None,
        }
    }
}

/// Events that retention would remove, were nothing of theirs pending or parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    pub events: u64,
    /// Of their bodies, as received.
    pub bytes: u64,
}
