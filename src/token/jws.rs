//! The compact form of a token: three base64url parts, a header, a payload.
//!
//! Takes text apart and nothing more; whether any of it is true is decided elsewhere in `token`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::{Map, Value};

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
    let fault = "the header is not JSON in base64url, each name once";
    let bytes = decode(encoded, fault)?;
    let Members(header) = serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed(fault))?;
    if header.contains_key("crit") {
        return Err(Refusal::Critical);
    }
    if !is_access_token(header.get("typ")) {
        return Err(Refusal::Kind);
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

/// An object; of a name that stands twice the last value counts (RFC 7519 §4).
pub(super) fn payload(encoded: &str) -> Result<Value, Refusal> {
    let fault = "the payload is not JSON in base64url";
    serde_json::from_slice(&decode(encoded, fault)?)
        .ok()
        .filter(Value::is_object)
        .ok_or(Refusal::Malformed(fault))
}

pub(super) fn signature(encoded: &str) -> Result<Vec<u8>, Refusal> {
    decode(encoded, "the signature is not base64url")
}

/// A stranger's `kid`, cut to a length that a log bears.
pub(super) fn shown(kid: &str) -> String {
    kid.chars().take(MAX_KID_SHOWN).collect()
}

/// Absent, `JWT`, or the media type of RFC 9068: a logout token, an event or a proof of possession is signed
/// with the same keys and must not pass for an access token.
fn is_access_token(typ: Option<&Value>) -> bool {
    let Some(typ) = typ else { return true };
    typ.as_str().is_some_and(|typ| {
        let typ = typ.to_ascii_lowercase();
        matches!(
            typ.strip_prefix("application/").unwrap_or(&typ),
            "jwt" | "at+jwt"
        )
    })
}

fn decode(encoded: &str, fault: &'static str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| Refusal::Malformed(fault))
}

/// The members of a header. A name that stands twice is refused (RFC 7515 §4): two readers could each take
/// another one.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Unique)
    }
}

struct Unique;

impl<'de> Visitor<'de> for Unique {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object, each name once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name stands twice"));
            }
        }
        Ok(Members(members))
    }
}
