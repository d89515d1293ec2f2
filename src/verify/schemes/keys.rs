//! The secrets of a source as HMAC keys, prepared once, and the search for the one that matches.

use super::super::given::{Fault, Given};
use super::super::hmac::{self, Key};
use super::super::spec::{Algorithm, KeyForm};
use crate::secret::Secret;

/// At least one key.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    pub(super) fn prepare(
        given: &Given,
        algorithm: Algorithm,
        form: KeyForm,
    ) -> Result<Self, Fault> {
        Self::derive(given, algorithm, form, Secret::clone)
    }

    /// Where the key is made of what the secret says.
    pub(super) fn derive(
        given: &Given,
        algorithm: Algorithm,
        form: KeyForm,
        derive: fn(&Secret) -> Secret,
    ) -> Result<Self, Fault> {
        if given.secrets.is_empty() {
            return Err(Fault::new("secrets", "the scheme needs a secret"));
        }
        let prepare = |(index, secret): (usize, &Secret)| {
            let key = hmac::key(form, secret).ok_or_else(|| {
                let message = format!("this secret is not {}", form.describe());
                Fault::at("secrets", index, message)
            })?;
            if key.is_empty() {
                return Err(Fault::at("secrets", index, "this secret is empty"));
            }
            Key::prepare(algorithm, derive(&key).expose())
                .ok_or_else(|| Fault::at("secrets", index, "this secret cannot be a key"))
        };
        let keys: Result<_, _> = given.secrets.iter().enumerate().map(prepare).collect();
        keys.map(Self)
    }

    /// Which key made `signature` over the parts, one after the other.
    pub(super) fn matching(&self, parts: &[&[u8]], signature: &[u8]) -> Option<usize> {
        self.0
            .iter()
            .position(|key| hmac::equal(&key.compute(parts.iter().copied()), signature))
    }

    /// With the first key.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        Some(self.0.first()?.compute(parts.iter().copied()))
    }
}
