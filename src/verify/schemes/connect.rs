//! Atlassian Connect: `Authorization: JWT …`, HS256 with the secret of one installation.
//!
//! The token binds method, path and query by its `qsh`, and not the body. The path is that of the registered address,
//! never that of the request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::token::{self, Algorithm};
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest, hmac};

use super::token_keys::TokenKeys;

#[derive(Debug)]
struct Connect {
    keys: Arc<TokenKeys>,
    client_key: String,
    url: http::Uri,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let client_key = given.client_key.clone().filter(|key| !key.is_empty());
    let client_key = client_key.ok_or_else(|| {
        let message = "`client_key` is needed: the `clientKey` of the installation";
        Fault::new("client_key", message)
    })?;
    let url: Option<http::Uri> = given.url.as_ref().and_then(|url| url.parse().ok());
    let url = url.ok_or_else(|| {
        let message = "the address that Atlassian calls is signed: it needs a `public_url`, or PUBLIC_URL for the process";
        Fault::new("public_url", message)
    })?;
    Ok(Box::new(Connect {
        keys: Arc::new(TokenKeys::shared(&given.secrets, &[Algorithm::HS256])?),
        client_key,
        url,
    }))
}

impl Verifier for Connect {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let token = request.required(&AUTHORIZATION)?;
        let token = token
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("jwt"))
            .map(|(_, token)| token)
            .ok_or_else(|| Refusal::Malformed(AUTHORIZATION.to_string()))?;
        let (claims, secret) = self.keys.claims(token, moment.now)?;
        token::date(&claims, "exp")?.ok_or(token::Refusal::NoExpiry)?;
        token::lifetime(&claims, moment.now)?;
        if claims.get("iss").and_then(|iss| iss.as_str()) != Some(&self.client_key) {
            return Err(token::Refusal::WrongIssuer.into());
        }
        let theirs = claims.get("qsh").and_then(|qsh| qsh.as_str());
        let ours = self.hash(&request.method, &request.query);
        if !theirs.is_some_and(|theirs| hmac::equal(ours.as_bytes(), theirs.as_bytes())) {
            return Err(Refusal::BadSignature);
        }
        Ok(Seal {
            secret,
            claims: Some(claims),
            ..Seal::default()
        })
    }

    fn address(&self) -> Option<String> {
        Some(self.url.to_string())
    }

    fn moved(&self, address: &str, _: &str) -> Option<Box<dyn Verifier>> {
        Some(Box::new(Self {
            keys: Arc::clone(&self.keys),
            client_key: self.client_key.clone(),
            url: address.parse().ok()?,
        }))
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let now = draft.now.seconds();
        let claims = json!({
            "iss": self.client_key,
            "iat": now,
            "exp": now + 180,
            "qsh": self.hash(&Method::POST, ""),
        });
        let token = self.keys.sign(&claims)?;
        Some(Signed {
            headers: vec![(AUTHORIZATION.to_string(), format!("JWT {token}"))],
            ..Signed::default()
        })
    }
}

impl Connect {
    /// SHA-256 in hex over the canonical request.
    fn hash(&self, method: &Method, query: &str) -> String {
        let path = canonical_path(self.url.path());
        let canonical = format!("{method}&{path}&{}", canonical_query(query));
        hex::encode(Sha256::digest(canonical))
    }
}

fn canonical_path(path: &str) -> String {
    let path = path.replace('&', "%26");
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(bare) => bare.to_owned(),
    }
}

/// Parameters by name, encoded anew; the values of one name in order with commas between; without `jwt`.
fn canonical_query(query: &str) -> String {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "jwt" {
            let values = parameters.entry(name.into_owned()).or_default();
            values.push(value.into_owned());
        }
    }
    let entries = parameters.into_iter().map(|(name, mut values)| {
        values.sort();
        let values: Vec<String> = values.iter().map(|value| encode(value)).collect();
        format!("{}={}", encode(&name), values.join(","))
    });
    entries.collect::<Vec<_>>().join("&")
}

/// RFC 3986: everything but unreserved characters as `%XX`.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_put_in_order_and_encoded_anew() {
        for (query, canonical) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=x+y&a=%C3%A9", "a=x%20y,%C3%A9"),
            ("a=2&a=1", "a=1,2"),
            ("jwt=abc&user_key=ad%2Cmin", "user_key=ad%2Cmin"),
            ("empty&a*=(1)", "a%2A=%281%29&empty="),
        ] {
            assert_eq!(canonical_query(query), canonical, "{query}");
        }
        for (path, canonical) in [("/", "/"), ("/a/", "/a"), ("/a&b", "/a%26b")] {
            assert_eq!(canonical_path(path), canonical);
        }
    }
}
