//! Signatures read in every way in which they are commonly written, whatever the scheme says.
//!
//! Only what has the length of a hash is a candidate, so that a header of any text gives few.

use super::super::scheme::Scheme;
use super::super::spec::{Algorithm, Encoding};
use super::secrets::lenient_base64;

/// More than any provider sends.
const MAX_SIGNATURES: usize = 16;

/// A signature found in a header.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) bytes: Vec<u8>,
    pub(super) algorithm: Algorithm,
    encoding: &'static str,
    /// What stands before it, as far as it belongs to it.
    prefix: String,
    /// The scheme reads it so too.
    as_said: bool,
}

/// Those of the header's copies; `strict` are the ones that the scheme itself has found.
pub(super) fn offered<'a>(
    scheme: &Scheme,
    strict: &[&str],
    values: impl Iterator<Item = &'a str>,
) -> Vec<Offered> {
    let mut found: Vec<Offered> = Vec::new();
    let readable = |text: &&&str| {
        scheme
            .encoding
            .decode(&scheme.prefix, scheme.bare, text)
            .is_some()
    };
    for text in strict.iter().filter(readable) {
        let bytes = scheme.encoding.decode(&scheme.prefix, scheme.bare, text);
        let bytes = bytes.unwrap_or_default();
        if let Some(algorithm) = algorithm(bytes.len()) {
            found.push(Offered {
                bytes,
                algorithm,
                encoding: name(scheme.encoding),
                prefix: scheme.prefix.clone(),
                as_said: true,
            });
        }
    }
    for (prefix, text) in values.flat_map(pieces) {
        for (bytes, encoding) in decoded(text) {
            let Some(algorithm) = algorithm(bytes.len()) else {
                continue;
            };
            if found.len() < MAX_SIGNATURES && !found.iter().any(|it| it.bytes == bytes) {
                found.push(Offered {
                    bytes,
                    algorithm,
                    encoding,
                    prefix: prefix.to_owned(),
                    as_said: false,
                });
            }
        }
    }
    found
}

/// The whole value, and its parts between separators, each whole and behind its first `=`, `,` or `:`.
fn pieces(value: &str) -> Vec<(&str, &str)> {
    let trim = |text: &'_ str| -> usize { text.len() - text.trim_start_matches([' ', '"']).len() };
    let mut pieces = Vec::new();
    let parts = std::iter::once(value).chain(value.split([',', ' ', ';']));
    for part in parts {
        let part = part.get(trim(part)..).unwrap_or_default();
        let part = part.trim_end_matches([' ', '"']);
        pieces.push(("", part));
        for sign in ['=', ':', ','] {
            if let Some((name, rest)) = part.split_once(sign) {
                let prefix = part.get(..=name.len()).unwrap_or_default();
                pieces.push((prefix, rest));
            }
        }
    }
    pieces
}

fn decoded(text: &str) -> Vec<(Vec<u8>, &'static str)> {
    let hex = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok();
    let base64 = lenient_base64(text);
    let hex = hex.map(|bytes| (bytes, "hex"));
    hex.into_iter()
        .chain(base64.map(|bytes| (bytes, "base64")))
        .collect()
}

fn algorithm(length: usize) -> Option<Algorithm> {
    match length {
        20 => Some(Algorithm::Sha1),
        32 => Some(Algorithm::Sha256),
        64 => Some(Algorithm::Sha512),
        _ => None,
    }
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    }
}

const fn hash(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha1 => "sha1",
        Algorithm::Sha256 => "sha256",
        Algorithm::Sha512 => "sha512",
        // Of which nothing is tried.
        other => other.title(),
    }
}

impl Offered {
    /// What differs in how it is written from what the scheme says: cause and sentence; none: nothing.
    pub(super) fn manner(&self, scheme: &Scheme) -> Option<(&'static str, String)> {
        if self.algorithm != scheme.algorithm {
            let text = format!(
                "the signature is one of {}, and the source says {}",
                hash(self.algorithm),
                hash(scheme.algorithm)
            );
            return Some(("signature_algorithm", text));
        }
        if self.as_said {
            return None;
        }
        let wanted = name(scheme.encoding);
        if self.encoding != wanted {
            let text = format!(
                "the signature is written in {}, and the source says {wanted}",
                self.encoding
            );
            return Some(("signature_encoding", text));
        }
        let (cause, text) = match (self.prefix.as_str(), &*scheme.prefix) {
            (found, prefix) if found == prefix || scheme.entries.is_some() => (
                "signature_form",
                "the signature matches, but stands in its header in another form than the source says (spaces, quotes, padding, or a list)".to_owned(),
            ),
            ("", prefix) => (
                "signature_prefix_missing",
                format!("the signature matches, but the `{prefix}` that the source says does not stand before it"),
            ),
            (found, "") => (
                "signature_prefix",
                format!("`{found}` stands before the signature: say `prefix = \"{found}\"` in the source's `signature`"),
            ),
            (found, prefix) if found.eq_ignore_ascii_case(prefix) => (
                "signature_prefix_case",
                format!("`{found}` stands before the signature, and the source says `{prefix}` in other letters: the case counts"),
            ),
            (found, prefix) => (
                "signature_prefix",
                format!("`{found}` stands before the signature, and the source says `{prefix}`"),
            ),
        };
        Some((cause, text))
    }
}
