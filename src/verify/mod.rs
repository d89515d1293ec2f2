//! Is it authentic? Turns a [`WebhookRequest`] into an `Event`, or refuses.
//!
//! Pure: no async, no I/O, no clock. The body of a request cannot be read outside this module: only
//! an `Event`, which only [`authenticate`] makes, shows it. Nothing of a request is parsed before its
//! proof holds, save what the signature itself stands in. May import `expr`, `token` and below.

pub mod answers;
mod body;
pub mod certificates;
pub mod diagnosis;
mod events;
pub mod examine;
mod freshness;
pub mod given;
pub mod handshake;
mod hmac;
mod identity;
mod layout;
mod names;
#[doc(hidden)]
pub mod parsers;
pub mod providers;
mod public_key;
mod redact;
mod refusal;
mod reread;
pub mod scheme;
pub mod schemes;
pub mod spec;
pub mod template;
pub mod verifier;
mod xml;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::event::Event;
use crate::expr::Expr;
use crate::network::Network;
use crate::rate::Rate;
use crate::token::{self, Issuer, KeyTable, PublishedKeys, Speaker, Trust};
use answers::Answers;
use events::Opened;
pub use events::{Arrived, MAX_ITEMS};
use given::Recipe;
use handshake::{Reply, Responder, Unanswered};
use providers::Preset;
pub use refusal::{Class, Refusal};
use verifier::{Credentials, Draft, Moment, Seal, Signed, Verifier, Wanted};

/// A request as it came in. Its body stays closed until the proof holds.
pub struct WebhookRequest {
    method: Method,
    /// As sent, without the question mark. The path is not kept: what is signed is the address that the source names.
    query: String,
    /// A question mark with nothing behind it: some senders sign it, others leave it off.
    bare_mark: bool,
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
            query: target.query().unwrap_or_default().to_owned(),
            bare_mark: target.query() == Some(""),
            headers,
            peer,
            body,
        }
    }

    /// The one copy of a header; a second is a refusal.
    fn one(&self, name: &HeaderName) -> Result<Option<&HeaderValue>, Refusal> {
        let mut copies = self.headers.get_all(name).iter();
        let value = copies.next();
        if copies.next().is_some() {
            return Err(Refusal::DuplicateHeader(name.to_string()));
        }
        Ok(value)
    }

    /// The same as text; bytes that are no text are a refusal.
    fn single(&self, name: &HeaderName) -> Result<Option<&str>, Refusal> {
        self.one(name)?
            .map(HeaderValue::to_str)
            .transpose()
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
    /// The list of events that a request holds; none: it is one. `key`, `kind` and `time` are then of each.
    pub each: Option<Expr>,
    /// Retention of dedup keys.
    pub dedup: Duration,
    /// Verified but unrouted is refused with 404.
    pub refuse_unrouted: bool,
    /// Of verified requests.
    pub rate: Option<Rate>,
    /// Who may send; none: whoever has the proof.
    pub allow_ips: Option<Vec<Network>>,
    /// Bytes, where that is less than the process takes.
    pub max_body: Option<usize>,
    /// Nothing for so long is an alarm.
    pub silence: Option<Duration>,
    /// What the provider expects beyond a proof: handshake and answers.
    pub preset: Option<&'static Preset>,
    /// How the provider asks whether this endpoint is its own.
    pub handshake: Option<Responder>,
    pub answers: Answers,
    /// Of a scheme that is code.
    pub recipe: Option<Recipe>,
}

impl Source {
    #[must_use]
    pub fn takes_from(&self, address: IpAddr) -> bool {
        self.allow_ips
            .as_ref()
            .is_none_or(|networks| networks.iter().any(|network| network.contains(address)))
    }

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

