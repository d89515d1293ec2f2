//! A signature by a private key, against the public one. Verifies only: nobody here can sign.
//!
//! The algorithm is the scheme's, never the key's or the request's.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};

use super::spec::Algorithm;

/// A key read once, for one algorithm.
#[derive(Clone)]
pub(super) struct PublicKey(ParsedPublicKey);

/// A key is public, and long.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(…)")
    }
}

impl PublicKey {
    /// The bare key or its SubjectPublicKeyInfo, both in DER; none where it is no key of this algorithm.
    pub(super) fn read(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let algorithm: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::Ed25519 => &ED25519,
            Algorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
            Algorithm::Rsa => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Sha1 | Algorithm::Sha256 | Algorithm::Sha512 => return None,
        };
        ParsedPublicKey::new(algorithm, bytes).ok().map(Self)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
