//! An issuer's keys: read from a JWKS document or made of shared secrets, held in a ring, chosen for a token.
//!
//! A key is used only for the algorithms of its own kind and curve, so that a token cannot pick how
//! its key is read. Where documents come from is no matter of this file.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, Refusal, jws};
use crate::secret::Secret;

/// More keys than any issuer publishes; beyond it a document is refused.
const MAX_KEYS: usize = 256;

/// Public keys by `kid`, or shared secrets.
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

/// One key, read once for each algorithm that it may verify.
struct Key {
    kid: Option<String>,
    uses: Vec<(Algorithm, Material)>,
}

enum Material {
    Public(ParsedPublicKey),
    Shared(Box<hmac::Key>),
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
    /// Some publish keys that they use no more, with the time of their end.
    expired_at: Option<Value>,
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
    #[error(
        "no usable key: RSA of 2048 bits or more, EC on P-256, P-384 or P-521, or Ed25519, meant for signatures"
    )]
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

    /// Several while they rotate: which one a token was signed with is found by trying, whatever its `kid`.
    #[must_use]
    pub fn from_secrets(secrets: &[Secret], algorithms: &[Algorithm]) -> Self {
        let key = |secret: &Secret| Key {
            kid: None,
            uses: algorithms
                .iter()
                .filter_map(|&algorithm| {
                    let key = hmac::Key::new(hash_of(algorithm)?, secret.expose());
                    Some((algorithm, Material::Shared(Box::new(key))))
                })
                .collect(),
        };
        Self {
            keys: secrets.iter().map(key).collect(),
        }
    }

    /// Whether one of the keys that a token, or whatever else names a key, may mean made its signature.
    pub fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let verified = if algorithm.secret_bytes().is_some() {
            let mut shared = self.keys.iter().filter_map(|key| key.material(algorithm));
            shared.any(|material| material.verifies(message, signature))
        } else {
            self.select(kid, algorithm)?.verifies(message, signature)
        };
        if verified {
            Ok(())
        } else {
            Err(Refusal::BadSignature)
        }
    }

    /// The key that a token means: the one it names, or the only one that fits.
    fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Material, Refusal> {
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter_map(|key| key.material(algorithm));
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
            .find_map(|key| key.material(algorithm))
            .ok_or(Refusal::UnfitKey)
    }
}

impl Key {
    fn read(entry: Entry) -> Option<Self> {
        if entry.usage.as_deref().is_some_and(|usage| usage != "sig") || entry.expired_at.is_some()
        {
            return None;
        }
        if entry
            .key_ops
            .as_ref()
            .is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
        {
            return None;
        }
        let mut uses = match (entry.kty.as_str(), entry.crv.as_deref()) {
            ("RSA", _) => rsa(&entry)?,
            ("EC", Some("P-256")) => {
                vec![(
                    Algorithm::ES256,
                    point(&entry, &ECDSA_P256_SHA256_FIXED, 32)?,
                )]
            }
            ("EC", Some("P-384")) => {
                vec![(
                    Algorithm::ES384,
                    point(&entry, &ECDSA_P384_SHA384_FIXED, 48)?,
                )]
            }
            ("EC", Some("P-521")) => {
                vec![(
                    Algorithm::ES512,
                    point(&entry, &ECDSA_P521_SHA512_FIXED, 66)?,
                )]
            }
            ("OKP", Some("Ed25519")) => {
                let x = decode(entry.x.as_ref())?;
                let key = ParsedPublicKey::new(&ED25519, x).ok()?;
                vec![(Algorithm::EdDSA, Material::Public(key))]
            }
            _ => return None,
        };
        if let Some(name) = &entry.alg {
            // A key pinned to an algorithm that is not its own, or that we do not have, is no key for us.
            uses.retain(|(algorithm, _)| algorithm.name() == name);
        }
        (!uses.is_empty()).then_some(Self {
            kid: entry.kid,
            uses,
        })
    }

    fn material(&self, algorithm: Algorithm) -> Option<&Material> {
        let fits = |(own, _): &&(Algorithm, Material)| *own == algorithm;
        self.uses.iter().find(fits).map(|(_, material)| material)
    }
}

impl Material {
    /// In constant time for a shared secret.
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
            Self::Shared(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

/// Which algorithms and which key; public keys say nothing worth reading, secrets must not.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.uses.iter().map(|(algorithm, _)| algorithm).collect();
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}

const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &RSA_PSS_2048_8192_SHA512),
];

/// RFC 7518 §3.3: 2048 bits or more.
const LEAST_MODULUS: usize = 256;

fn rsa(entry: &Entry) -> Option<Vec<(Algorithm, Material)>> {
    let (n, e) = (decode(entry.n.as_ref())?, decode(entry.e.as_ref())?);
    // Some issuers write a sign byte before the number.
    let number =
        |bytes: Vec<u8>| -> Vec<u8> { bytes.into_iter().skip_while(|b| *b == 0).collect() };
    let (n, e) = (number(n), number(e));
    if n.len() < LEAST_MODULUS {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    let read = |(algorithm, parameters): (Algorithm, &'static RsaParameters)| {
        let key = components.to_parsed_public_key(parameters).ok()?;
        Some((algorithm, Material::Public(key)))
    };
    RSA.into_iter().map(read).collect()
}

/// A point of a curve whose coordinates have so many bytes.
fn point(
    entry: &Entry,
    algorithm: &'static dyn VerificationAlgorithm,
    length: usize,
) -> Option<Material> {
    let (x, y) = (decode(entry.x.as_ref())?, decode(entry.y.as_ref())?);
    if x.len() != length || y.len() != length {
        return None;
    }
    // Uncompressed (SEC 1 §2.3.3); that the point lies on the curve is checked with it.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(algorithm, point)
        .ok()
        .map(Material::Public)
}

fn decode(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

pub(super) const fn hash_of(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::ES512
        | Algorithm::EdDSA => None,
    }
}
