//! The registered claims: who issued the token, for whom, and when it holds.
//!
//! Numbers may be fractions (RFC 7519 NumericDate); they are compared in whole milliseconds.

use std::time::Duration;

use serde_json::Value;

use super::{Issuer, Refusal};
use crate::clock::Timestamp;

/// How far the issuer's clock may be from ours.
const LEEWAY: Duration = Duration::from_secs(30);

pub(super) fn check(claims: &Value, issuer: &Issuer, now: Timestamp) -> Result<(), Refusal> {
    date(claims, "exp")?.ok_or(Refusal::NoExpiry)?;
    lifetime(claims, now)?;
    if claims.get("iss").and_then(Value::as_str) != Some(issuer.issuer.as_str()) {
        return Err(Refusal::WrongIssuer);
    }
    if !is_for(claims.get("aud"), &issuer.audience) {
        return Err(Refusal::WrongAudience);
    }
    if !issuer.parties.is_empty() && !is_party(claims.get("azp"), &issuer.parties) {
        return Err(Refusal::WrongParty);
    }
    if is_of_another_kind(claims.get("typ")) {
        return Err(Refusal::Kind);
    }
    Ok(())
}

/// `exp` and `nbf`, where the token has them; leeway 30 s.
pub fn lifetime(claims: &Value, now: Timestamp) -> Result<(), Refusal> {
    if date(claims, "exp")?.is_some_and(|end| now >= end.plus(LEEWAY)) {
        return Err(Refusal::Expired);
    }
    if date(claims, "nbf")?.is_some_and(|start| start > now.plus(LEEWAY)) {
        return Err(Refusal::NotYet);
    }
    Ok(())
}

fn is_party(azp: Option<&Value>, parties: &[String]) -> bool {
    let azp = azp.and_then(Value::as_str);
    azp.is_some_and(|azp| parties.iter().any(|ours| ours == azp))
}

/// Some issuers sign every kind of token with one key and the header `JWT`, and tell them apart by a claim.
fn is_of_another_kind(typ: Option<&Value>) -> bool {
    matches!(
        typ.and_then(Value::as_str),
        Some("ID" | "Refresh" | "Offline" | "Logout")
    )
}

pub(super) fn subject(claims: &Value) -> Result<String, Refusal> {
    match claims.get("sub") {
        None => Ok(String::new()),
        Some(Value::String(subject)) => Ok(subject.clone()),
        Some(_) => Err(Refusal::Malformed("`sub` is not text")),
    }
}

fn is_for(aud: Option<&Value>, audience: &[String]) -> bool {
    let named = |value: &Value| {
        value
            .as_str()
            .is_some_and(|one| audience.iter().any(|ours| ours == one))
    };
    match aud {
        Some(Value::Array(list)) => list.iter().any(named),
        Some(one) => named(one),
        None => false,
    }
}

/// A claim that is a NumericDate; none where the token lacks it.
pub fn date(claims: &Value, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(Refusal::Malformed("a date is not a number")),
    };
    if let Some(seconds) = number.as_i64() {
        return Ok(Some(Timestamp::from_seconds(seconds)));
    }
    let seconds = number
        .as_f64()
        .ok_or(Refusal::Malformed("a date is not a number"))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and beyond either end of i64 every comparison comes out the same"
    )]
    let millis = (seconds * 1000.0).floor() as i64;
    Ok(Some(Timestamp::from_millis(millis)))
}
