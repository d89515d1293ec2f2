//! Proof by token: the one `Authorization: Bearer` header, and nothing else, is read.

use http::header::AUTHORIZATION;

use super::{Refusal, WebhookRequest};
use crate::clock::Timestamp;
use crate::token::{self, Issuer, Token};

pub(super) fn verify(
    request: &WebhookRequest,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Token, Refusal> {
    let value = request.required(&AUTHORIZATION)?;
    // The name of the scheme is case-insensitive (RFC 9110 §11.1).
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token)
        .ok_or_else(|| Refusal::Malformed(AUTHORIZATION.to_string()))?;
    Ok(token::verify(token, issuer, now)?)
}
