//! Which event a proven request is: its key, its type and its time (DESIGN §2, Duplicates).
//!
//! Expressions see the request as it is kept, with credentials as fingerprints.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Proven, Refusal, Source, WebhookRequest, freshness};
use crate::clock::Timestamp;
use crate::event::DedupKey;
use crate::expr::Variables;

/// A longer key is refused: keys are stored and indexed as they are.
const MAX_KEY_BYTES: usize = 1024;
/// A number of at least this many seconds (the year 5138) is taken as milliseconds.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// A key before it is known how long it is kept.
pub(super) struct Key {
    text: String,
    digest: bool,
    strict: bool,
}

impl Key {
    pub(super) fn kept_for(self, retention: Duration) -> DedupKey {
        DedupKey {
            text: self.text,
            digest: self.digest,
            retention,
            strict: self.strict,
        }
    }

    /// By the source's own expression, if it has one.
    pub(super) fn stated(source: &Source, vars: &Variables<'_>) -> Result<Option<Self>, Refusal> {
        let Some(expr) = &source.key else {
            return Ok(None);
        };
        match expr.text(vars) {
            Ok(text) => Self::given(text, false).map(Some),
            // A preset's expression says `null` for those of the provider's events that have no id.
            Err(_) if source.may_lack_a_key() && expr.value(vars).is_ok_and(|it| it.is_null()) => {
                Ok(None)
            }
            Err(fault) => Err(Refusal::NoKey(fault.to_string())),
        }
    }

    fn given(text: String, strict: bool) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::NoKey("it is empty".to_owned()));
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(Refusal::NoKey(format!(
                "it is longer than {MAX_KEY_BYTES} bytes"
            )));
        }
        Ok(Self {
            text,
            digest: false,
            strict,
        })
    }

    fn digest_of(parts: &[&[u8]]) -> Self {
        Self {
            text: digest(parts),
            digest: true,
            strict: false,
        }
    }
}

/// `body` is the event's own; `number` counts it among several.
pub(super) fn key(
    source: &Source,
    request: &WebhookRequest,
    proven: &Proven,
    (body, number): (&[u8], Option<usize>),
    vars: &Variables<'_>,
) -> Result<Key, Refusal> {
    if let Some(key) = Key::stated(source, vars)? {
        return Ok(key);
    }
    let Some(issuer) = &proven.issuer else {
        // Where several bodies read as one, what was signed is what tells two events apart.
        let signed = proven.digest.filter(|_| number.is_none());
        let digest = signed.unwrap_or_else(|| Sha256::digest(body).into());
        return Ok(Key {
            text: hex::encode(digest),
            digest: true,
            strict: false,
        });
    };
    let caller = [issuer.as_bytes(), proven.subject.as_bytes()];
    match idempotency_key(request)? {
        Some(given) => {
            // One key for the request, and so one of its own for each of its events.
            let number = number.map(usize::to_be_bytes);
            let mut parts = vec![caller[0], caller[1], given.as_bytes()];
            parts.extend(number.as_ref().map(<[u8; _]>::as_slice));
            Key::given(digest(&parts), true)
        }
        None => Ok(Key::digest_of(&[
            caller[0],
            caller[1],
            request.query.as_bytes(),
            body,
        ])),
    }
}

/// A type that is not to be had is the empty one: the event is kept, and no route names it.
pub(super) fn kind(source: &Source, vars: &Variables<'_>) -> String {
    source
        .kind
        .as_ref()
        .and_then(|expr| expr.text(vars).ok())
        .unwrap_or_default()
}

/// When the event happened by its own word; refused where that is older than keys are kept.
pub(super) fn time(
    source: &Source,
    vars: &Variables<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(expr) = &source.time else {
        return Ok(None);
    };
    let value = expr
        .value(vars)
        .map_err(|fault| Refusal::NoTime(fault.to_string()))?;
    let at = instant(&value).ok_or_else(|| {
        Refusal::NoTime("neither RFC 3339 nor Unix seconds or milliseconds".to_owned())
    })?;
    freshness::stated(at, source.dedup, now)?;
    Ok(Some(at))
}

pub(super) fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            Timestamp::parse_rfc3339(text).or_else(|| text.parse().ok().map(unix))
        }
        Value::Number(number) => number.as_i64().map(unix).or_else(|| {
            let seconds = number.as_f64()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the cast saturates, and far beyond any clock all times are alike"
            )]
            let millis = (seconds * 1000.0).floor() as i64;
            Some(Timestamp::from_millis(millis))
        }),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn unix(number: i64) -> Timestamp {
    if number >= FIRST_MILLIS {
        Timestamp::from_millis(number)
    } else {
        Timestamp::from_seconds(number)
    }
}

fn idempotency_key(request: &WebhookRequest) -> Result<Option<&str>, Refusal> {
    let mut copies = request.headers.get_all("idempotency-key").iter();
    let Some(value) = copies.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| !text.trim().is_empty());
    match (text, copies.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => Err(Refusal::NoKey(
            "`Idempotency-Key` must be one header of plain text".to_owned(),
        )),
    }
}

/// SHA-256 in hex over the parts, each with its length before it, so that none runs into the next.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_is_read_in_each_of_its_forms() {
        let at = Timestamp::from_seconds(1_785_585_600);
        for value in [
            json!("2026-08-01T12:00:00Z"),
            json!(1_785_585_600),
            json!(1_785_585_600_000_i64),
            json!("1785585600"),
            json!(1_785_585_600.0),
        ] {
            assert_eq!(instant(&value), Some(at), "{value}");
        }
        for value in [json!("yesterday"), json!(null), json!([1]), json!(true)] {
            assert_eq!(instant(&value), None, "{value}");
        }
    }

    #[test]
    fn parts_of_a_digest_do_not_run_together() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"a", b""]), digest(&[b"a"]));
    }
}
