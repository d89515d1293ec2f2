//! What a source gives to its provider's scheme beyond the name: settings as written, references read.
//!
//! `config` fills it in, a preset's `build` takes what it needs. Which settings a preset knows stands in its
//! `settings`; all others are refused before `build` is called.

use std::time::Duration;

use crate::secret::Secret;
use crate::token::{PublishedKeys, ServedKeys};

use super::certificates::Certificates;
use super::verifier::Verifier;

/// A scheme's own constructor.
pub type Build = fn(&Given) -> Result<Box<dyn Verifier>, Fault>;

/// The settings of one source. Absent ones are empty.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Of the source.
    pub name: String,
    /// At least one where the preset needs secrets.
    pub secrets: Vec<Secret>,
    /// The source's own; none: the vendor's.
    pub tolerance: Option<Duration>,
    /// The address that the provider calls: `public_url`, else PUBLIC_URL and the path of the source.
    pub url: Option<String>,
    /// Each as the vendor prints it: PEM, base64 DER, hex, `whpk_…`.
    pub public_keys: Vec<String>,
    pub webhook_id: Option<String>,
    pub topics: Vec<String>,
    pub audience: Option<String>,
    pub service_account: Option<String>,
    pub client_key: Option<String>,
    pub client_id: Option<Secret>,
    pub environment: Option<String>,
    pub public_key_id: Option<String>,
    pub algorithm: Option<String>,
    /// Key id and key.
    pub keys: Vec<(String, Secret)>,
    pub require: Vec<String>,
    pub header: Option<String>,
    pub prefix: Option<String>,
    pub encoding: Option<String>,
    /// The source's own, else the preset's.
    pub jwks: Option<PublishedKeys>,
    /// Copies by the address that they stand for.
    pub certificates: Vec<(String, Vec<u8>)>,
    /// What has been fetched so far, for all sources.
    pub fetched: Certificates,
    /// Single keys that have been asked for so far, for all sources.
    pub served: ServedKeys,
    /// PEM of authorities that are trusted in place of the public ones.
    pub roots: Option<Vec<u8>>,
}

/// How a scheme was built, so that it can be built once more with another secret: for `diagnosis` alone.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Without the secrets.
    given: Given,
    build: Build,
}

impl Recipe {
    pub fn new(given: &Given, build: Build) -> Self {
        let given = Given {
            secrets: Vec::new(),
            ..given.clone()
        };
        Self { given, build }
    }

    /// Keys by their ids, where the scheme has such.
    pub(super) fn keys(&self) -> &[(String, Secret)] {
        &self.given.keys
    }

    /// With this secret and no other, or in the place of a key and no other; none where the scheme cannot take it.
    pub(super) fn with(&self, place: Option<usize>, secret: Secret) -> Option<Box<dyn Verifier>> {
        let mut given = self.given.clone();
        match place {
            Some(place) => given.keys = vec![(given.keys.get(place)?.0.clone(), secret)],
            None => given.secrets = vec![secret],
        }
        (self.build)(&given).ok()
    }
}

/// Why a scheme cannot be built from what was given. No text of a secret appears in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The key of the source that is at fault, present or missing.
    pub key: &'static str,
    /// Which one of a list, counted from 0.
    pub index: usize,
    pub message: String,
}

impl Fault {
    pub fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self::at(key, 0, message)
    }

    pub fn at(key: &'static str, index: usize, message: impl Into<String>) -> Self {
        Self {
            key,
            index,
            message: message.into(),
        }
    }
}
