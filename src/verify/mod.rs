//! Is it authentic? Turns a [`WebhookRequest`] into an `Event`, or refuses.
//!
//! Pure: no async, no I/O, no clock. The body of a request cannot be read outside this module: only
//! an `Event`, which only [`authenticate`] makes, shows it. May import `expr`, `token` and below.

pub mod providers;
pub mod scheme;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::clock::Timestamp;
use crate::event::Event;
use crate::expr::Expr;
use crate::token::{self, Issuer};

/// A request as it came in. Its body stays closed until the proof holds.
pub struct WebhookRequest {
    headers: HeaderMap,
    query: String,
    peer: String,
    body: Bytes,
}

impl WebhookRequest {
    #[must_use]
    pub fn new(headers: HeaderMap, query: String, peer: String, body: Bytes) -> Self {
        Self {
            headers,
            query,
            peer,
            body,
        }
    }
}

/// One `[sources.NAME]`, compiled.
#[derive(Debug)]
pub struct Source {
    pub name: Arc<str>,
    pub provider: Arc<str>,
    pub proof: Proof,
    pub body: BodyRule,
    pub key: Option<Expr>,
    pub kind: Option<Expr>,
    pub time: Option<Expr>,
    /// Retention of dedup keys.
    pub dedup: Duration,
    /// Verified but unrouted is refused with 404.
    pub refuse_unrouted: bool,
}

#[derive(Debug)]
pub enum Proof {
    Signature(scheme::Scheme),
    Token(Arc<Issuer>),
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

/// Why a request is refused. The caller learns the class only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Token(#[from] token::Refusal),
    #[error("unknown")]
    Other,
}

pub fn authenticate(
    _source: &Source,
    _request: &WebhookRequest,
    _now: Timestamp,
) -> Result<Event, Refusal> {
    unimplemented!()
}
