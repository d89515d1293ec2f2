//! Is it authentic? Turns a [`WebhookRequest`] into an `Event`, or refuses.
//!
//! Pure: no async, no I/O, no clock. The body of a request cannot be read outside this module: only
//! an `Event`, which only [`authenticate`] makes, shows it. Nothing of a request is parsed before its
//! proof holds. May import `expr`, `token` and below.

pub mod answers;
mod body;
mod freshness;
pub mod given;
pub mod handshake;
mod hmac;
mod identity;
mod layout;
pub mod providers;
mod redact;
mod refusal;
pub mod scheme;
pub mod spec;
pub mod template;
pub mod verifier;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::event::{Event, EventId};
use crate::expr::{self, Expr};
use crate::rate::Rate;
use crate::token::{self, Issuer, KeyTable, Location, Speaker, Trust};
use providers::Preset;
pub use refusal::{Class, Refusal};
use verifier::{Draft, Moment, Seal, Signed, Verifier};

/// A request as it came in. Its body stays closed until the proof holds.
pub struct WebhookRequest {
    method: Method,
    /// As sent, and not believed: what is signed is the address that the source names.
    path: String,
    /// As sent, without the question mark.
    query: String,
    headers: HeaderMap,
    peer: String,
    body: Bytes,
}

impl WebhookRequest {
    #[must_use]
    pub fn new(
        method: Method,
        target: &Uri,
        headers: HeaderMap,
        peer: String,
        body: Bytes,
    ) -> Self {
        Self {
            method,
            path: target.path().to_owned(),
            query: target.query().unwrap_or_default().to_owned(),
            headers,
            peer,
            body,
        }
    }

    /// The one copy of a header as text; a second copy, or bytes that are no text, are a refusal.
    fn single(&self, name: &HeaderName) -> Result<Option<&str>, Refusal> {
        let mut copies = self.headers.get_all(name).iter();
        let Some(value) = copies.next() else {
            return Ok(None);
        };
        if copies.next().is_some() {
            return Err(Refusal::DuplicateHeader(name.to_string()));
        }
        value
            .to_str()
            .map(Some)
            .map_err(|_| Refusal::Malformed(name.to_string()))
    }

    fn required(&self, name: &HeaderName) -> Result<&str, Refusal> {
        self.single(name)?
            .ok_or_else(|| Refusal::MissingHeader(name.to_string()))
    }
}

/// One `[sources.NAME]`, compiled.
#[derive(Debug)]
pub struct Source {
    pub name: Arc<str>,
    pub proof: Proof,
    pub body: BodyRule,
    pub key: Option<Expr>,
    pub kind: Option<Expr>,
    pub time: Option<Expr>,
    /// Retention of dedup keys.
    pub dedup: Duration,
    /// Verified but unrouted is refused with 404.
    pub refuse_unrouted: bool,
    /// Of verified requests.
    pub rate: Option<Rate>,
    /// What the provider expects beyond a proof: handshake and answers.
    pub preset: Option<&'static Preset>,
}

impl Source {
    /// Whose tokens it takes, if any.
    #[must_use]
    pub fn trust(&self) -> Option<Trust<'_>> {
        match &self.proof {
            Proof::Token { issuers, keys } => Some(Trust {
                issuers,
                keys: keys.as_deref(),
            }),
            Proof::Signature(_) | Proof::Scheme(_) | Proof::None => None,
        }
    }

    /// Whom an event of this source speaks for by the config of now; none where it came without a token.
    #[must_use]
    pub fn speaker(&self, event: &Event) -> Option<Speaker> {
        self.trust()?.speaker(event.claims.as_ref()?)
    }
}

/// How the sender proves itself.
#[expect(
    clippy::large_enum_variant,
    reason = "one per source, built at load and never moved"
)]
#[derive(Debug)]
pub enum Proof {
    /// An HMAC, as data.
    Signature(scheme::Scheme),
    /// Any other scheme of a preset.
    Scheme(Box<dyn Verifier>),
    /// `Authorization: Bearer` with a token of one of these issuers, or with an API key.
    Token {
        issuers: Vec<Arc<Issuer>>,
        /// None: API keys are not taken.
        keys: Option<Arc<KeyTable>>,
    },
    /// Nothing is proven: only where the process was started to allow it (P1).
    None,
}

