//! An event in the form of the API, and the event that it was.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::event::{Content, DedupKey, Event, EventId};

/// As `GET /v1/events/{id}?body=true` shows it, and only what routing reads of it.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    id: String,
    source: String,
    key: String,
    r#type: String,
    received_at: String,
    erased_at: Option<String>,
    headers: Option<Vec<(String, String)>>,
    #[serde(default)]
    query: Vec<(String, String)>,
    claims: Option<Value>,
    body: Option<String>,
    body_base64: Option<String>,
}

impl Stored {
    /// None: it was erased. How its body reads is for a source to say (`Source::reread`).
    pub(super) fn event(self) -> Result<Option<Event>, String> {
        if self.erased_at.is_some() {
            return Ok(None);
        }
        let body = match (self.body, self.body_base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(text)) => STANDARD
                .decode(text)
                .map_err(|error| format!("`body_base64`: {error}"))?
                .into(),
            _ => return Err("it has one of `body` and `body_base64`".to_owned()),
        };
        let received_at = Timestamp::parse_rfc3339(&self.received_at);
        Ok(Some(Event {
            id: EventId::from_str(&self.id).map_err(|error| format!("`id`: {error}"))?,
            source: self.source.into(),
            key: DedupKey {
                text: self.key,
                // These three say how repeats are known; here nothing is sent.
                digest: false,
                retention: Duration::ZERO,
                strict: false,
            },
            kind: self.r#type,
            received_at: received_at.ok_or("`received_at` is no RFC 3339")?,
            peer: String::new(),
            headers: self.headers.ok_or("it has `headers`")?,
            query: self.query,
            claims: self.claims,
            body,
            content: Content::Binary,
            secret: None,
            item: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(content: &Value) -> Result<Option<Event>, String> {
        let mut event = json!({
            "id": "01985f2e-0000-7000-8000-000000000001",
            "source": "s", "key": "k", "type": "t", "received_at": "2026-08-01T12:00:00Z",
        });
        let members = content.as_object().unwrap().clone();
        event.as_object_mut().unwrap().extend(members);
        serde_json::from_value::<Stored>(event).unwrap().event()
    }

    #[test]
    fn a_body_is_text_or_base64_and_an_erased_event_has_none() {
        let headers = json!([["content-type", "text/plain"]]);
        let text = stored(&json!({ "headers": headers, "body": "ü" })).unwrap();
        assert_eq!(text.unwrap().body, "ü");
        let bytes = stored(&json!({ "headers": headers, "body_base64": "/9g=" })).unwrap();
        assert_eq!(&*bytes.unwrap().body, b"\xff\xd8");
        let erased = json!({ "erased_at": "2026-08-02T12:00:00Z", "headers": [], "body": "" });
        assert!(stored(&erased).unwrap().is_none());
        for wrong in [
            json!({ "headers": headers }),
            json!({ "body": "b" }),
            json!({ "headers": headers, "body": "b", "body_base64": "Yg==" }),
            json!({ "headers": headers, "body_base64": "?" }),
        ] {
            assert!(stored(&wrong).is_err(), "{wrong}");
        }
    }
}