    /// What its requests carry that is kept as a fingerprint only.
    #[must_use]
    pub fn credentials(&self) -> Credentials<'_> {
        match &self.proof {
            Proof::Scheme(scheme) => scheme.credentials(),
            Proof::Signature(_) | Proof::Token { .. } | Proof::None => Credentials::default(),
        }
    }

    /// Keys of the provider's own that are to be at hand before the first request.
    #[must_use]
    pub fn published_keys(&self) -> Option<&PublishedKeys> {
        match &self.proof {
            Proof::Scheme(scheme) => scheme.keys(),
            Proof::Signature(_) | Proof::Token { .. } | Proof::None => None,
        }
    }

    /// A preset's key that is more than a plain path may say `null` for those of the provider's events that have no id.
    fn may_lack_a_key(&self) -> bool {
        let plain = self
            .key
            .as_ref()
            .is_some_and(|key| key.plain_path().is_some());
        self.preset.is_some() && !plain
    }

    /// Methods that it takes, as an `Allow` header says them.
    #[must_use]
    pub fn methods(&self) -> &'static str {
        let handshake = self.handshake.as_ref();
        handshake.map_or("POST", |own| own.handshake.methods())
    }

    #[must_use]
    pub fn takes(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|own| method == own)
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
    /// A form with XML in base64 in it: the fields of the XML are the body's.
    Braintree,
    /// JSON wherever the bytes are; else by the media type. For providers whose event key stands in JSON and that send other
    /// bodies too: the media type is not signed, and must not be able to take an event's key away.
    ByContent,
    /// A list of JSON values: as JSON, or one value on each line; one alone is a list of one. Else by the media type.
    JsonLines,
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
    /// Of what was signed, where that is not the body as it stands.
    digest: Option<[u8; 32]>,
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
            digest: seal.digest,
            ..Self::default()
        }
    }
}

/// What the proof of a request wants that is to be fetched.
#[must_use]
pub fn keys_for(source: &Source, request: &WebhookRequest) -> Option<Wanted> {
    match &source.proof {
        Proof::Scheme(scheme) => scheme.wants(request),
        _ => source
            .trust()?
            .keys_for(token::bearer(&request.headers).ok()?)
            .cloned()
            .map(Wanted::Keys),
    }
}

/// Proves the request, then reads it: its events, or the answer to a handshake. The first doubt ends both.
///
/// On [`Refusal::wants_keys`] the caller may have the issuer's keys fetched and ask once more.
pub fn receive(
    source: &Source,
    request: &WebhookRequest,
    now: Timestamp,
) -> Result<Arrived, Refusal> {
    let opened = Opened::new(source, request, prove(source, request, now)?, now)?;
    if let Some(responder) = &source.handshake
        && let Some(reply) = responder.proven(request, &opened.content, opened.proven.secret)
    {
        return Ok(Arrived::Handshake(reply));
    }
    match &source.each {
        Some(each) => opened.several(each).map(Arrived::Several),
        None => opened.single().map(|event| Arrived::One(Box::new(event))),
    }
}

/// The answer to a handshake that carries no proof; none where the request is none. To be asked before [`receive`].
#[must_use]
pub fn challenge(source: &Source, request: &WebhookRequest) -> Option<Result<Reply, Unanswered>> {
    source.handshake.as_ref()?.unproven(request)
}

/// Judges the proof alone and reads nothing of the request: what a bench times.
pub fn judge(source: &Source, request: &WebhookRequest, now: Timestamp) -> Result<(), Refusal> {
    prove(source, request, now).map(drop)
}

/// The request as one event, whatever else it could be.
pub fn authenticate(
    source: &Source,
    request: &WebhookRequest,
    now: Timestamp,
) -> Result<Event, Refusal> {
    Opened::new(source, request, prove(source, request, now)?, now)?.single()
}

fn prove(source: &Source, request: &WebhookRequest, now: Timestamp) -> Result<Proven, Refusal> {
    match &source.proof {
        Proof::Signature(scheme) => {
            if let Some(own) = &source.handshake
                && own.signs_for_anybody(scheme, request)?
            {
                return Err(Refusal::BadSignature);
            }
            scheme.verify(request, source.dedup, now).map(Into::into)
        }
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
