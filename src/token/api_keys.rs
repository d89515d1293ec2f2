//! API keys: opaque tokens for machines, known by the SHA-256 of the whole key.
//!
//! A key is `spk_` and 32 random bytes in base64url: the prefix lets scanners of leaked secrets find it.
//! The plan holds hashes only.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;

/// What every key begins with.
pub const PREFIX: &str = "spk_";

/// Random bytes of a key.
pub const RANDOM_BYTES: usize = 32;

/// Characters after the prefix: 32 bytes in base64url without padding.
const ENCODED: usize = 43;

/// One `[keys.NAME]`, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub name: Arc<str>,
    pub roles: Vec<String>,
    /// None: it never expires.
    pub expires: Option<Timestamp>,
}

impl ApiKey {
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// SHA-256 of a whole key, prefix included.
pub type KeyHash = [u8; 32];

/// All API keys of a plan, by hash.
///
/// The look-up takes no secret-dependent path: what is compared are hashes, and whoever does not know a key
/// cannot steer the bits of its SHA-256 towards one that stands here, so that the time a comparison takes
/// tells nothing that helps to guess the next character. An unknown key costs the same hash.
#[derive(Clone, Debug, Default)]
pub struct KeyTable {
    by_hash: HashMap<KeyHash, Arc<ApiKey>>,
    by_name: HashMap<Arc<str>, Arc<ApiKey>>,
}

impl KeyTable {
    /// Of two keys with one hash or one name the first counts; the plan refuses such a file.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (KeyHash, ApiKey)>) -> Self {
        let mut table = Self::default();
        for (hash, key) in keys {
            let key = Arc::new(key);
            table
                .by_hash
                .entry(hash)
                .or_insert_with(|| Arc::clone(&key));
            table.by_name.entry(key.name.clone()).or_insert(key);
        }
        table
    }

    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Arc<ApiKey>> {
        self.by_hash.get(&hash(text))
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<ApiKey>> {
        self.by_name.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.by_name.values().map(AsRef::as_ref)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// A new key from random bytes; shown once, and then only its hash is kept.
#[must_use]
pub fn format(random: &[u8; RANDOM_BYTES]) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random))
}

#[must_use]
pub fn hash(key: &str) -> KeyHash {
    Sha256::digest(key).into()
}

/// Whether a bearer token is meant as an API key.
#[must_use]
pub fn is_meant(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Byte ranges of everything in `text` that has the form of a key.
#[must_use]
pub fn in_text(text: &str) -> Vec<std::ops::Range<usize>> {
    let encoded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    text.match_indices(PREFIX)
        .filter_map(|(start, _)| {
            let rest = text.as_bytes().get(start + PREFIX.len()..)?;
            let length = rest.iter().take_while(|byte| encoded(byte)).count();
            (length >= ENCODED).then_some(start..start + PREFIX.len() + length)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_whole_text() {
        let key = format(&[7; RANDOM_BYTES]);
        assert_eq!(key.len(), PREFIX.len() + ENCODED);
        let entry = ApiKey {
            name: "ci".into(),
            roles: Vec::new(),
            expires: Some(Timestamp::from_seconds(100)),
        };
        let table = KeyTable::new([(hash(&key), entry.clone())]);
        assert_eq!(table.find(&key).map(|key| &**key), Some(&entry));
        assert_eq!(table.named("ci").map(|key| &**key), Some(&entry));
        let (half, _) = key.split_at(key.len() - 1);
        for other in ["", "spk_", half, &format!("{key} ")] {
            assert!(table.find(other).is_none(), "{other}");
        }
        assert!(!entry.has_expired(Timestamp::from_seconds(99)));
        assert!(entry.has_expired(Timestamp::from_seconds(100)));
    }

    #[test]
    fn keys_are_seen_in_a_text() {
        let key = format(&[7; RANDOM_BYTES]);
        let text = format!("a = \"{key}\" # spk_short {key}x");
        let ranges = in_text(&text).into_iter();
        let found: Vec<_> = ranges.filter_map(|range| text.get(range)).collect();
        assert_eq!(found, [key.clone(), format!("{key}x")]);
    }
}