/// How a body is read where the media type does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRule {
    ByMediaType,
    Json,
    Form,
    Text,
}

/// What a proof has shown beyond that it holds.
#[derive(Default)]
struct Proven {
    /// Which of the source's secrets matched.
    secret: Option<usize>,
    /// The signed time.
    signed_at: Option<Timestamp>,
    /// A token's `iss`, and the empty text for an API key; none where there was no token.
    issuer: Option<String>,
    subject: String,
    claims: Option<Value>,
}

/// Signs like the source's provider does, with the first secret; none where it has a token, or only the provider
/// holds the key.
#[must_use]
pub fn sign(source: &Source, draft: Draft<'_>) -> Option<Signed> {
    match &source.proof {
        Proof::Signature(scheme) => Some(Signed {
            headers: scheme.sign(draft.body, draft.id, draft.now),
            ..Signed::default()
        }),
        Proof::Scheme(scheme) => scheme.sign(draft),
        Proof::Token { .. } | Proof::None => None,
    }
}

impl From<Seal> for Proven {
    fn from(seal: Seal) -> Self {
        Self {
            secret: seal.secret,
            signed_at: seal.signed_at,
            claims: seal.claims,
            ..Self::default()
        }
    }
}

/// Where the keys come from that the proof of a request wants.
#[must_use]
pub fn keys_for(source: &Source, request: &WebhookRequest) -> Option<Location> {
    match &source.proof {
        Proof::Scheme(scheme) => scheme.wants(request),
        _ => source
            .trust()?
            .keys_for(token::bearer(&request.headers).ok()?)
            .cloned(),
    }
}

/// Proves the request, then reads it; the first doubt ends both.
///
/// On [`Refusal::wants_keys`] the caller may have the issuer's keys fetched and ask once more.
pub fn authenticate(
    source: &Source,
    request: &WebhookRequest,
    now: Timestamp,
) -> Result<Event, Refusal> {
    let proven = prove(source, request, now)?;
    let content = body::read(&request.headers, &request.body, source.body)?;
    let headers = redact::headers(&request.headers);
    let query = redact::query(&request.query);

    let vars = expr::Variables {
        body: Some(expr::Body {
            content: &content,
            raw: &request.body,
        }),
        headers: &headers,
        query: &query,
        claims: proven.claims.as_ref(),
        ..expr::Variables::default()
    };
    let happened_at = identity::time(source, &vars, now)?;
    let key = identity::key(source, request, &proven, &vars)?;
    // A request from a clock ahead of ours stays fresh for longer: its key must outlive it.
    let ahead = [proven.signed_at, happened_at]
        .into_iter()
        .flatten()
        .map(|at| at.since(now))
        .max();
    let key = key.kept_for(source.dedup.saturating_add(ahead.unwrap_or_default()));
    let kind = identity::kind(source, &vars);

    Ok(Event {
        id: EventId::at(now),
        source: Arc::clone(&source.name),
        key,
        kind,
        received_at: now,
        peer: request.peer.clone(),
        headers,
        query,
        claims: proven.claims,
        body: request.body.clone(),
        content,
        secret: proven.secret,
        item: None,
    })
}

fn prove(source: &Source, request: &WebhookRequest, now: Timestamp) -> Result<Proven, Refusal> {
    match &source.proof {
        Proof::Signature(scheme) => scheme.verify(request, source.dedup, now).map(Into::into),
        Proof::Scheme(scheme) => {
            let retention = source.dedup;
            let seal = scheme.verify(request, Moment { now, retention })?;
            Ok(seal.into())
        }
        Proof::Token { issuers, keys } => {
            let trust = Trust {
                issuers,
                keys: keys.as_deref(),
            };
            let token = trust.verify(token::bearer(&request.headers)?, now)?;
            Ok(Proven {
                issuer: Some(token.iss),
                subject: token.subject,
                claims: Some(token.claims),
                ..Proven::default()
            })
        }
        Proof::None => Ok(Proven::default()),
    }
}

#[cfg(test)]
mod tests;
