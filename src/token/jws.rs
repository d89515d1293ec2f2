//! The compact form of a token: three base64url parts, a header, a payload.
//!
//! Takes text apart and nothing more; whether any of it is true is decided elsewhere in `token`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Algorithm, Refusal};

/// Tokens come in a header field; no honest one is longer.
pub(super) const MAX_BYTES: usize = 16 * 1024;
/// As much of a foreign `kid` as an error repeats.
const MAX_KID_SHOWN: usize = 64;

/// A token's parts, still encoded.
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
    /// `header.payload`, which is what is signed.
    pub(super) message: &'a [u8],
}

/// What of a header counts.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

pub(super) fn split(token: &str) -> Result<Parts<'_>, Refusal> {
    if token.len() > MAX_BYTES {
        return Err(Refusal::TooLong);
    }
    let parts = Refusal::Malformed("not three parts");
    let (message, signature) = token.rsplit_once('.').ok_or_else(|| parts.clone())?;
    let (header, payload) = message.split_once('.').ok_or_else(|| parts.clone())?;
    if payload.contains('.') {
        return Err(parts);
    }
    Ok(Parts {
        header,
        payload,
        signature,
        message: message.as_bytes(),
    })
}

pub(super) fn header(encoded: &str) -> Result<Header, Refusal> {
    let header = object(encoded, "the header is not JSON in base64url")?;
    if header.get("crit").is_some() {
        return Err(Refusal::Critical);
    }
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::from_name)
        .ok_or(Refusal::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(Refusal::Malformed("`kid` is not text")),
    };
    Ok(Header { algorithm, kid })
}

pub(super) fn payload(encoded: &str) -> Result<Value, Refusal> {
    object(encoded, "the payload is not JSON in base64url")
}

/// A stranger's `kid`, cut to a length that a log bears.
pub(super) fn shown(kid: &str) -> String {
    kid.chars().take(MAX_KID_SHOWN).collect()
}

fn object(encoded: &str, fault: &'static str) -> Result<Value, Refusal> {
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| Refusal::Malformed(fault))?;
    serde_json::from_slice(&bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or(Refusal::Malformed(fault))
}
