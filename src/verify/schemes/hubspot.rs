//! HubSpot, version 3: method, address, body and time, one after the other.
//!
//! Nothing stands between the parts, so each is read so narrowly that they cannot be cut elsewhere: a
//! query holds only what an address may, which no JSON object or list begins with, and the time is 13 digits.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::super::given::{Fault, Given};
use super::super::layout::base64_decode;
use super::super::spec::{Algorithm, Encoding, KeyForm, Unit};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest, freshness};
use super::address::Address;
use super::keys::Keys;

const SIGNATURE: HeaderName = HeaderName::from_static("x-hubspot-signature-v3");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-hubspot-request-timestamp");
const TOLERANCE: Duration = Duration::from_mins(5);
/// Milliseconds since 1970 until the year 2286.
const DIGITS: usize = 13;

/// What HubSpot decodes of an address before it signs.
const DECODED: [(&str, char); 12] = [
    ("3A", ':'),
    ("2F", '/'),
    ("3F", '?'),
    ("40", '@'),
    ("21", '!'),
    ("24", '$'),
    ("27", '\''),
    ("28", '('),
    ("29", ')'),
    ("2A", '*'),
    ("2C", ','),
    ("3B", ';'),
];

#[derive(Debug)]
pub(in crate::verify) struct HubSpot {
    keys: Arc<Keys>,
    address: Address,
    tolerance: Duration,
}

impl HubSpot {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Ok(Box::new(Self {
            address: Address::of(given)?,
            keys: Arc::new(Keys::prepare(given, Algorithm::Sha256, KeyForm::Plain)?),
            tolerance: given.tolerance.unwrap_or(TOLERANCE),
        }))
    }
}

impl Verifier for HubSpot {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let malformed = |name: HeaderName| Refusal::Malformed(name.to_string());
        let signature =
            base64_decode(request.required(&SIGNATURE)?).ok_or_else(|| malformed(SIGNATURE))?;
        let text = request.required(&TIMESTAMP)?;
        let at = Unit::Millis
            .read(text)
            .filter(|_| text.len() == DIGITS)
            .ok_or_else(|| malformed(TIMESTAMP))?;
        if !request.query.bytes().all(may_stand_in_query) {
            return Err(Refusal::MalformedField("query"));
        }
        let sent = self.address.signed_as(request);
        // HubSpot's own libraries sign the address as they are given it, its documentation decodes it first.
        let decoded: Vec<String> = sent.iter().map(|url| decode(url)).collect();
        let secret = decoded
            .iter()
            .chain(&sent)
            .find_map(|url| {
                let method = request.method.as_str().as_bytes();
                let parts = [method, url.as_bytes(), &request.body, text.as_bytes()];
                self.keys.matching(&parts, &signature)
            })
            .ok_or(Refusal::BadSignature)?;
        let tolerance = Some(self.tolerance);
        freshness::signed(at, Unit::Millis, tolerance, moment.retention, moment.now)?;
        Ok(Seal {
            secret: Some(secret),
            signed_at: Some(at),
            ..Seal::default()
        })
    }

    fn address(&self) -> Option<String> {
        Some(self.address.called(""))
    }

    fn moved(&self, address: &str, _: &str) -> Option<Box<dyn Verifier>> {
        Some(Box::new(Self {
            keys: Arc::clone(&self.keys),
            address: Address::parse(address)?,
            tolerance: self.tolerance,
        }))
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let at = Unit::Millis.write(draft.now);
        let url = decode(&self.address.called(""));
        let parts = [b"POST", url.as_bytes(), draft.body, at.as_bytes()];
        let signature = Encoding::Base64.encode("", &self.keys.sign(&parts)?);
        Some(Signed {
            headers: vec![
                (TIMESTAMP.to_string(), at),
                (SIGNATURE.to_string(), signature),
            ],
            ..Signed::default()
        })
    }
}

/// RFC 3986 §3.4.
fn may_stand_in_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte)
}

fn decode(url: &str) -> String {
    let mut decoded = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let known = DECODED.iter().find_map(|(digits, stands_for)| {
            let (escape, tail) = after.split_at_checked(2)?;
            escape
                .eq_ignore_ascii_case(digits)
                .then_some((stands_for, tail))
        });
        if let Some((stands_for, tail)) = known {
            decoded.push(*stands_for);
            rest = tail;
        } else {
            decoded.push('%');
            rest = after;
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twelve_escapes_are_decoded() {
        assert_eq!(
            decode("https://h/x?a=%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B&b=%20%26%41%"),
            "https://h/x?a=:/?@!$'()*,;&b=%20%26%41%"
        );
        assert_eq!(
            decode("%253A%é"),
            "%253A%é",
            "an escape is not decoded twice"
        );
    }
}
