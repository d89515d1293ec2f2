//! From a token's claims to roles, by the `roles` of its issuer; and what roles allow.

use serde_json::Value;

use super::Issuer;
use crate::expr::Variables;

/// In `allow`: any caller with a valid token. Of a caller it is no role.
pub const ANYONE: &str = "*";

/// Whether one of the caller's roles is allowed.
#[must_use]
pub fn allows(allow: &[String], roles: &[String]) -> bool {
    allow
        .iter()
        .any(|allowed| allowed == ANYONE || roles.contains(allowed))
}

impl Issuer {
    /// Claims that hold no roles, or not in the form that the issuer's `roles` promises, give none.
    #[must_use]
    pub fn roles_in(&self, claims: &Value) -> Vec<String> {
        let variables = Variables {
            claims: Some(claims),
            ..Variables::default()
        };
        self.roles
            .as_ref()
            .and_then(|expr| expr.value(&variables).ok())
            .map_or_else(Vec::new, |value| read(&value))
    }
}

/// A list of text, or text with spaces between. One element that is no text spoils the list: a
/// half-understood list of roles is not to be acted on.
fn read(value: &Value) -> Vec<String> {
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
        assert_eq!(read(&json!(["ops", "support"])), ["ops", "support"]);
        assert_eq!(read(&json!(" ops  support ")), ["ops", "support"]);
    }

    #[test]
    fn anything_else_gives_no_role() {
        for value in [
            json!(null),
            json!(7),
            json!({"ops": true}),
            json!(["ops", 7]),
        ] {
            assert!(read(&value).is_empty(), "{value}");
        }
    }
}
