//! Keys of a provider that signs with tokens: shared secrets, what it publishes, or what it hands out one by one.
//!
//! One of these, with the algorithms of that kind alone: a public key never does as a secret (RFC 8725 §3.1).

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token::{self, Algorithm, KeyService, KeySet, PublishedKeys};
use crate::verify::given::Fault;
use crate::verify::verifier::Wanted;

#[derive(Debug)]
pub(super) struct TokenKeys {
    algorithms: &'static [Algorithm],
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Shared {
        /// One for each secret, so that it is known which one matched.
        sets: Vec<Arc<KeySet>>,
        /// What we sign with.
        first: Secret,
    },
    Published(PublishedKeys),
    Served(KeyService),
}

impl TokenKeys {
    pub(super) fn shared(
        secrets: &[Secret],
        algorithms: &'static [Algorithm],
    ) -> Result<Self, Fault> {
        let first = secrets
            .first()
            .ok_or_else(|| Fault::new("secrets", "`secrets` is needed"))?;
        if let Some(index) = secrets.iter().position(Secret::is_empty) {
            return Err(Fault::at("secrets", index, "this secret is empty"));
        }
        let set = |secret| {
            Arc::new(KeySet::from_secrets(
                std::slice::from_ref(secret),
                algorithms,
            ))
        };
        Ok(Self {
            algorithms,
            keys: Keys::Shared {
                sets: secrets.iter().map(set).collect(),
                first: first.clone(),
            },
        })
    }

    pub(super) fn published(
        keys: Option<&PublishedKeys>,
        algorithms: &'static [Algorithm],
    ) -> Result<Self, Fault> {
        let keys = keys.ok_or_else(|| {
            Fault::new(
                "jwks",
                "`jwks` is needed: where the provider's keys are, https://… or file:/path",
            )
        })?;
        Ok(Self {
            algorithms,
            keys: Keys::Published(keys.clone()),
        })
    }

    pub(super) const fn served(service: KeyService, algorithms: &'static [Algorithm]) -> Self {
        Self {
            algorithms,
            keys: Keys::Served(service),
        }
    }

    /// What a token says that one of these keys signed, and which secret that is.
    pub(super) fn claims(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<(Value, Option<usize>), token::Refusal> {
        match &self.keys {
            Keys::Shared { sets, .. } => token::signed_claims(text, self.algorithms, sets)
                .map(|(claims, index)| (claims, Some(index))),
            Keys::Published(keys) => {
                let current = keys.ring.current();
                token::signed_claims(text, self.algorithms, current.as_slice())
                    .map(|(claims, _)| (claims, None))
            }
            Keys::Served(service) => service
                .claims(text, self.algorithms, now)
                .map(|claims| (claims, None)),
        }
    }

    /// With the first secret, by the first algorithm.
    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        match &self.keys {
            Keys::Shared { first, .. } => {
                token::sign_shared(claims, *self.algorithms.first()?, first)
            }
            Keys::Published(_) | Keys::Served(_) => None,
        }
    }

    pub(super) fn published_keys(&self) -> Option<&PublishedKeys> {
        match &self.keys {
            Keys::Published(keys) => Some(keys),
            Keys::Shared { .. } | Keys::Served(_) => None,
        }
    }

    /// What is to be fetched for a token.
    pub(super) fn wanted(&self, text: &str) -> Option<Wanted> {
        match &self.keys {
            Keys::Published(keys) => Some(Wanted::Keys(keys.location.clone())),
            Keys::Served(service) => Some(Wanted::Key {
                service: service.clone(),
                kid: token::key_id(text, self.algorithms).ok()?,
            }),
            Keys::Shared { .. } => None,
        }
    }
}
