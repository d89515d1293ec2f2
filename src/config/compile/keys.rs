//! `[keys.NAME]`: API keys, by their hashes.
//!
//! The key itself is never in the file: `signalpost keys new` shows it once and gives the table to paste.

use std::collections::HashMap;

use crate::clock::{self, Timestamp};
use crate::token::api_keys::{self, ApiKey, KeyHash, KeyTable};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Text, codes, optional};

const HASH_PREFIX: &str = "sha256:";

/// Longer names make no better labels.
const LONGEST_NAME: usize = 64;

impl Compiler<'_> {
    pub(super) fn keys(&mut self, written: &[file::Key]) -> KeyTable {
        let mut seen = HashMap::new();
        let keys: Vec<_> = written
            .iter()
            .filter_map(|key| self.key(key, &mut seen))
            .collect();
        KeyTable::new(keys)
    }

    fn key<'w>(
        &mut self,
        written: &'w file::Key,
        seen: &mut HashMap<KeyHash, &'w str>,
    ) -> Option<(KeyHash, ApiKey)> {
        let name = self.key_name(&written.name);
        let hash = written.hash.as_ref().and_then(|text| {
            let hash = self.hash(text)?;
            if let Some(other) = seen.insert(hash, written.name.get_ref()) {
                let message = format!("this is the key of `{other}` too");
                self.error(codes::API_KEY, text, message);
                return None;
            }
            Some(hash)
        });
        let roles = match &written.roles {
            Some(list) => self.filled_list("roles", list),
            None => Some(Vec::new()),
        };
        let expires = optional(written.expires.as_ref(), |text| self.expires(text));
        let key = ApiKey {
            name: name?.into(),
            roles: roles?,
            expires: expires?,
        };
        Some((hash?, key))
    }

    fn key_name(&mut self, text: &Text) -> Option<String> {
        let name = text.get_ref();
        if !is_key_name(name) {
            let message = format!("`{name}` cannot name an API key");
            self.findings.push(
                Finding::error(codes::NAME, text.span(), message)
                    .help("1 to 64 of a-z, A-Z, 0-9, `-` and `_`: it stands in audit lines"),
            );
            return None;
        }
        Some(name.clone())
    }

    fn hash(&mut self, text: &Text) -> Option<KeyHash> {
        let written = text.get_ref();
        if api_keys::is_meant(written) {
            // One that has the whole form has its finding already.
            if api_keys::in_text(written).is_empty() {
                self.refuse_literal_key(text.span());
            }
            return None;
        }
        let hex = written.strip_prefix(HASH_PREFIX).unwrap_or_default();
        let mut hash = KeyHash::default();
        if hex.len() != 2 * hash.len() || hex::decode_to_slice(hex, &mut hash).is_err() {
            self.findings.push(
                Finding::error(codes::API_KEY, text.span(), "this is no hash of an API key")
                    .help("`sha256:` and 64 hex digits, as `signalpost keys new` prints it"),
            );
            return None;
        }
        Some(hash)
    }

    pub(super) fn refuse_literal_key(&mut self, span: std::ops::Range<usize>) {
        let message =
            "an API key stands in the file: it can be used by everybody who reads the file";
        self.findings.push(
            Finding::error(codes::LITERAL_SECRET, span, message)
                .help("make another with `signalpost keys new`, and put its hash here alone"),
        );
    }

    fn expires(&mut self, text: &Text) -> Option<Timestamp> {
        let Some(expires) = Timestamp::parse_rfc3339(text.get_ref()) else {
            let message = format!("`{}` is no point in time", text.get_ref());
            self.findings.push(
                Finding::error(codes::BAD_VALUE, text.span(), message)
                    .help("date, time and offset, as in 2027-01-01T00:00:00Z"),
            );
            return None;
        };
        if expires <= clock::now() {
            let message = "this API key has expired: its callers are answered with 401";
            self.findings.push(
                Finding::warning(codes::KEY_EXPIRED, text.span(), message)
                    .help("make another with `signalpost keys new`, and remove this one"),
            );
        }
        Some(expires)
    }
}

/// Whether a text may name an API key.
pub fn is_key_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(plain)
}
