//! The nouns that every stage shares: event, delivery, target, rules, reason.
//!
//! Plain data without behaviour beyond reading and writing itself. What turns a request into an
//! [`Event`] is `verify`, what turns an event into [`Delivery`]s is `routing`, what keeps both is
//! `inbox`. May import `clock` only.

mod reason;
#[cfg(test)]
pub(crate) mod samples;
mod trace;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
pub use reason::Reason;
pub use trace::TraceContext;

/// Temporal's limit on ids and names, in bytes.
pub const MAX_NAME: usize = 1000;

/// UUIDv7 of an event: time-ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

/// UUIDv7 of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub Uuid);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// A new id of that time, the rest of it random: ids of a later millisecond sort later.
            #[must_use]
            pub fn at(now: Timestamp) -> Self {
                Self(now.uuid())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}
id!(EventId);
id!(DeliveryId);

/// One verified webhook.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: EventId,
    /// Name of the source in routes.toml.
    pub source: Arc<str>,
    pub key: DedupKey,
    /// Event type; empty where the source has none.
    pub kind: String,
    pub received_at: Timestamp,
    /// Address of the caller as text.
    pub peer: String,
    /// Lower-case names in order of arrival; credentials only as a fingerprint (P2).
    pub headers: Vec<(String, String)>,
    /// Query parameters, decoded, in order; credentials only as a fingerprint.
    pub query: Vec<(String, String)>,
    /// Claims of the caller's token, for sources that carry one.
    pub claims: Option<Value>,
    /// The exact bytes received; of one event among several, its own part of them.
    pub body: Bytes,
    /// The same bytes as the source's `body` rule reads them.
    pub content: Content,
    /// Which of the source's secrets matched, counted from 0.
    pub secret: Option<usize>,
    /// None: the request was this event alone.
    pub item: Option<Item>,
}

/// Where an event stands in a request of several.
#[derive(Clone, Debug)]
pub struct Item {
    /// Counted from 0.
    pub number: usize,
    /// Where [`Event::body`] begins in the whole; none where it was computed and not cut out.
    pub at: Option<usize>,
    /// The request's body, which all of its events share. Lists of events leave it out.
    pub whole: Bytes,
    pub whole_content: Arc<Content>,
}

/// How a body reads. The exact text stays in [`Event::body`].
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Json(Value),
    /// Form fields: text, or a list where a field repeats; or what a document in the form says, or what lines of JSON do.
    Form(Value),
    /// UTF-8 that is neither.
    Text,
    /// Not even UTF-8: only the bytes are kept.
    Binary,
}

/// What makes two requests the same event (DESIGN §2, Duplicates).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupKey {
    pub text: String,
    /// The key is a digest of the body, not an id that the sender gave.
    pub digest: bool,
    /// How long it is remembered.
    pub retention: Duration,
    /// The same key with another body is refused (409), not merely marked as a conflict:
    /// an `Idempotency-Key` of a token source.
    pub strict: bool,
}

/// Where a signal goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    pub namespace: String,
    pub workflow: String,
    pub signal: String,
}

/// A signal to be sent, and what has become of it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub source: Arc<str>,
    pub route: Arc<str>,
    pub target: Target,
    /// JSON text of the list of arguments, numbers as they were sent.
    pub args: String,
    pub rules: Rules,
    pub state: State,
    pub reason: Option<Reason>,
    pub attempts: u32,
    pub accepted_at: Timestamp,
    pub first_attempt_at: Option<Timestamp>,
    pub next_attempt_at: Option<Timestamp>,
    pub last_error: Option<String>,
    /// 32 hex digits, the same on every attempt (P4).
    pub request_id: String,
    pub run_id: Option<String>,
    pub settled_at: Option<Timestamp>,
    /// What the attempts belong to; none: nobody traced its acceptance.
    pub trace: Option<TraceContext>,
}

