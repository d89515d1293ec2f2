//! A caller whose token was good, and the roles that its issuer gives.
//!
//! Whether the token was good is `token`'s word; what the roles allow is the rule's. May import `token`
//! and what lies below it.

use std::sync::Arc;

use serde_json::Value;

use crate::token::Token;

/// A caller whose token was good.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The name of an issuer, or `keys` for the API keys.
    pub issuer: Arc<str>,
    pub subject: String,
    pub roles: Vec<String>,
    pub claims: Value,
}

impl From<Token> for Principal {
    fn from(token: Token) -> Self {
        Self {
            issuer: token.issuer,
            subject: token.subject,
            roles: token.roles,
            claims: token.claims,
        }
    }
}
