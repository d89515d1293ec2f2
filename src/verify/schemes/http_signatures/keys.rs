//! The keys of a source by id, all for the one algorithm that it takes.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA512, VerificationAlgorithm,
};
use sfv::InnerList;

use super::super::super::given::{Fault, Given};
use super::super::super::hmac::{self, Key};
use super::super::super::layout::base64_decode;
use super::super::super::spec::{Algorithm, KeyForm};
use crate::secret::Secret;

const ALGORITHMS: [&str; 6] = [
    "hmac-sha256",
    "ed25519",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
    "rsa-pss-sha512",
    "rsa-v1_5-sha256",
];

/// At least one key.
#[derive(Debug)]
pub(super) struct KeyTable {
    algorithm: &'static str,
    keys: Vec<(String, Material)>,
}

enum Material {
    Shared(Box<Key>),
    Public(ParsedPublicKey),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared(***)",
            Self::Public(_) => "Public",
        })
    }
}

impl KeyTable {
    pub(super) fn prepare(given: &Given) -> Result<Self, Fault> {
        let named = given.algorithm.as_deref().unwrap_or_default();
        let algorithm = ALGORITHMS.into_iter().find(|name| *name == named);
        let Some(algorithm) = algorithm else {
            let message = format!("`algorithm` is one of {}", ALGORITHMS.join(", "));
            return Err(Fault::new("algorithm", message));
        };
        if given.keys.is_empty() {
            let message = "`keys` names each key of the sender: `{ \"key-id\" = \"file:/path\" }`";
            return Err(Fault::new("keys", message));
        }
        let form = key_form(given, algorithm)?;
        let keys = given
            .keys
            .iter()
            .enumerate()
            .map(|(index, (id, key))| {
                let material = Material::read(algorithm, form, key).ok_or_else(|| {
                    let message = format!("the key `{id}` is no key for {algorithm}");
                    Fault::at("keys", index, message)
                })?;
                Ok((id.clone(), material))
            })
            .collect::<Result<_, Fault>>()?;
        Ok(Self { algorithm, keys })
    }

    /// Which key made the signature: the one it names, or any where it names none.
    pub(super) fn matching(
        &self,
        input: &InnerList,
        base: &[u8],
        signature: &[u8],
    ) -> Option<usize> {
        let said = |name: &str| input.params.get(name);
        if let Some(algorithm) = said("alg")
            && algorithm.as_string()?.as_str() != self.algorithm
        {
            return None;
        }
        let id = match said("keyid") {
            Some(id) => Some(id.as_string()?.as_str()),
            None => None,
        };
        self.keys.iter().position(|(own, material)| {
            id.is_none_or(|id| id == own) && material.verifies(base, signature)
        })
    }

    pub(super) fn first_id(&self) -> Option<&str> {
        self.keys.first().map(|(id, _)| id.as_str())
    }

    /// None where only the sender holds the key.
    pub(super) fn sign(&self, base: &[u8]) -> Option<Vec<u8>> {
        match &self.keys.first()?.1 {
            Material::Shared(key) => Some(key.compute([base].into_iter())),
            Material::Public(_) => None,
        }
    }
}

/// How shared keys are written; public ones say it themselves.
fn key_form(given: &Given, algorithm: &str) -> Result<KeyForm, Fault> {
    match given.encoding.as_deref() {
        None => Ok(KeyForm::Plain),
        Some("base64") if algorithm == "hmac-sha256" => Ok(KeyForm::Base64),
        Some("hex") if algorithm == "hmac-sha256" => Ok(KeyForm::Hex),
        Some(_) => {
            let message = "how a key of `hmac-sha256` is written: \"hex\" or \"base64\"; without it, as it stands";
            Err(Fault::new("encoding", message))
        }
    }
}

impl Material {
    fn read(algorithm: &str, form: KeyForm, key: &Secret) -> Option<Self> {
        let public: &'static dyn VerificationAlgorithm = match algorithm {
            "ed25519" => &ED25519,
            "ecdsa-p256-sha256" => &ECDSA_P256_SHA256_FIXED,
            "ecdsa-p384-sha384" => &ECDSA_P384_SHA384_FIXED,
            "rsa-pss-sha512" => &RSA_PSS_2048_8192_SHA512,
            "rsa-v1_5-sha256" => &RSA_PKCS1_2048_8192_SHA256,
            _ => {
                let key = hmac::key(form, key).filter(|key| !key.is_empty())?;
                let key = Key::prepare(Algorithm::Sha256, key.expose())?;
                return Some(Self::Shared(Box::new(key)));
            }
        };
        let text = std::str::from_utf8(key.expose()).ok()?;
        let key = ParsedPublicKey::new(public, der(text)?).ok()?;
        Some(Self::Public(key))
    }

    fn verifies(&self, base: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Shared(key) => hmac::equal(&key.compute([base].into_iter()), signature),
            Self::Public(key) => key.verify_sig(base, signature).is_ok(),
        }
    }
}

/// A public key in PEM, or the base64 of it alone.
fn der(text: &str) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
    const END: &str = "-----END PUBLIC KEY-----";
    let text = text.trim();
    let inner = match text.strip_prefix(BEGIN) {
        Some(rest) => rest.strip_suffix(END)?,
        None => text,
    };
    let inner: String = inner.split_ascii_whitespace().collect();
    base64_decode(&inner).filter(|der| !der.is_empty())
}
