//! Twilio: the address with its query, then the fields of the form in order; of any other body its
//! hash stands in the query.
//!
//! Form bodies are bound as fields, not as bytes, and nothing stands between a name and its value. So
//! the signed text is what makes two requests equal: a captured one written differently is a duplicate.

use std::sync::Arc;

use http::HeaderName;
use sha2::{Digest, Sha256};

use super::super::given::{Fault, Given};
use super::super::layout::base64_decode;
use super::super::spec::{Algorithm, Encoding, KeyForm};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest, body};
use super::address::Address;
use super::keys::Keys;

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
/// Which key and algorithm made the signature: `key=…,algorithm=HMAC_SHA256`.
const SETTINGS: HeaderName = HeaderName::from_static("x-twilio-webhooks-signature-settings");
const BODY_HASH: &str = "bodySHA256";

#[derive(Debug)]
pub(in crate::verify) struct Twilio {
    keys: Arc<Keys>,
    address: Address,
    /// Signed with a shared key, under SHA-256, in place of the account's token.
    shared_key: bool,
}

impl Twilio {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Self::with(given, Algorithm::Sha1, false)
    }

    pub(in crate::verify) fn build_shared_key(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Self::with(given, Algorithm::Sha256, true)
    }

    fn with(
        given: &Given,
        algorithm: Algorithm,
        shared_key: bool,
    ) -> Result<Box<dyn Verifier>, Fault> {
        Ok(Box::new(Self {
            address: Address::of(given)?,
            keys: Arc::new(Keys::prepare(given, algorithm, KeyForm::Plain)?),
            shared_key,
        }))
    }
}

impl Verifier for Twilio {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let signature = base64_decode(request.required(&SIGNATURE)?)
            .ok_or_else(|| Refusal::Malformed(SIGNATURE.to_string()))?;
        if self.shared_key && !names_sha256(request.required(&SETTINGS)?) {
            return Err(Refusal::Malformed(SETTINGS.to_string()));
        }
        let hash = body_hash(&request.query)?;
        let fields = match hash {
            Some(_) => vec![String::new()],
            None => form(request)?,
        };
        // Whether the port is signed differs from product to product.
        let urls = self.address.signed_with_ports_as(request);
        let secret = urls
            .iter()
            .flat_map(|url| fields.iter().map(move |fields| [url, fields]))
            .find_map(|parts| {
                let parts = parts.map(String::as_bytes);
                self.keys.matching(&parts, &signature)
            })
            .ok_or(Refusal::BadSignature)?;
        if hash.is_some_and(|hash| hash != *Sha256::digest(&request.body)) {
            return Err(Refusal::BadSignature);
        }
        let mut signed = Sha256::new();
        // However the address and the fields were written, it is one event.
        for written in [urls.first(), fields.first()] {
            signed.update(written.map_or("", String::as_str));
        }
        Ok(Seal {
            secret: Some(secret),
            digest: Some(signed.finalize().into()),
            ..Seal::default()
        })
    }

    fn address(&self) -> Option<String> {
        Some(self.address.called(""))
    }

    fn moved(&self, address: &str, _: &str) -> Option<Box<dyn Verifier>> {
        Some(Box::new(Self {
            address: Address::parse(address)?,
            keys: Arc::clone(&self.keys),
            shared_key: self.shared_key,
        }))
    }

    /// A body of JSON is signed by its hash, any other as a form.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(draft.body).is_ok();
        let query = json.then(|| {
            let hash = hex::encode(Sha256::digest(draft.body));
            format!("{BODY_HASH}={hash}")
        });
        let (media, fields) = if json {
            ("application/json", String::new())
        } else {
            ("application/x-www-form-urlencoded", canonical(draft.body))
        };
        let url = self.address.called(query.as_deref().unwrap_or_default());
        let signature = self.keys.sign(&[url.as_bytes(), fields.as_bytes()])?;
        let mut headers = vec![
            (
                SIGNATURE.to_string(),
                Encoding::Base64.encode("", &signature),
            ),
            ("content-type".to_owned(), media.to_owned()),
        ];
        if self.shared_key {
            let settings = "key=webhooks_sharedkey,algorithm=HMAC_SHA256".to_owned();
            headers.push((SETTINGS.to_string(), settings));
        }
        Some(Signed {
            headers,
            query,
            ..Signed::default()
        })
    }
}

