//! Whose word is taken where a bearer token is asked for: some issuers, the API keys, or both.
//!
//! Picks who judges a token, and nothing else: an issuer by the `iss` that the token claims to be of, which
//! is then checked with that issuer's own keys. What a token names is never fetched.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::api_keys::{self, KeyTable};
use super::{Issuer, Location, Refusal, Token, jws, verify};
use crate::clock::Timestamp;

/// As an issuer's name: the API keys. No `[issuers.NAME]` may be called so.
pub const API_KEYS: &str = "keys";

/// What a rule or source trusts, borrowed from the plan.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// No two with one `iss`: the plan refuses such a list.
    pub issuers: &'a [Arc<Issuer>],
    /// None: API keys are not taken.
    pub keys: Option<&'a KeyTable>,
}

/// Whom claims that were proven once speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The name of an issuer, or [`API_KEYS`].
    pub issuer: Arc<str>,
    pub subject: String,
    pub roles: Vec<String>,
}

/// As it stands in audit lines.
impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.issuer, self.subject)
    }
}

impl<'a> Trust<'a> {
    /// Checks a bearer token, of whichever kind.
    pub fn verify(&self, text: &str, now: Timestamp) -> Result<Token, Refusal> {
        if api_keys::is_meant(text) {
            return self.key(text, now);
        }
        verify(text, self.issuer_of(text)?, now)
    }

    /// The issuer that is to judge a token: the only one, or the one that its `iss` names.
    pub fn issuer_of(&self, text: &str) -> Result<&'a Arc<Issuer>, Refusal> {
        match self.issuers {
            // An API key that lacks its prefix is none.
            [] => Err(Refusal::UnknownApiKey),
            [only] => Ok(only),
            several => {
                let claims = jws::payload(jws::split(text)?.payload)?;
                let iss = claims.get("iss").and_then(Value::as_str);
                several
                    .iter()
                    .find(|issuer| Some(issuer.issuer.as_str()) == iss)
                    .ok_or(Refusal::WrongIssuer)
            }
        }
    }

    /// Where the keys come from that could turn a refusal of this token into a yes.
    #[must_use]
    pub fn keys_for(&self, text: &str) -> Option<&'a Location> {
        if api_keys::is_meant(text) {
            return None;
        }
        self.issuer_of(text).ok()?.keys.as_ref()
    }

    /// Of claims that were proven under this trust, now or long ago: for rules of now on an event of then. None
    /// where nobody of now vouches for them.
    #[must_use]
    pub fn speaker(&self, claims: &Value) -> Option<Speaker> {
        let subject = claims["sub"].as_str().unwrap_or_default().to_owned();
        // Only claims of an API key have no `iss`.
        let Some(iss) = claims.get("iss") else {
            let key = self.keys?.named(&subject)?;
            return Some(Speaker {
                issuer: API_KEYS.into(),
                subject,
                roles: key.roles.clone(),
            });
        };
        let issuer = self
            .issuers
            .iter()
            .find(|issuer| iss.as_str() == Some(&issuer.issuer))?;
        Some(Speaker {
            issuer: issuer.name.clone(),
            subject,
            roles: issuer.roles_in(claims),
        })
    }

    fn key(&self, text: &str, now: Timestamp) -> Result<Token, Refusal> {
        let keys = self.keys.ok_or(Refusal::UnknownApiKey)?;
        let key = keys.find(text).ok_or(Refusal::UnknownApiKey)?;
        if key.has_expired(now) {
            return Err(Refusal::Expired);
        }
        Ok(Token {
            issuer: API_KEYS.into(),
            iss: String::new(),
            subject: key.name.to_string(),
            roles: key.roles.clone(),
            claims: json!({ "sub": *key.name }),
        })
    }
}
