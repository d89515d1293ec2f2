//! A keyed hash over parts of a request, compared in constant time.
//!
//! A key is prepared once, when the source is compiled, and its state cloned for each use.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use hmac::digest::Output;
use hmac::{Hmac, KeyInit};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use unicode_normalization::UnicodeNormalization as _;

use super::layout;
use super::spec::{Algorithm, KeyForm};
use crate::secret::Secret;

/// A prepared key.
#[derive(Clone)]
pub(super) enum Key {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

impl Key {
    /// None for a signature by a private key, which is no HMAC. Every length of key is taken.
    pub(super) fn prepare(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Sha1 => Hmac::new_from_slice(key).ok().map(Self::Sha1),
            Algorithm::Sha256 => Hmac::new_from_slice(key).ok().map(Self::Sha256),
            Algorithm::Sha512 => Hmac::new_from_slice(key).ok().map(Self::Sha512),
            Algorithm::Ed25519 | Algorithm::EcdsaP256 | Algorithm::Rsa => None,
        }
    }

    /// The hash over the parts, one after the other.
    pub(super) fn compute<'a>(&self, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => finish(mac.clone(), parts).to_vec(),
            Self::Sha256(mac) => finish(mac.clone(), parts).to_vec(),
            Self::Sha512(mac) => finish(mac.clone(), parts).to_vec(),
        }
    }

    /// Whether the hash over the parts is among those offered.
    pub(super) fn matches<'a>(
        &self,
        parts: impl Iterator<Item = &'a [u8]>,
        offered: &[Vec<u8>],
    ) -> bool {
        match self {
            Self::Sha1(mac) => among(mac.clone(), parts, offered),
            Self::Sha256(mac) => among(mac.clone(), parts, offered),
            Self::Sha512(mac) => among(mac.clone(), parts, offered),
        }
    }
}

fn among<'a, M: hmac::Mac>(
    mac: M,
    parts: impl Iterator<Item = &'a [u8]>,
    offered: &[Vec<u8>],
) -> bool {
    let ours = finish(mac, parts);
    offered.iter().any(|theirs| equal(&ours, theirs))
}

fn finish<'a, M: hmac::Mac>(mut mac: M, parts: impl Iterator<Item = &'a [u8]>) -> Output<M> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()
}

/// The key that the text of a secret stands for; none where it does not have the form.
pub(super) fn key(form: KeyForm, secret: &Secret) -> Option<Secret> {
    let text = || std::str::from_utf8(secret.expose()).ok();
    match form {
        KeyForm::Plain => Some(secret.clone()),
        KeyForm::Nfkd => Some(Secret::new(text()?.nfkd().collect::<String>().into_bytes())),
        KeyForm::Hex => hex::decode(secret.expose()).ok().map(Secret::new),
        KeyForm::Base64 => layout::base64_decode(text()?).map(Secret::new),
        KeyForm::Whsec => {
            let text = text()?;
            layout::base64_decode(text.strip_prefix("whsec_").unwrap_or(text)).map(Secret::new)
        }
        KeyForm::Whpk => layout::base64_decode(text()?.strip_prefix("whpk_")?).map(Secret::new),
        KeyForm::Pem => SubjectPublicKeyInfoDer::from_pem_slice(secret.expose())
            .ok()
            .map(|key| Secret::new(key.to_vec())),
    }
}

/// Equal in length and content, in a time that tells nothing of where they differ.
pub(super) fn equal(ours: &[u8], theirs: &[u8]) -> bool {
    verify_slices_are_equal(ours, theirs).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 test case 2, and RFC 2202 test case 2 for SHA-1.
    #[test]
    fn published_vectors_hold() {
        let cases = [
            (Algorithm::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (
                Algorithm::Sha256,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                Algorithm::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ];
        for (algorithm, expected) in cases {
            let key = Key::prepare(algorithm, b"Jefe").unwrap();
            let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
            assert_eq!(hex::encode(key.compute(parts.into_iter())), expected);
        }
    }

    #[test]
    fn a_key_shows_nothing() {
        let key = Key::prepare(Algorithm::Sha256, b"private").unwrap();
        assert_eq!(format!("{key:?}"), "Key(***)");
    }

    #[test]
    fn another_length_is_not_equal() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abcd"));
        assert!(!equal(b"abc", b""));
    }
}