/// The text of a form's fields, as each of Twilio's libraries writes it; only a body that says it is a form is read as one.
fn form(request: &WebhookRequest) -> Result<Vec<String>, Refusal> {
    if !request.body.is_empty() && !body::is_form(&request.headers) {
        return Err(Refusal::Malformed("content-type".to_owned()));
    }
    let bytewise = canonical(&request.body);
    // Of characters beyond U+FFFF it matters in what they are sorted: twilio-node's order is that of UTF-16.
    let other = bytewise
        .chars()
        .any(|it| it > '\u{ffff}')
        .then(|| canonical_by(&request.body, |text| text.encode_utf16().collect()));
    let other = other.filter(|other| *other != bytewise);
    Ok(std::iter::once(bytewise).chain(other).collect())
}

/// Names in order, each followed by its value; of a name that repeats the values are in order too, equal ones once.
pub(in crate::verify) fn canonical(form: &[u8]) -> String {
    canonical_by(form, |text| text.as_bytes().to_vec())
}

fn canonical_by<K: Ord>(form: &[u8], key: impl Fn(&str) -> Vec<K>) -> String {
    let mut fields: Vec<_> = form_urlencoded::parse(form).collect();
    fields.sort_by_cached_key(|(name, value)| (key(name), key(value)));
    fields.dedup();
    fields
        .iter()
        .flat_map(|(name, value)| [&**name, &**value])
        .collect()
}

/// The hash in the query, if one stands there.
fn body_hash(query: &str) -> Result<Option<[u8; 32]>, Refusal> {
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == BODY_HASH);
    let Some((_, text)) = found.next() else {
        return Ok(None);
    };
    let mut hash = [0; 32];
    match (hex::decode_to_slice(&*text, &mut hash), found.next()) {
        (Ok(()), None) => Ok(Some(hash)),
        _ => Err(Refusal::MalformedField(BODY_HASH)),
    }
}

/// The settings are unsigned: they may name the one algorithm that this source takes, and no other.
fn names_sha256(settings: &str) -> bool {
    let mut algorithms = settings
        .split(',')
        .filter_map(|part| part.trim().strip_prefix("algorithm="));
    algorithms.next() == Some("HMAC_SHA256") && algorithms.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_sorted_and_equal_ones_count_once() {
        assert_eq!(
            canonical(b"b=2&a=1&b=10&empty=&b=2&c=x+y%2B"),
            "a1b10b2cx y+empty"
        );
        assert_eq!(canonical(b""), "");
        let wide = "a=\u{1f389}&a=\u{ff11}".as_bytes();
        assert_eq!(canonical(wide), "a\u{ff11}a\u{1f389}");
    }

    #[test]
    fn the_settings_name_one_algorithm() {
        assert!(names_sha256(
            "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
        ));
        for settings in [
            "",
            "key=a",
            "key=a,algorithm=HMAC_SHA1",
            "algorithm=HMAC_SHA256,algorithm=HMAC_SHA1",
        ] {
            assert!(!names_sha256(settings), "{settings:?}");
        }
    }

    #[test]
    fn a_hash_in_the_query_is_one_and_whole() {
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        assert_eq!(body_hash("a=1"), Ok(None));
        assert!(
            body_hash(&format!("a=1&bodySHA256={hash}"))
                .unwrap()
                .is_some()
        );
        for query in [
            "bodySHA256=".to_owned(),
            format!("bodySHA256={hash}0"),
            format!("bodySHA256={hash}&bodySHA256={hash}"),
        ] {
            assert!(body_hash(&query).is_err(), "{query}");
        }
    }
}
