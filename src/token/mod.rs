//! A bearer token: a JSON Web Token against a set of keys (RFC 7519, 7515, 7517), or an API key against
//! hashes. Pure: time is an argument.
//!
//! Says whether a token is good and what it claims, nothing about what its bearer may do. Only the
//! issuer's own key set is believed: `jwk`, `jku` and `x5u` of a token are never looked at. May import
//! `expr`, `event` and what lies below it.

mod algorithm;
pub mod api_keys;
mod bearer;
mod claims;
mod jws;
pub mod keys;
mod location;
mod roles;
mod service;
mod signed;
mod trust;

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::expr::Expr;
pub use algorithm::Algorithm;
pub use api_keys::{ApiKey, KeyTable};
pub use bearer::{BearerFault, bearer};
pub use claims::{date, lifetime};
pub use keys::{KeyRing, KeySet};
pub use location::{Location, LocationFault, metadata_of};
pub use roles::{ANYONE, allows};
pub use service::{Answer, KeyService, ServedKeys, key_id};
pub use signed::{PublishedKeys, sign_shared, signed_claims};
pub use trust::{API_KEYS, Speaker, Trust};

/// One `[issuers.NAME]`, compiled.
#[derive(Debug)]
pub struct Issuer {
    pub name: Arc<str>,
    /// Expected `iss`.
    pub issuer: String,
    /// One of these must stand in `aud`.
    pub audience: Vec<String>,
    /// One of these must be `azp`; empty: whatever it is.
    pub parties: Vec<String>,
    /// Either all with a shared secret or none.
    pub algorithms: Vec<Algorithm>,
    /// Where public keys come from. None: shared secrets, which are in the ring from the start.
    pub keys: Option<Location>,
    pub ring: KeyRing,
    /// CEL over `claims`: a list of text, or text with spaces between.
    pub roles: Option<Expr>,
}

/// A good token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The name of the issuer that judged it, or [`API_KEYS`].
    pub issuer: Arc<str>,
    /// The issuer's own name of itself, `iss`; empty for an API key.
    pub iss: String,
    /// `sub`, empty where the token has none; an API key's name.
    pub subject: String,
    pub roles: Vec<String>,
    /// Of an API key: `sub` alone.
    pub claims: Value,
}

/// Why a token is refused. The text goes to the log: it quotes no claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the token is longer than {} bytes", jws::MAX_BYTES)]
    TooLong,
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    #[error("the token's algorithm is not one that the issuer allows")]
    Algorithm,
    #[error("the token names critical extensions (`crit`)")]
    Critical,
    #[error("the token's `typ` is not that of an access token")]
    Kind,
    /// The issuer may have published it since: ask for the keys again, then once more.
    #[error("the key {0:?} is not in the issuer's set")]
    UnknownKey(String),
    #[error("the token names no key, and the issuer's set has not exactly one for its algorithm")]
    NoKid,
    #[error("the key that the token names is for another algorithm")]
    UnfitKey,
    #[error("the issuer's keys have not been fetched yet")]
    NoKeys,
    #[error("the token's signature does not match")]
    BadSignature,
    #[error("the token has no `exp`")]
    NoExpiry,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token's `iss` is not the issuer's")]
    WrongIssuer,
    #[error("the token is not for this audience")]
    WrongAudience,
    #[error("the token was issued to another party (`azp`)")]
    WrongParty,
    #[error("there is no such API key")]
    UnknownApiKey,
}

impl Refusal {
    /// Fresh keys of the issuer could turn this into a yes.
    #[must_use]
    pub const fn wants_keys(&self) -> bool {
        matches!(self, Self::UnknownKey(_) | Self::NoKeys)
    }
}

/// Checks signature, `exp`, `nbf`, `iss`, `aud`, `azp`, `typ`, `crit` and the issuer's algorithms; leeway 30 s.
///
/// Claims are read only once the signature holds.
pub fn verify(token: &str, issuer: &Issuer, now: Timestamp) -> Result<Token, Refusal> {
    let keys = issuer.ring.current();
    let (claims, _) = signed_claims(token, &issuer.algorithms, keys.as_slice())?;
    claims::check(&claims, issuer, now)?;
    Ok(Token {
        issuer: issuer.name.clone(),
        iss: issuer.issuer.clone(),
        subject: claims::subject(&claims)?,
        roles: issuer.roles_in(&claims),
        claims,
    })
}

#[cfg(test)]
mod tests;
