//! A scheme that is not data: what `Scheme` is for an HMAC over a template, for everything else.
//!
//! One implementation for each mechanism, made by the preset's `build` from what the source gives. As for
//! all of `verify`: no I/O and no clock; keys that must be fetched are named by [`Verifier::wants`], fetched
//! by the caller, and looked up again. Everything is read exactly or refused, and no text of a secret or of
//! a request appears in a refusal.

use std::fmt;
use std::time::Duration;

use http::header::HeaderName;
use serde_json::Value;

use super::certificates::Certificates;
use super::{Refusal, WebhookRequest};
use crate::clock::Timestamp;
use crate::token::{KeyService, Location, PublishedKeys};

/// When a request is judged, and for how long its key will be kept.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Timestamp,
    /// A signed time older than this is refused whatever the vendor's tolerance.
    pub retention: Duration,
}

/// What a proof has shown beyond that it holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seal {
    /// Which secret (or public key) matched, counted from 0.
    pub secret: Option<usize>,
    /// The signed time.
    pub signed_at: Option<Timestamp>,
    /// What a signed token says, where the proof is one.
    pub claims: Option<Value>,
    /// SHA-256 of what was signed, where several bodies read as the same signed text, or several events have one body: then two
    /// requests are equal if these are, and a captured one written differently is no new event.
    pub digest: Option<[u8; 32]>,
}

/// A request to be signed like the provider does.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub body: &'a [u8],
    /// For schemes that sign an id.
    pub id: &'a str,
    pub now: Timestamp,
}

/// What the provider would send instead of the draft's bare body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    pub headers: Vec<(String, String)>,
    /// Where the signature stands in the body.
    pub body: Option<Vec<u8>>,
    /// Where it stands in the address: to be appended as a query.
    pub query: Option<String>,
}

/// What has to be fetched for a proof.
#[derive(Clone, Debug)]
pub enum Wanted {
    Keys(Location),
    /// A certificate by its address, to be put where the scheme looks for it.
    Certificate {
        url: String,
        kept: Certificates,
        /// Hosts of authorities, from which the issuer's certificate may be fetched where the address holds the signer's
        /// alone.
        authorities: &'static [&'static str],
    },
    /// One key by its id, of a provider that hands keys out singly.
    Key {
        service: KeyService,
        kid: String,
    },
}

/// A way to prove who sent a request.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// The first doubt is a refusal. The signature is judged before the signed time, so that a stranger
    /// cannot learn our clock.
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal>;

    /// Signs with the first secret; none where only the provider holds the key.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed>;

    /// Whether a proof covers the whole body, where the settings of the source have a say in that.
    fn binds_body(&self) -> bool {
        true
    }

    /// What this request's proof needs that is kept elsewhere. Fetched after [`Refusal::wants_keys`], whereupon
    /// the request is judged once more. Only an address that the scheme allows is named.
    fn wants(&self, request: &WebhookRequest) -> Option<Wanted> {
        let _ = request;
        None
    }

    /// Where a request carries a secret as it is: kept as a fingerprint only (P2).
    fn credentials(&self) -> Credentials<'_> {
        Credentials::default()
    }

    /// The address that a proof covers, as the source gives it; none where it covers none.
    fn address(&self) -> Option<String> {
        None
    }

    /// The same keys for a provider that calls another address, or none; for `diagnosis` alone. What the scheme takes of
    /// a request stays: `query` is for one that takes nothing.
    fn moved(&self, address: &str, query: &str) -> Option<Box<dyn Verifier>> {
        let _ = (address, query);
        None
    }

    /// Keys that are to be at hand before the first request.
    fn keys(&self) -> Option<&PublishedKeys> {
        None
    }
}

/// Where a request carries secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    pub headers: &'a [HeaderName],
    /// Of the query, by their exact names.
    pub parameters: &'a [String],
}

impl Credentials<'_> {
    /// The proof is a secret that travels along, and so covers nothing else.
    #[must_use]
    pub const fn any(&self) -> bool {
        !self.headers.is_empty() || !self.parameters.is_empty()
    }
}
