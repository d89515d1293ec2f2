//! Keys of every algorithm, made for the tests, and issuers that publish them.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

use super::super::*;
use crate::secret::Secret;

pub(super) enum Signer {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Shared(Vec<u8>, hmac::Algorithm),
}

impl Signer {
    /// A new key each time.
    pub(super) fn of(algorithm: Algorithm) -> Self {
        let rsa = |padding| {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            Self::Rsa(Box::new(key), padding)
        };
        let shared = |hash| {
            let mut secret = vec![0; 64];
            aws_lc_rs::rand::fill(&mut secret).unwrap();
            Self::Shared(secret, hash)
        };
        match algorithm {
            Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384),
            Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512),
            Algorithm::PS256 => rsa(&RSA_PSS_SHA256),
            Algorithm::PS384 => rsa(&RSA_PSS_SHA384),
            Algorithm::PS512 => rsa(&RSA_PSS_SHA512),
            Algorithm::ES256 => Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => Self::ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::ES512 => Self::ec(&ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::EdDSA => Self::Ed(Ed25519KeyPair::generate().unwrap()),
            Algorithm::HS256 => shared(hmac::HMAC_SHA256),
            Algorithm::HS384 => shared(hmac::HMAC_SHA384),
            Algorithm::HS512 => shared(hmac::HMAC_SHA512),
        }
    }

    pub(super) fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self::Ec(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(key, padding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Shared(secret, hash) => {
                let tag = hmac::sign(&hmac::Key::new(*hash, secret), message);
                tag.as_ref().to_vec()
            }
        }
    }

    /// The public half.
    pub(super) fn jwk(&self, kid: Option<&str>) -> Value {
        let mut jwk = match self {
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                let half = (point.len() - 1) / 2;
                let curve = match half {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": B64.encode(&point[1..=half]), "y": B64.encode(&point[half + 1..])})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": B64.encode(key.public_key().as_ref())})
            }
            Self::Rsa(key, _) => {
                let public = key.public_key();
                let n: Vec<u8> = public.modulus().big_endian_without_leading_zero().to_vec();
                let e: Vec<u8> = public.exponent().big_endian_without_leading_zero().to_vec();
                json!({"kty": "RSA", "n": B64.encode(n), "e": B64.encode(e), "use": "sig"})
            }
            Self::Shared(..) => unreachable!("a secret is never published"),
        };
        if let Some(kid) = kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), claims)
    }

    /// With a header as text, which may be no JSON that a writer would make.
    pub(super) fn token_of(&self, header: &str, claims: &Value) -> String {
        let message = format!("{}.{}", B64.encode(header), B64.encode(claims.to_string()));
        let signature = B64.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// An issuer of this key, named `k1`, that allows one algorithm.
    pub(super) fn issuer(&self, algorithm: Algorithm) -> Issuer {
        let keys = match self {
            Self::Shared(secret, _) => {
                KeySet::from_secrets(&[Secret::new(secret.clone())], &[algorithm])
            }
            _ => published(&[self.jwk(Some("k1"))]),
        };
        let issuer = with_keys(keys);
        Issuer {
            algorithms: vec![algorithm],
            ..issuer
        }
    }
}

/// An issuer of these public keys that allows every algorithm.
pub(super) fn issuer(keys: &[Value]) -> Issuer {
    with_keys(published(keys))
}

fn published(keys: &[Value]) -> KeySet {
    let document = json!({ "keys": keys }).to_string();
    KeySet::from_jwks(document.as_bytes()).unwrap()
}

fn with_keys(keys: KeySet) -> Issuer {
    let ring = KeyRing::default();
    ring.replace(Arc::new(keys));
    Issuer {
        name: "corp".into(),
        issuer: "https://idp.example.com/".to_owned(),
        audience: vec!["signalpost".to_owned()],
        parties: Vec::new(),
        algorithms: Algorithm::ALL.to_vec(),
        keys: Some(Location::Url("https://idp.example.com/jwks".to_owned())),
        ring,
        roles: None,
    }
}