impl Delivery {
    /// A delivery that is due at once, without arguments and under the default rules.
    #[must_use]
    pub fn pending(event: &Event, route: Arc<str>, target: Target, request_id: String) -> Self {
        Self {
            id: DeliveryId::at(event.received_at),
            event: event.id,
            source: Arc::clone(&event.source),
            route,
            target,
            args: "[]".to_owned(),
            rules: Rules::default(),
            state: State::Pending,
            reason: None,
            attempts: 0,
            accepted_at: event.received_at,
            first_attempt_at: None,
            next_attempt_at: Some(event.received_at),
            last_error: None,
            request_id,
            run_id: None,
            settled_at: None,
            trace: None,
        }
    }

    /// A parked one that may have arrived all the same: nobody saw the end of its last attempt; or it stands in a copy of the
    /// store, dated with an attempt later than its parking, for a person may have retried it since the copy was made.
    #[must_use]
    pub fn is_parked_in_doubt(&self) -> bool {
        self.reason == Some(Reason::OutcomeUnknown)
            || self.settled_at.is_some() && self.first_attempt_at > self.settled_at
    }
}

/// State of one delivery. An event without deliveries is *unrouted*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pending,
    Delivered,
    Parked,
    Dropped,
}

impl State {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Parked, Self::Dropped];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
            Self::Dropped => "dropped",
        }
    }
}

/// The route's rules as they stood when the event was accepted, with rendered start arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    pub missing: Missing,
    pub closed: Closed,
    #[serde(default, skip_serializing_if = "AfterPark::is_continue")]
    pub after_park: AfterPark,
    /// Least time between two attempts at this workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace_ms: Option<u32>,
}

impl Rules {
    #[must_use]
    pub fn pace(&self) -> Option<Duration> {
        self.pace_ms.map(|ms| Duration::from_millis(ms.into()))
    }
}

/// What to do when the workflow does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    Park,
    Drop,
    /// Look again until `for_ms` after acceptance, then park or drop.
    Wait {
        for_ms: u64,
        then: Then,
    },
    /// Signal-with-start.
    Start(Start),
}

impl Default for Missing {
    /// `{ wait = "5m", then = "park" }`
    fn default() -> Self {
        Self::Wait {
            for_ms: 5 * 60 * 1000,
            then: Then::Park,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    Park,
    Drop,
}

/// What to do when the workflow has closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closed {
    #[default]
    Park,
    Drop,
    /// A new run of the same id, by signal-with-start.
    Start(Start),
}

/// What becomes of the lane when this delivery is parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterPark {
    #[default]
    Continue,
    /// It stands until the delivery is retried to success or dropped.
    Hold,
}

impl AfterPark {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_continue(&self) -> bool {
        *self == Self::Continue
    }
}

/// How to start a workflow that is not there yet, or not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub workflow_type: String,
    pub task_queue: String,
    /// JSON text of the list of start arguments.
    pub args: String,
    /// Stores written before this existed lack it: they all refused a second run.
    #[serde(default)]
    pub id_reuse: IdReuse,
}

/// Whether a closed run may be followed by a new one of the same id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdReuse {
    /// Never: what happens then is for the `closed` rule to say.
    #[default]
    RejectDuplicate,
    /// Unless it completed.
    AllowDuplicateFailedOnly,
    AllowDuplicate,
}

impl Delivery {
    /// Parked, and its lane stands at it. One without a workflow stands in no lane.
    #[must_use]
    pub fn holds_lane(&self) -> bool {
        self.state == State::Parked
            && self.rules.after_park == AfterPark::Hold
            && !self.target.workflow.is_empty()
    }

    /// Whether there is something to send: a target and arguments that were rendered.
    #[must_use]
    pub fn is_sendable(&self) -> bool {
        let rendered = !self.reason.is_some_and(Reason::is_of_rendering);
        rendered && !self.target.workflow.is_empty() && !self.target.signal.is_empty()
    }
}
