//! The nouns that every stage shares: event, delivery, target, rules, reason.
//!
//! Plain data without behaviour beyond reading and writing itself. What turns a request into an
//! [`Event`] is `verify`, what turns an event into [`Delivery`]s is `routing`, what keeps both is
//! `inbox`. May import `clock` only.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;

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
            /// A new id; ids made later sort later.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
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
    /// The exact bytes received.
    pub body: Bytes,
    /// The same bytes as the source's `body` rule reads them.
    pub content: Content,
    /// Which of the source's secrets matched, counted from 0.
    pub secret: Option<usize>,
}

/// How a body reads. The exact text stays in [`Event::body`].
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Json(Value),
    /// Form fields: text, or a list where a field repeats.
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

/// Why a delivery is parked or dropped. Each code is a heading in `deploy/runbook.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    TemplateFailed,
    BadWorkflowId,
    NoWorkflowId,
    TooManyWorkflows,
    WorkflowMissing,
    WorkflowClosed,
    PayloadTooLarge,
    SignalLimit,
    BadArgument,
    ServerTooOld,
    OutcomeUnknown,
    RouteDrops,
    MissingDropped,
    ClosedDropped,
    OperatorDropped,
    Superseded,
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

impl Reason {
    pub const ALL: [Self; 16] = [
        Self::TemplateFailed,
        Self::BadWorkflowId,
        Self::NoWorkflowId,
        Self::TooManyWorkflows,
        Self::WorkflowMissing,
        Self::WorkflowClosed,
        Self::PayloadTooLarge,
        Self::SignalLimit,
        Self::BadArgument,
        Self::ServerTooOld,
        Self::OutcomeUnknown,
        Self::RouteDrops,
        Self::MissingDropped,
        Self::ClosedDropped,
        Self::OperatorDropped,
        Self::Superseded,
    ];

    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TemplateFailed => "SP-D101",
            Self::BadWorkflowId => "SP-D102",
            Self::NoWorkflowId => "SP-D103",
            Self::TooManyWorkflows => "SP-D104",
            Self::WorkflowMissing => "SP-D201",
            Self::WorkflowClosed => "SP-D202",
            Self::PayloadTooLarge => "SP-D203",
            Self::SignalLimit => "SP-D204",
            Self::BadArgument => "SP-D205",
            Self::ServerTooOld => "SP-D206",
            Self::OutcomeUnknown => "SP-D207",
            Self::RouteDrops => "SP-D301",
            Self::MissingDropped => "SP-D302",
            Self::ClosedDropped => "SP-D303",
            Self::OperatorDropped => "SP-D304",
            Self::Superseded => "SP-D305",
        }
    }

    /// The delivery was parked before there was anything to send.
    const fn is_of_rendering(self) -> bool {
        matches!(
            self,
            Self::TemplateFailed
                | Self::BadWorkflowId
                | Self::NoWorkflowId
                | Self::TooManyWorkflows
        )
    }

    /// One sentence for the person who finds the delivery.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::TemplateFailed => {
                "a template of the route found nothing, or something it cannot use"
            }
            Self::BadWorkflowId => "the workflow id is empty or longer than 1000 bytes",
            Self::NoWorkflowId => "the route's list of workflow ids is empty",
            Self::TooManyWorkflows => "the route names more than 100 workflows for one event",
            Self::WorkflowMissing => {
                "no workflow with this id exists, and the route's `missing` rule says park"
            }
            Self::WorkflowClosed => {
                "the workflow has closed, and the route's `closed` rule says park"
            }
            Self::PayloadTooLarge => "Temporal refuses the arguments: too large",
            Self::SignalLimit => "this run has received as many signals as Temporal allows",
            Self::BadArgument => "Temporal refuses the signal as invalid",
            Self::ServerTooOld => "this Temporal server does not know the call",
            Self::OutcomeUnknown => {
                "whether the signal has arrived is not known, and history cannot tell"
            }
            Self::RouteDrops => "the route says `drop = true`",
            Self::MissingDropped => {
                "no workflow with this id exists, and the route's `missing` rule says drop"
            }
            Self::ClosedDropped => {
                "the workflow has closed, and the route's `closed` rule says drop"
            }
            Self::OperatorDropped => "an operator gave it up",
            Self::Superseded => "its event was replayed: newer deliveries take its place",
        }
    }

    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_an_older_version_stored_are_read() {
        let stored = r#"{"missing":{"start":{"workflow_type":"W","task_queue":"q","args":"[]"}},"closed":"drop"}"#;
        let rules: Rules = serde_json::from_str(stored).unwrap();
        let Missing::Start(start) = &rules.missing else {
            panic!("{rules:?}")
        };
        assert_eq!(start.id_reuse, IdReuse::RejectDuplicate);
        assert_eq!(rules.closed, Closed::Drop);
        let anew = Rules {
            closed: Closed::Start(start.clone()),
            ..rules
        };
        let text = serde_json::to_string(&anew).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&text).unwrap(), anew);
    }
}
