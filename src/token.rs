//! A JSON Web Token against a set of keys (RFC 7519, 7515, 7517). Pure: time is an argument.
//!
//! Says whether a token is good and what it claims, nothing about what its bearer may do.
//! May import `event` and what lies below it.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Timestamp;

/// Public keys by `kid`.
#[derive(Debug, Default)]
pub struct KeySet {}

/// Where an issuer's keys stand; filled by `jwks`, read by everybody. Empty until the first fetch.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Arc<arc_swap::ArcSwapOption<KeySet>>);

impl KeyRing {
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.0.load_full()
    }
    pub fn replace(&self, keys: Arc<KeySet>) {
        self.0.store(Some(keys));
    }
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// https, or http on loopback.
    Url(String),
    File(std::path::PathBuf),
}

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
    pub roles: Option<crate::expr::Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A good token.
#[derive(Clone, Debug)]
pub struct Token {
    pub subject: String,
    pub claims: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the key {0:?} is not in the issuer's set")]
    UnknownKey(String),
    #[error("the issuer's keys have not been fetched yet")]
    NoKeys,
    // … one variant for each class; helpers add
}

/// Checks signature, `exp`, `nbf`, `iss`, `aud`, `crit` and the issuer's algorithms; leeway 30 s.
pub fn verify(_token: &str, _issuer: &Issuer, _now: Timestamp) -> Result<Token, Refusal> {
    unimplemented!()
}

impl KeySet {
    /// Reads a JWKS document; keys of unknown kinds are skipped.
    pub fn from_jwks(_json: &[u8]) -> Result<Self, String> {
        unimplemented!()
    }
}
