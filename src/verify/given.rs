//! What a source gives to its provider's scheme beyond the name: settings as written, references read.
//!
//! `config` fills it in, a preset's `build` takes what it needs. Which settings a preset knows stands in its
//! `settings`; all others are refused before `build` is called.

use std::time::Duration;

use crate::secret::Secret;
use crate::token::{PublishedKeys, ServedKeys};

use super::certificates::Certificates;

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
