//! A key of a scheme, shared or public: read once, asked for each request.

use super::super::hmac;
use super::super::public_key::PublicKey;
use super::super::spec::SignatureSpec;
use super::super::template::{Fields, Template};
use super::SchemeFault;
use crate::secret::Secret;

/// More than any provider has in use at one time.
const MAX_SIGNATURES: usize = 100;
/// A public key hashes the whole message anew for each: a stranger must not hold a worker for long.
const MAX_LOOKS: usize = 10;

#[expect(
    clippy::large_enum_variant,
    reason = "a few per source, built at load and never moved"
)]
#[derive(Debug)]
pub(super) enum Key {
    Shared(hmac::Key),
    Public(PublicKey),
}

impl Key {
    /// The key that a secret stands for, ready for use.
    pub(super) fn prepare(
        spec: &SignatureSpec<'_>,
        index: usize,
        secret: &Secret,
    ) -> Result<Self, SchemeFault> {
        let form = SchemeFault::SecretForm {
            index,
            form: spec.key_form.describe(),
        };
        let key = hmac::key(spec.key_form, secret).ok_or(form)?;
        if key.is_empty() {
            return Err(SchemeFault::EmptySecret { index });
        }
        let shared = hmac::Key::prepare(spec.algorithm, key.expose()).map(Self::Shared);
        let public = || PublicKey::read(spec.algorithm, key.expose()).map(Self::Public);
        let form = "a public key of the kind that the scheme uses";
        shared
            .or_else(public)
            .ok_or(SchemeFault::SecretForm { index, form })
    }

    /// How many signatures one request may offer it.
    pub(super) const fn most_signatures(&self) -> usize {
        match self {
            Self::Shared(_) => MAX_SIGNATURES,
            Self::Public(_) => MAX_LOOKS,
        }
    }

    /// Whether one of those offered is this key's over what is signed.
    pub(super) fn matches(
        &self,
        signed: &Template,
        fields: Fields<'_>,
        offered: &[Vec<u8>],
    ) -> bool {
        match self {
            Self::Shared(key) => key.matches(signed.render(fields), offered),
            Self::Public(key) => {
                let message = signed.render(fields).collect::<Vec<_>>().concat();
                offered.iter().any(|theirs| key.verifies(&message, theirs))
            }
        }
    }
}
