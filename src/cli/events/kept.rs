//! One event with all that is kept of it, for `explain`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::OpsListener;
use super::answer::Event;
use super::client::{Client, Error};
use crate::clock::Timestamp;
use crate::event::EventId;

pub(in crate::cli) struct Kept {
    pub(in crate::cli) id: EventId,
    pub(in crate::cli) source: String,
    pub(in crate::cli) key: String,
    pub(in crate::cli) kind: String,
    pub(in crate::cli) received_at: Timestamp,
    pub(in crate::cli) headers: Vec<(String, String)>,
    pub(in crate::cli) query: Vec<(String, String)>,
    pub(in crate::cli) claims: Option<Value>,
    pub(in crate::cli) body: Bytes,
    /// It is one of several of a request, whose whole body is not shown.
    pub(in crate::cli) is_item: bool,
}

/// Asks the ops listener for an event; why not, as a sentence.
pub(in crate::cli) async fn kept(ops: &OpsListener, id: &str) -> Result<Kept, String> {
    let event = ask(ops, id).await.map_err(|error| error.to_string())?;
    if let Some(at) = &event.erased_at {
        return Err(format!(
            "the event was erased at {at}: nothing of it is left to explain"
        ));
    }
    read(event).ok_or_else(|| "the gateway's answer is not that of this version".to_owned())
}

async fn ask(ops: &OpsListener, id: &str) -> Result<Event, Error> {
    let query = [("body", "true".to_owned())];
    let asked = Client::new(ops)?.get(&["events", id], &query).await;
    asked.map_err(|error| error.about("event", id))
}

fn read(event: Event) -> Option<Kept> {
    let body = match (event.body, event.body_base64) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64).ok()?,
        (None, None) => return None,
    };
    Some(Kept {
        id: event.id.parse().ok()?,
        source: event.source,
        key: event.key,
        kind: event.r#type,
        received_at: Timestamp::parse_rfc3339(&event.received_at)?,
        headers: event.headers?,
        query: event.query?,
        claims: event.claims,
        body: body.into(),
        is_item: event.item.is_some(),
    })
}
