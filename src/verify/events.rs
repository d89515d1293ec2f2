//! From a proven request to its events: one, or one for each item of a list.
//!
//! Items share the request's body: the text of one is a part of it wherever the list is there as sent. All of them are
//! made or none, and each has a key of its own.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::{Proven, Refusal, Source, WebhookRequest, body, identity, redact};
use crate::clock::Timestamp;
use crate::event::{Content, DedupKey, Event, EventId, Item};
use crate::expr::{self, Expr};
use crate::verify::handshake::{Reply, Unanswered};

/// Events in one request; more are refused.
pub const MAX_ITEMS: usize = 1_000;

/// What a proven request is.
#[derive(Debug)]
pub enum Arrived {
    One(Box<Event>),
    /// As `each` says; in the order of the list, which may be empty.
    Several(Vec<Event>),
    /// A question to this endpoint, and no event.
    Handshake(Result<Reply, Unanswered>),
}

/// A request whose proof holds, read.
pub(super) struct Opened<'r> {
    source: &'r Source,
    request: &'r WebhookRequest,
    pub(super) proven: Proven,
    pub(super) content: Content,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    now: Timestamp,
}

impl<'r> Opened<'r> {
    pub(super) fn new(
        source: &'r Source,
        request: &'r WebhookRequest,
        proven: Proven,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let own = source.credentials();
        Ok(Self {
            source,
            request,
            proven,
            content: body::read(&request.headers, &request.body, source.body)?,
            headers: redact::headers(&request.headers, own.headers),
            query: redact::query(&request.query, own.parameters),
            now,
        })
    }

    pub(super) fn single(mut self) -> Result<Event, Refusal> {
        let raw = self.request.body.clone();
        let (key, kind) = self.identify(&self.content, &raw, None)?;
        let content = std::mem::replace(&mut self.content, Content::Binary);
        let (headers, query) = (
            std::mem::take(&mut self.headers),
            std::mem::take(&mut self.query),
        );
        let claims = self.proven.claims.take();
        Ok(Event {
            headers,
            query,
            claims,
            ..self.event(key, kind, raw, content)
        })
    }

    /// One for each item of the list that `each` gives.
    pub(super) fn several(mut self, each: &Expr) -> Result<Vec<Event>, Refusal> {
        let whole = self.request.body.clone();
        let vars = self.variables(&self.content, &whole, None);
        let items = each
            .items(&vars, MAX_ITEMS)
            .map_err(|error| Refusal::NoItems(error.to_string()))?;
        let parts: Vec<Part> = items
            .into_iter()
            .map(|item| Part::of(item, &whole))
            .collect();
        let mut identified = Vec::with_capacity(parts.len());
        for (number, part) in parts.iter().enumerate() {
            identified.push(self.identify(&part.content, &part.body, Some(number))?);
        }
        let whole_content = std::mem::replace(&mut self.content, Content::Binary);
        let whole_content = Arc::new(whole_content);
        let numbered = parts.into_iter().zip(identified).enumerate();
        let events = numbered.map(|(number, (part, (key, kind)))| Event {
            headers: self.headers.clone(),
            query: self.query.clone(),
            claims: self.proven.claims.clone(),
            item: Some(Item {
                number,
                at: part.at,
                whole: whole.clone(),
                whole_content: Arc::clone(&whole_content),
            }),
            ..self.event(key, kind, part.body, part.content)
        });
        Ok(events.collect())
    }

    /// Key and type of the event that this is the body of.
    fn identify(
        &self,
        content: &Content,
        raw: &[u8],
        number: Option<usize>,
    ) -> Result<(DedupKey, String), Refusal> {
        let vars = self.variables(content, raw, number);
        let happened_at = identity::time(self.source, &vars, self.now)?;
        let key = identity::key(
            self.source,
            self.request,
            &self.proven,
            (raw, number),
            &vars,
        )?;
        // A request from a clock ahead of ours stays fresh for longer: its key must outlive it.
        let ahead = [self.proven.signed_at, happened_at]
            .into_iter()
            .flatten()
            .map(|at| at.since(self.now))
            .max();
        let kept = self.source.dedup.saturating_add(ahead.unwrap_or_default());
        Ok((key.kept_for(kept), identity::kind(self.source, &vars)))
    }

    /// As expressions see it; with a number, the body is one item and the whole stands beside it.
    fn variables<'v>(
        &'v self,
        content: &'v Content,
        raw: &'v [u8],
        number: Option<usize>,
    ) -> expr::Variables<'v> {
        expr::Variables {
            body: Some(expr::Body { content, raw }),
            request: number.map(|_| expr::Body {
                content: &self.content,
                raw: &self.request.body,
            }),
            headers: &self.headers,
            query: &self.query,
            claims: self.proven.claims.as_ref(),
            ..expr::Variables::default()
        }
    }

    /// Without headers, query and claims.
    fn event(&self, key: DedupKey, kind: String, body: Bytes, content: Content) -> Event {
        Event {
            id: EventId::at(self.now),
            source: Arc::clone(&self.source.name),
            key,
            kind,
            received_at: self.now,
            peer: self.request.peer.clone(),
            headers: Vec::new(),
            query: Vec::new(),
            claims: None,
            body,
            content,
            secret: self.proven.secret,
            item: None,
        }
    }
}

/// The body of one event among several.
struct Part {
    content: Content,
    body: Bytes,
    /// Where it begins in the whole, if it is a part of that.
    at: Option<usize>,
}

impl Part {
    fn of(item: expr::Item<'_>, whole: &Bytes) -> Self {
        let at = match &item.text {
            Cow::Borrowed(text) => offset(text, whole),
            Cow::Owned(_) => None,
        };
        let body = match at {
            Some(at) => whole.slice(at..at + item.text.len()),
            None => Bytes::from(item.text.into_owned()),
        };
        let content: Value = item.value;
        Self {
            content: Content::Json(content),
            body,
            at,
        }
    }
}

/// Where in the whole this part of it begins.
fn offset(part: &str, whole: &[u8]) -> Option<usize> {
    let at = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let same = whole.get(at..at.checked_add(part.len())?)? == part.as_bytes();
    same.then_some(at)
}

#[cfg(test)]
mod tests {
    use crate::expr::{Expr, Scope};
    use crate::verify::providers;

    #[test]
    fn what_presets_say_about_batches_compiles() {
        for preset in providers::ALL {
            let Some(batch) = preset.batch else { continue };
            for text in [Some(batch.each), batch.key, batch.kind]
                .into_iter()
                .flatten()
            {
                let compiled = Expr::compile(text, Scope::SOURCE);
                let doubts = compiled.as_ref().map(|expr| expr.doubts().to_vec());
                assert_eq!(doubts, Ok(Vec::new()), "{}: {compiled:?}", preset.name);
            }
        }
    }
}
