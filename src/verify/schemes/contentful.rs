//! Contentful: method, path, the headers that are listed, and the body, each on its own line.
//!
//! Only listed headers are protected; that the time and the list itself are among them is demanded.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::super::given::{Fault, Given};
use super::super::spec::{Algorithm, Encoding, KeyForm, Unit};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest, freshness};
use super::address::Address;
use super::keys::Keys;

const SIGNATURE: HeaderName = HeaderName::from_static("x-contentful-signature");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-contentful-timestamp");
const LISTED: HeaderName = HeaderName::from_static("x-contentful-signed-headers");
const TOLERANCE: Duration = Duration::from_mins(5);
/// More than any webhook of theirs signs.
const MAX_LISTED: usize = 64;

/// What `encodeURI` of JavaScript leaves as it is, beside letters and digits.
const IN_ADDRESS: &[u8] = b";,/?:@&=+$-_.!~*'()#";
/// What `querystring.escape` leaves.
const IN_QUERY: &[u8] = b"-_.!~*'()";

#[derive(Debug)]
pub(in crate::verify) struct Contentful {
    keys: Arc<Keys>,
    address: Address,
    tolerance: Duration,
}

impl Contentful {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Ok(Box::new(Self {
            address: Address::of(given)?,
            keys: Arc::new(Keys::prepare(given, Algorithm::Sha256, KeyForm::Plain)?),
            tolerance: given.tolerance.unwrap_or(TOLERANCE),
        }))
    }
}

impl Verifier for Contentful {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let malformed = |name: HeaderName| Refusal::Malformed(name.to_string());
        let signature = Encoding::Hex
            .decode("", false, request.required(&SIGNATURE)?)
            .ok_or_else(|| malformed(SIGNATURE))?;
        let at = Unit::Millis
            .read(request.required(&TIMESTAMP)?)
            .ok_or_else(|| malformed(TIMESTAMP))?;
        let headers = listed(request)?;
        // Their library drops what stands behind a second question mark: it would be unsigned.
        if request.query.contains('?') {
            return Err(Refusal::MalformedField("query"));
        }
        let head = head(
            request.method.as_str(),
            &normal_path(self.address.path(), &request.query),
            &headers,
        );
        let secret = self
            .keys
            .matching(&[head.as_bytes(), &request.body], &signature)
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
        let list = format!("{LISTED},{TIMESTAMP}");
        let at = Unit::Millis.write(draft.now);
        let (listed, timestamp) = (LISTED, TIMESTAMP);
        let headers = [(listed.as_str(), list.as_str()), (timestamp.as_str(), &at)];
        let head = head("POST", &normal_path(self.address.path(), ""), &headers);
        let signature = self.keys.sign(&[head.as_bytes(), draft.body])?;
        Some(Signed {
            headers: vec![
                (SIGNATURE.to_string(), Encoding::Hex.encode("", &signature)),
                (LISTED.to_string(), list),
                (TIMESTAMP.to_string(), at),
            ],
            ..Signed::default()
        })
    }
}

/// The headers of the list by name, with their values; each once.
fn listed(request: &WebhookRequest) -> Result<Vec<(&str, &str)>, Refusal> {
    let malformed = || Refusal::Malformed(LISTED.to_string());
    let list = request.required(&LISTED)?;
    let mut names: Vec<&str> = list.split(',').collect();
    if names.len() > MAX_LISTED {
        return Err(malformed());
    }
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| pair.first() == pair.last());
    let demanded = [LISTED, TIMESTAMP];
    let all = demanded.iter().all(|name| names.contains(&name.as_str()));
    if twice || !all {
        return Err(malformed());
    }
    names
        .into_iter()
        .map(|name| {
            let header = HeaderName::from_bytes(name.as_bytes())
                .ok()
                .filter(|header| header.as_str() == name)
                .ok_or_else(malformed)?;
            Ok((name, request.required(&header)?.trim()))
        })
        .collect()
}

/// Everything before the body.
fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    format!("{method}\n{path}\n{}\n", headers.join(";"))
}

/// As their library writes it: the query is escaped twice.
fn normal_path(path: &str, query: &str) -> String {
    let mut whole = path.to_owned();
    if !query.is_empty() {
        whole.push('?');
        whole.push_str(&escape(query, IN_QUERY));
    }
    escape(&whole, IN_ADDRESS)
}

fn escape(text: &str, plain: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push_str(&hex::encode_upper([byte]));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_their_library_does() {
        assert_eq!(normal_path("/hooks/contentful", ""), "/hooks/contentful");
        assert_eq!(normal_path("/a%20b", ""), "/a%2520b");
        assert_eq!(
            normal_path("/h", "a=b&c=d e"),
            "/h?a%253Db%2526c%253Dd%2520e"
        );
    }
}
