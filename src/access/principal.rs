//! A caller whose token was good, and the roles that its issuer's claims give.
//!
//! Whether the token was good is `token`'s word; what the roles allow is the rule's. May import
//! `expr`, `token` and what lies below them.

use std::sync::Arc;

use serde_json::Value;

use crate::expr::Variables;
use crate::token::{Issuer, Token};

/// A caller whose token was good.
#[derive(Clone, Debug)]
pub struct Principal {
    pub issuer: Arc<str>,
    pub subject: String,
    pub roles: Vec<String>,
    pub claims: Value,
}

impl Principal {
    /// Claims that hold no roles, or not in the form that the issuer's `roles` promises, give none.
    #[must_use]
    pub fn new(issuer: &Issuer, token: Token) -> Self {
        let variables = Variables {
            claims: Some(&token.claims),
            ..Variables::default()
        };
        let roles = issuer
            .roles
            .as_ref()
            .and_then(|expr| expr.value(&variables).ok())
            .map_or_else(Vec::new, |value| read_roles(&value));
        Self {
            issuer: issuer.name.clone(),
            subject: token.subject,
            roles,
            claims: token.claims,
        }
    }
}

/// A list of text, or text with spaces between. One element that is no text spoils the list: a
/// half-understood list of roles is not to be acted on.
fn read_roles(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn roles_are_a_list_or_text_with_spaces() {
        assert_eq!(read_roles(&json!(["ops", "support"])), ["ops", "support"]);
        assert_eq!(read_roles(&json!(" ops  support ")), ["ops", "support"]);
    }

    #[test]
    fn anything_else_gives_no_role() {
        for value in [
            json!(null),
            json!(7),
            json!({"ops": true}),
            json!(["ops", 7]),
        ] {
            assert!(read_roles(&value).is_empty(), "{value}");
        }
    }
}
