//! A token as somebody's signature alone: whose key made it, and nothing of what it says.
//!
//! For issuers the claims are checked as `verify` says; a provider that signs its webhooks with tokens has rules of its own.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Algorithm, KeyRing, KeySet, Location, Refusal, jws, keys};
use crate::secret::Secret;

/// Public keys that somebody publishes: where they stand, and those that have been fetched.
#[derive(Clone, Debug)]
pub struct PublishedKeys {
    pub location: Location,
    pub ring: KeyRing,
}

impl PublishedKeys {
    /// None fetched yet.
    #[must_use]
    pub fn at(location: Location) -> Self {
        Self {
            location,
            ring: KeyRing::default(),
        }
    }
}

/// The claims of a token that a key of one of these sets signed, and which set that is. What they say is the caller's to
/// judge. No set at all: the keys have not been fetched yet.
pub fn signed_claims(
    token: &str,
    algorithms: &[Algorithm],
    sets: &[Arc<KeySet>],
) -> Result<(Value, usize), Refusal> {
    let parts = jws::split(token)?;
    let header = jws::header(parts.header)?;
    if !algorithms.contains(&header.algorithm) {
        return Err(Refusal::Algorithm);
    }
    if sets.is_empty() {
        return Err(Refusal::NoKeys);
    }
    let signature = jws::signature(parts.signature)?;
    let kid = header.kid.as_deref();
    let mut refusal = Refusal::NoKeys;
    for (index, set) in sets.iter().enumerate() {
        match set.verify(kid, header.algorithm, parts.message, &signature) {
            Ok(()) => return Ok((jws::payload(parts.payload)?, index)),
            Err(other) => refusal = other,
        }
    }
    Err(refusal)
}

/// A token with these claims, signed with a shared secret; none where the algorithm takes none.
#[must_use]
pub fn sign_shared(claims: &Value, algorithm: Algorithm, secret: &Secret) -> Option<String> {
    let key = hmac::Key::new(keys::hash_of(algorithm)?, secret.expose());
    let header = json!({ "alg": algorithm.name(), "typ": "JWT" });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    Some(format!("{message}.{signature}"))
}
