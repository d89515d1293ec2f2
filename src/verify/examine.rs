//! What the proof of a request rests on, for a person to see: headers, the signed bytes by length and hash, the time.
//!
//! Pure, and for `explain` alone: `serve` never calls it. It says what was signed, never what signature that would
//! give: whoever knows that can forge.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};
use sha2::{Digest, Sha256};

use super::scheme::Scheme;
use super::template::Fields;
use super::{Proof, Refusal, Source, WebhookRequest, body, identity, prove, redact};
use crate::clock::Timestamp;
use crate::event::Content;
use crate::expr;

/// What a proof reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// In the order in which they are asked for.
    pub headers: Vec<String>,
    /// None: nothing is signed, as for a token or no proof at all.
    pub signed: Option<Signed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// How many signatures are offered.
    pub signatures: usize,
    /// As in `{timestamp}.{body}`.
    pub template: String,
    /// Of each piece of the template, in bytes.
    pub lengths: Vec<usize>,
    /// Of all pieces together, in hex.
    pub sha256: String,
    pub time: Option<SignedTime>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTime {
    /// As received.
    pub text: String,
    pub at: Timestamp,
}

/// Reads as [`super::authenticate`] does, and judges nothing.
pub fn reading(source: &Source, request: &WebhookRequest) -> Result<Reading, Refusal> {
    match &source.proof {
        Proof::Signature(scheme) => Ok(Reading {
            headers: headers(scheme, request).map(ToString::to_string).collect(),
            signed: Some(signed(scheme, request)?),
        }),
        Proof::Token { .. } => Ok(Reading {
            headers: vec![AUTHORIZATION.to_string()],
            signed: None,
        }),
        Proof::Scheme(_) | Proof::None => Ok(Reading::default()),
    }
}

fn headers<'s>(
    scheme: &'s Scheme,
    request: &WebhookRequest,
) -> impl Iterator<Item = &'s HeaderName> {
    scheme.names_in(request).all()
}

fn signed(scheme: &Scheme, request: &WebhookRequest) -> Result<Signed, Refusal> {
    let offer = scheme.offer(request)?;
    let mut hash = Sha256::new();
    let mut lengths = Vec::new();
    for piece in scheme.signed.render(offer.fields) {
        hash.update(piece);
        lengths.push(piece.len());
    }
    let time = offer.at.map(|at| SignedTime {
        text: offer.fields.timestamp.to_owned(),
        at,
    });
    Ok(Signed {
        signatures: offer.signatures.len(),
        template: written(scheme),
        lengths,
        sha256: hex::encode(hash.finalize()),
        time,
    })
}

/// The template as the routing file writes it: each name stands for itself.
fn written(scheme: &Scheme) -> String {
    let names = Fields {
        body: b"{body}",
        timestamp: "{timestamp}",
        id: "{id}",
    };
    let bytes: Vec<u8> = scheme.signed.render(names).flatten().copied().collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The time of a request by its own word: the signed one, else the event's. None where the proof does not hold, or
/// tells no time. A capture that is stale today was fresh then.
#[must_use]
pub fn own_time(source: &Source, request: &WebhookRequest) -> Option<Timestamp> {
    if let Proof::Signature(scheme) = &source.proof
        && let Some(at) = scheme.offer(request).ok()?.at
    {
        return Some(at);
    }
    let expr = source.time.as_ref()?;
    // Without a signed time a signature holds at any time.
    let proven = prove(source, request, Timestamp::default()).ok()?;
    let content = body::read(&request.headers, &request.body, source.body).ok()?;
    let own = source.credentials();
    let headers = redact::headers(&request.headers, own.headers);
    let query = redact::query(&request.query, own.parameters);
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
    identity::instant(&expr.value(&vars).ok()?)
}

/// Whether a kept event still has what proved it: credentials are kept as fingerprints.
#[must_use]
pub fn is_kept(source: &Source) -> bool {
    match &source.proof {
        Proof::Signature(scheme) => !scheme.names.all().any(redact::is_credential),
        Proof::Scheme(scheme) => {
            let own = scheme.credentials();
            own.headers.is_empty() && own.parameters.is_empty()
        }
        Proof::Token { .. } | Proof::None => false,
    }
}

/// A body that was proven when it came, as the source reads bodies now.
pub fn content(source: &Source, headers: &HeaderMap, kept: &Bytes) -> Result<Content, Refusal> {
    body::read(headers, kept, source.body)
}
