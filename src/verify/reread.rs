//! What a stored event would read as, had it come to a source as it is written now.
//!
//! The proof is not made again: it held once, and what it was made of is not kept. Body, type and key are read anew from
//! what is kept; a key that is a digest stays as it is.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::identity::{self, Key};
use super::{BodyRule, Refusal, Source, body};
use crate::event::Event;
use crate::expr::{Body, Variables};

impl Source {
    /// The event as this source would make it of the same request.
    pub fn reread(&self, event: &Event) -> Result<Event, Refusal> {
        // An item is JSON, whatever the request was that it came in.
        let rule = event.item.as_ref().map_or(self.body, |_| BodyRule::Json);
        let content = body::read(&header_map(&event.headers), &event.body, rule)?;
        let vars = Variables {
            body: Some(Body {
                content: &content,
                raw: &event.body,
            }),
            headers: &event.headers,
            query: &event.query,
            claims: event.claims.as_ref(),
            ..Variables::default()
        };
        let key = Key::stated(self, &vars)?;
        let key = key.map_or_else(|| event.key.clone(), |key| key.kept_for(self.dedup));
        let kind = identity::kind(self, &vars);
        Ok(Event {
            key,
            kind,
            content,
            ..event.clone()
        })
    }
}

/// What is kept came from such a map, but for fingerprints, which are plain text.
fn header_map(headers: &[(String, String)]) -> HeaderMap {
    let parsed = headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    let mut map = HeaderMap::new();
    for (name, value) in parsed {
        map.append(name, value);
    }
    map
}
