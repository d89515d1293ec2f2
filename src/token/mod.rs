//! A JSON Web Token against a set of keys (RFC 7519, 7515, 7517). Pure: time is an argument.
//!
//! Says whether a token is good and what it claims, nothing about what its bearer may do. Only the
//! issuer's own key set is believed: `jwk`, `jku` and `x5u` of a token are never looked at. May import
//! `expr`, `event` and what lies below it.

mod bearer;
mod claims;
mod jws;
pub mod keys;
mod location;

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::expr::Expr;
pub use bearer::{BearerFault, bearer};
pub use keys::{KeyRing, KeySet};
pub use location::{Location, LocationFault};

/// One `[issuers.NAME]`, compiled.
#[derive(Debug)]
pub struct Issuer {
    pub name: Arc<str>,
    /// Expected `iss`.
    pub issuer: String,
    /// One of these must stand in `aud`.
    pub audience: Vec<String>,
    /// Names such as `RS256`.
    pub algorithms: Vec<Algorithm>,
    pub keys: Location,
    pub ring: KeyRing,
    /// CEL over `claims`: a list of text, or text with spaces between.
    pub roles: Option<Expr>,
}

/// The algorithms that an issuer may use. `none` and the shared-secret ones are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name as it stands in a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The exact spelling only.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// A good token.
#[derive(Clone, Debug)]
pub struct Token {
    /// `sub`; empty where the token has none.
    pub subject: String,
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
}

impl Refusal {
    /// Fresh keys of the issuer could turn this into a yes.
    #[must_use]
    pub const fn wants_keys(&self) -> bool {
        matches!(self, Self::UnknownKey(_) | Self::NoKeys)
    }
}

/// Checks signature, `exp`, `nbf`, `iss`, `aud`, `crit` and the issuer's algorithms; leeway 30 s.
///
/// Claims are read only once the signature holds.
pub fn verify(token: &str, issuer: &Issuer, now: Timestamp) -> Result<Token, Refusal> {
    let parts = jws::split(token)?;
    let header = jws::header(parts.header)?;
    if !issuer.algorithms.contains(&header.algorithm) {
        return Err(Refusal::Algorithm);
    }
    let keys = issuer.ring.current().ok_or(Refusal::NoKeys)?;
    let key = keys.select(header.kid.as_deref(), header.algorithm)?;
    if !key.verifies(parts.message, parts.signature, header.algorithm) {
        return Err(Refusal::BadSignature);
    }
    let claims = jws::payload(parts.payload)?;
    claims::check(&claims, issuer, now)?;
    Ok(Token {
        subject: claims::subject(&claims)?,
        claims,
    })
}

#[cfg(test)]
mod tests;
