//! An issuer's public keys: read from a JWKS document, held in a ring, chosen for a token.
//!
//! A key is used only for the algorithms of its own kind and curve, so that a token cannot pick how
//! its key is read. Where documents come from is no matter of this file.

use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, Refusal, jws};

/// More keys than any issuer publishes; beyond it a document is refused.
const MAX_KEYS: usize = 256;

/// Public keys by `kid`.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// Where an issuer's keys stand; filled by `jwks`, read by everybody. Empty until the first fetch.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Arc<arc_swap::ArcSwapOption<KeySet>>);

impl KeyRing {
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.0.load_full()
    }
    pub fn replace(&self, keys: Arc<KeySet>) {
        self.0.store(Some(keys));
    }
}

#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    /// The one algorithm that the document pins it to, if any.
    pinned: Option<Algorithm>,
    kind: Kind,
    material: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// One member of `keys`, as far as it is looked at.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A document that holds no key for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    #[error("not a JWKS document: JSON with a list `keys`")]
    NotJwks,
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
    #[error("no usable key: RSA, EC on P-256 or P-384, or Ed25519, meant for signatures")]
    NothingUsable,
}

impl KeySet {
    /// Reads a JWKS document. Keys of unknown kinds, for encryption, or unreadable are skipped; two
    /// keys of one `kid` are kept side by side, as an issuer may publish them for two algorithms.
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeySetFault> {
        let document: Value = serde_json::from_slice(json).map_err(|_| KeySetFault::NotJwks)?;
        let entries = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetFault::NotJwks)?;
        if entries.len() > MAX_KEYS {
            return Err(KeySetFault::TooMany);
        }
        let keys: Vec<Key> = entries
            .iter()
            .filter_map(|entry| Entry::deserialize(entry).ok())
            .filter_map(Key::read)
            .collect();
        if keys.is_empty() {
            return Err(KeySetFault::NothingUsable);
        }
        Ok(Self { keys })
    }

    /// How many keys there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The key that a token means: the one it names, or the only one that fits.
    pub(super) fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, Refusal> {
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(only),
                _ => Err(Refusal::NoKid),
            };
        };
        let mut named = self
            .keys
            .iter()
            .filter(|key| key.kid.as_deref() == Some(kid))
            .peekable();
        if named.peek().is_none() {
            return Err(Refusal::UnknownKey(jws::shown(kid)));
        }
        named
            .find(|key| key.fits(algorithm))
            .ok_or(Refusal::UnfitKey)
    }
}

impl Key {
    fn read(entry: Entry) -> Option<Self> {
        if entry.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        if entry
            .key_ops
            .is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
        {
            return None;
        }
        let (kind, material) = match (entry.kty.as_str(), entry.crv.as_deref()) {
            ("RSA", _) => (
                Kind::Rsa,
                DecodingKey::from_rsa_components(&entry.n?, &entry.e?),
            ),
            ("EC", Some("P-256")) => (
                Kind::P256,
                DecodingKey::from_ec_components(&entry.x?, &entry.y?),
            ),
            ("EC", Some("P-384")) => (
                Kind::P384,
                DecodingKey::from_ec_components(&entry.x?, &entry.y?),
            ),
            ("OKP", Some("Ed25519")) => (Kind::Ed25519, DecodingKey::from_ed_components(&entry.x?)),
            _ => return None,
        };
        // A key pinned to an algorithm that we do not have is no key for us.
        let pinned = match entry.alg {
            None => None,
            Some(name) => Some(Algorithm::from_name(&name)?),
        };
        Some(Self {
            kid: entry.kid,
            pinned,
            kind,
            material: material.ok()?,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind == kind_of(algorithm) && self.pinned.is_none_or(|pinned| pinned == algorithm)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &str, algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.material, backend(algorithm))
            .unwrap_or(false)
    }
}

const fn kind_of(algorithm: Algorithm) -> Kind {
    match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => Kind::Rsa,
        Algorithm::ES256 => Kind::P256,
        Algorithm::ES384 => Kind::P384,
        Algorithm::EdDSA => Kind::Ed25519,
    }
}

const fn backend(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    }
}
