//! `Content-Digest` (RFC 9530): the header that ties a body to a signature.

use http::HeaderMap;
use sfv::ListEntry;
use sha2::{Digest, Sha256, Sha512};

use super::super::super::Refusal;
use super::super::super::spec::Encoding;
use super::{DIGEST, dictionary};

/// At least one hash that we know, and every such one right.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let malformed = || Refusal::Malformed(DIGEST.to_string());
    let mut known = false;
    for (algorithm, entry) in dictionary(headers, &DIGEST)? {
        let ours = match algorithm.as_str() {
            "sha-256" => Sha256::digest(body).to_vec(),
            "sha-512" => Sha512::digest(body).to_vec(),
            _ => continue,
        };
        let ListEntry::Item(item) = entry else {
            return Err(malformed());
        };
        let theirs = item.bare_item.as_byte_sequence().ok_or_else(malformed)?;
        if theirs != ours {
            return Err(Refusal::BadSignature);
        }
        known = true;
    }
    if known { Ok(()) } else { Err(malformed()) }
}

pub(super) fn write(body: &[u8]) -> String {
    let hash = Encoding::Base64.encode("", &Sha256::digest(body));
    format!("sha-256=:{hash}:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_known_hash_is_needed_and_no_wrong_one_is_taken() {
        let judge = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(DIGEST, text.parse().unwrap());
            check(&headers, b"{\"hello\": \"world\"}")
        };
        // RFC 9530, appendix D.
        let good = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        assert_eq!(judge(good), Ok(()));
        assert_eq!(judge(&format!("md5=:AAAA:, {good}")), Ok(()));
        assert_eq!(
            judge(&format!("{good}, sha-512=:AAAA:")),
            Err(Refusal::BadSignature)
        );
        for text in [
            "md5=:AAAA:",
            "sha-256",
            "sha-256=\"x\"",
            "sha-256=()",
            "sha-256=:",
        ] {
            assert!(matches!(judge(text), Err(Refusal::Malformed(_))), "{text}");
        }
        assert_eq!(judge(&write(b"{\"hello\": \"world\"}")), Ok(()));
    }
}
