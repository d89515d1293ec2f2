//! Events and deliveries as the events API shows them (DESIGN §7).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::event::{Delivery, Reason, State};
use crate::inbox::{EventRecord, NoteRecord};

/// An event; headers and body only where they were asked for.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    id: String,
    source: &'a str,
    key: &'a str,
    r#type: &'a str,
    received_at: String,
    /// Its number in a request of several, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    state: &'static str,
    duplicates: u64,
    conflicts: u64,
    erased_at: Option<String>,
    deliveries: Vec<ShownDelivery<'a>>,
    notes: Vec<ShownNote<'a>>,
    #[serde(flatten)]
    content: Option<ShownContent<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownContent<'a> {
    headers: &'a [(String, String)],
    query: &'a [(String, String)],
    claims: Option<&'a Value>,
    #[serde(flatten)]
    body: ShownBody<'a>,
}

#[derive(Debug, Serialize)]
enum ShownBody<'a> {
    #[serde(rename = "body")]
    Text(&'a str),
    /// The bytes are not UTF-8.
    #[serde(rename = "body_base64")]
    Base64(String),
}

#[derive(Debug, Serialize)]
pub(super) struct ShownDelivery<'a> {
    id: String,
    event: String,
    route: &'a str,
    namespace: &'a str,
    workflow: &'a str,
    signal: &'a str,
    state: &'static str,
    reason: Option<&'static str>,
    attempts: u32,
    next_attempt_at: Option<String>,
    last_error: Option<&'a str>,
    request_id: &'a str,
    run_id: Option<&'a str>,
    settled_at: Option<String>,
    /// Of the webhook's trace, where it was traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(flatten)]
    proven: Option<Proven>,
}

/// Whether its signal stands in history, where that was asked for.
#[derive(Debug, Default, Serialize)]
pub(super) struct Proven {
    pub(super) proof: Option<ShownProof>,
    /// Why the search came to no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proof_unknown: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownProof {
    pub(super) run_id: String,
    pub(super) event_id: i64,
    pub(super) time: String,
    pub(super) url: Option<String>,
}

impl Shown<'_> {
    /// Adds what was found for each delivery, in their order.
    pub(super) fn proven(mut self, proofs: Vec<Proven>) -> Self {
        for (delivery, proven) in self.deliveries.iter_mut().zip(proofs) {
            delivery.proven = Some(proven);
        }
        self
    }
}

/// What an operator did about it.
#[derive(Debug, Serialize)]
struct ShownNote<'a> {
    at: String,
    action: &'static str,
    delivery: Option<String>,
    who: &'a str,
    text: Option<&'a str>,
}

pub(super) fn event(record: &EventRecord) -> Shown<'_> {
    let event = &record.event;
    Shown {
        id: event.id.to_string(),
        source: &event.source,
        key: &event.key.text,
        r#type: &event.kind,
        received_at: event.received_at.to_rfc3339(),
        item: event.item.as_ref().map(|item| item.number),
        state: state(&record.deliveries),
        duplicates: record.duplicates,
        conflicts: record.conflicts,
        erased_at: record.erased_at.map(Timestamp::to_rfc3339),
        deliveries: record.deliveries.iter().map(delivery).collect(),
        notes: record.notes.iter().map(note).collect(),
        content: None,
    }
}

pub(super) fn event_with_body(record: &EventRecord) -> Shown<'_> {
    let body = match std::str::from_utf8(&record.event.body) {
        Ok(text) => ShownBody::Text(text),
        Err(_) => ShownBody::Base64(STANDARD.encode(&record.event.body)),
    };
    let kept = &record.event;
    let content = ShownContent {
        headers: &kept.headers,
        query: &kept.query,
        claims: kept.claims.as_ref(),
        body,
    };
    Shown {
        content: Some(content),
        ..event(record)
    }
}

pub(super) fn delivery(delivery: &Delivery) -> ShownDelivery<'_> {
    ShownDelivery {
        id: delivery.id.to_string(),
        event: delivery.event.to_string(),
        route: &delivery.route,
        namespace: &delivery.target.namespace,
        workflow: &delivery.target.workflow,
        signal: &delivery.target.signal,
        state: delivery.state.as_str(),
        reason: delivery.reason.map(Reason::code),
        attempts: delivery.attempts,
        next_attempt_at: delivery.next_attempt_at.map(Timestamp::to_rfc3339),
        last_error: delivery.last_error.as_deref(),
        request_id: &delivery.request_id,
        run_id: delivery.run_id.as_deref(),
        settled_at: delivery.settled_at.map(Timestamp::to_rfc3339),
        trace_id: delivery.trace.map(|trace| trace.trace_id()),
        proven: None,
    }
}

fn note(note: &NoteRecord) -> ShownNote<'_> {
    ShownNote {
        at: note.at.to_rfc3339(),
        action: note.action.as_str(),
        delivery: note.delivery.map(|id| id.to_string()),
        who: &note.who,
        text: note.text.as_deref(),
    }
}

/// The first that fits: unrouted, pending, parked, delivered, dropped.
fn state(deliveries: &[Delivery]) -> &'static str {
    let order = [
        State::Pending,
        State::Parked,
        State::Delivered,
        State::Dropped,
    ];
    order
        .into_iter()
        .find(|state| deliveries.iter().any(|delivery| delivery.state == *state))
        .map_or("unrouted", State::as_str)
}
