//! What of a request may be kept: credentials only as a fingerprint (P2).
//!
//! A fingerprint is the first 8 hex digits of the SHA-256 of the value: enough to tell two apart,
//! too little to find one.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHORIZATION};
use sha2::{Digest, Sha256};

const HEADERS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];
/// Headers by which services commonly pass a token.
const TOKEN_HEADERS: [&str; 5] = [
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "api-key",
    // A token that is bound to no body.
    "x-easyship-signature",
];
/// Query parameters by which services commonly pass a token, in lower case.
const PARAMETERS: [&str; 10] = [
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "client_secret",
    "id_token",
    "password",
    "secret",
    "token",
];

/// Lower-case names in order of arrival; bytes that are no UTF-8 are replaced. `own` is where the source's scheme has
/// its token.
pub(super) fn headers(headers: &HeaderMap, own: &[HeaderName]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let secret = is_credential(name) || own.contains(name);
            let kept = if secret {
                fingerprint(value.as_bytes())
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), kept)
        })
        .collect()
}

pub(super) fn is_credential(name: &HeaderName) -> bool {
    HEADERS.contains(name) || TOKEN_HEADERS.contains(&name.as_str())
}

/// Decoded pairs in order.
pub(super) fn query(query: &str, own: &[String]) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| {
            let secret = PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
                || own.iter().any(|own| *own == name);
            let kept = if secret {
                fingerprint(value.as_bytes())
            } else {
                value.into_owned()
            };
            (name.into_owned(), kept)
        })
        .collect()
}

fn fingerprint(value: &[u8]) -> String {
    let digest = Sha256::digest(value);
    hex::encode(digest.as_slice().get(..4).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_kept_as_eight_digits() {
        let mut map = HeaderMap::new();
        map.insert("Authorization", "Bearer abc".parse().unwrap());
        map.insert("Cookie", "session=abc".parse().unwrap());
        map.insert("X-Plain", "abc".parse().unwrap());
        map.insert("X-Carrier-Token", "abc".parse().unwrap());
        let kept = headers(&map, &[HeaderName::from_static("x-carrier-token")]);
        assert_eq!(kept.len(), 4);
        for (name, value) in kept {
            if name == "x-plain" {
                assert_eq!(value, "abc");
            } else {
                assert_eq!(value.len(), 8, "{name}");
                assert!(!value.contains("abc"), "{name}");
            }
        }
        assert_eq!(
            query("a=x%20y&Access_Token=abc&a=2&k=abc", &["k".to_owned()]),
            [
                ("a".to_owned(), "x y".to_owned()),
                // SHA-256 of "abc" is FIPS 180's own example.
                ("Access_Token".to_owned(), "ba7816bf".to_owned()),
                ("a".to_owned(), "2".to_owned()),
                ("k".to_owned(), "ba7816bf".to_owned()),
            ]
        );
    }
}
