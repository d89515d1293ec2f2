//! Events and deliveries as the events API shows them (DESIGN §7).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::event::{Delivery, State};
use crate::inbox::EventRecord;

/// An event without headers and body.
pub(super) fn event(record: &EventRecord) -> Value {
    let event = &record.event;
    json!({
        "id": event.id.to_string(),
        "source": &*event.source,
        "key": event.key.text,
        "type": event.kind,
        "received_at": event.received_at.to_rfc3339(),
        "state": state(&record.deliveries),
        "duplicates": record.duplicates,
        "conflicts": record.conflicts,
        "erased_at": time(record.erased_at),
        "deliveries": record.deliveries.iter().map(delivery).collect::<Vec<_>>(),
    })
}

pub(super) fn event_with_body(record: &EventRecord) -> Value {
    let mut shown = event(record);
    let body = &record.event.body;
    let (name, text) = match std::str::from_utf8(body) {
        Ok(text) => ("body", text.to_owned()),
        Err(_) => ("body_base64", STANDARD.encode(body)),
    };
    if let Value::Object(fields) = &mut shown {
        fields.insert("headers".to_owned(), json!(record.event.headers));
        fields.insert(name.to_owned(), Value::String(text));
    }
    shown
}

pub(super) fn delivery(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id.to_string(),
        "event": delivery.event.to_string(),
        "route": &*delivery.route,
        "namespace": delivery.target.namespace,
        "workflow": delivery.target.workflow,
        "signal": delivery.target.signal,
        "state": delivery.state.as_str(),
        "reason": delivery.reason.map(crate::event::Reason::code),
        "attempts": delivery.attempts,
        "next_attempt_at": time(delivery.next_attempt_at),
        "last_error": delivery.last_error,
        "request_id": delivery.request_id,
        "run_id": delivery.run_id,
        "settled_at": time(delivery.settled_at),
    })
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

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::to_rfc3339)
}
