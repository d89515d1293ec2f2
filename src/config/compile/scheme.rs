//! How a source proves who sent: a preset's scheme, one written in the file, or a token.
//!
//! Which keys go with which provider is decided here; what a scheme can say is `verify`'s.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;
use crate::verify::Proof;
use crate::verify::providers::Preset;
use crate::verify::scheme::{Scheme, SchemeFault};
use crate::verify::spec::{
    Algorithm, Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Spanned, Text, codes, optional};

const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);

impl Compiler<'_> {
    pub(super) fn preset_proof(&mut self, source: &file::Source, preset: &Preset) -> Option<Proof> {
        let mut timestamp = preset.timestamp.clone();
        if let Some(text) = &source.tolerance {
            let tolerance = self.duration(text);
            if let Some(timestamp) = &mut timestamp {
                timestamp.tolerance = tolerance;
            } else {
                let message = format!("`{}` signs no time to be tolerant of", preset.name);
                self.error(codes::CONFLICT, text, message);
            }
        }
        self.scheme(source, &preset.signature, timestamp.as_ref())
    }

    pub(super) fn hmac_proof(&mut self, source: &file::Source) -> Option<Proof> {
        if let Some(tolerance) = &source.tolerance {
            let message = "the tolerance of a scheme of your own stands in `timestamp`";
            self.findings.push(
                Finding::error(codes::CONFLICT, tolerance.span(), message)
                    .help("`timestamp = { header = \"…\", unit = \"s\", tolerance = \"5m\" }`"),
            );
        }
        let timestamp = optional(source.timestamp.as_ref(), |stamp| {
            self.timestamp(stamp.get_ref())
        });
        let Some(signature) = &source.signature else {
            if source.keys.has("signature") {
                return None;
            }
            let message = "an `hmac` source needs a `signature`";
            self.findings.push(
                Finding::error(codes::MISSING_KEY, source.name.span(), message).help(
                    "`signature = { header = \"…\", algorithm = \"sha256\", encoding = \"hex\", signed = \"{body}\" }`",
                ),
            );
            return None;
        };
        let spec = self.signature(signature.get_ref());
        self.scheme(source, &spec?, timestamp?.as_ref())
    }

    fn signature(&mut self, written: &file::Signature) -> Option<SignatureSpec> {
        let algorithm = written.algorithm.as_ref().and_then(|text| {
            let words = ["sha1", "sha256", "sha512"];
            self.named("algorithm", text, &words, Algorithm::from_name)
        });
        let encoding = written
            .encoding
            .as_ref()
            .and_then(|text| self.named("encoding", text, &["hex", "base64"], Encoding::from_name));
        if let Some((text, at)) = written
            .signed
            .as_ref()
            .and_then(|text| Some((text, dollar(text.get_ref())?)))
        {
            let span = self.text.inside(&text.span(), at, 1);
            let message = "the `$` would be signed too";
            self.findings.push(
                Finding::error(codes::BAD_VALUE, span, message)
                    .help("here a part is `{body}`, `{timestamp}` or `{id}`, without `$`"),
            );
            return None;
        }
        Some(SignatureSpec {
            header: Cow::Owned(written.header.as_ref()?.get_ref().clone()),
            layout: Layout::Single,
            copies: Copies::One,
            algorithm: algorithm?,
            encoding: encoding?,
            prefix: owned_or(written.prefix.as_ref(), ""),
            signed: owned_or(written.signed.as_ref(), "{body}"),
            id_header: None,
            key_form: KeyForm::Plain,
        })
    }

    fn timestamp(&mut self, written: &file::Stamp) -> Option<TimestampSpec> {
        let unit = match &written.unit {
            Some(text) => self.named("unit", text, &["s", "ms"], Unit::from_name),
            None => Some(Unit::Seconds),
        };
        let tolerance = match &written.tolerance {
            Some(text) => self.duration(text),
            None => Some(DEFAULT_TOLERANCE),
        };
        let header = written.header.as_ref()?.get_ref().clone();
        Some(TimestampSpec {
            place: Place::Header(Cow::Owned(header)),
            unit: unit?,
            tolerance: Some(tolerance?),
        })
    }

    fn named<T: Copy>(
        &mut self,
        key: &str,
        text: &Text,
        words: &[&str],
        read: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let pairs: Vec<_> = words
            .iter()
            .filter_map(|word| Some((*word, read(word)?)))
            .collect();
        self.word(key, text, &pairs)
    }

    fn scheme(
        &mut self,
        source: &file::Source,
        spec: &SignatureSpec,
        timestamp: Option<&TimestampSpec>,
    ) -> Option<Proof> {
        let list = source.secrets.as_ref();
        let Some(list) = list.filter(|list| !list.get_ref().is_empty()) else {
            if source.keys.has("secrets") && list.is_none() {
                return None;
            }
            let span = list.map_or(source.name.span(), Spanned::span);
            let message = format!("source `{}` has no secrets", source.name.get_ref());
            self.findings.push(
                Finding::error(codes::MISSING_KEY, span, message)
                    .help("`secrets = [\"env:NAME\"]` or `[\"file:/path\"]`"),
            );
            return None;
        };
        let name: Arc<str> = source.name.get_ref().as_str().into();
        let references = list.get_ref();
        let secrets: Vec<_> = references
            .iter()
            .map(|text| self.secret(&name, text))
            .collect();
        let mut secrets: Vec<Secret> = secrets.into_iter().collect::<Option<_>>()?;
        // A secret of the wrong form gives way to its last value, and that to a stand-in, which has
        // every form: there are no more turns than two for each.
        let mut seen = HashSet::new();
        for _ in 0..=2 * references.len() {
            match Scheme::compile(spec, timestamp, &secrets) {
                Ok(scheme) => return Some(Proof::Signature(scheme)),
                Err(
                    ref fault @ (SchemeFault::SecretForm { index, .. }
                    | SchemeFault::EmptySecret { index }),
                ) => {
                    let text = references.get(index)?;
                    let why = match fault {
                        SchemeFault::SecretForm { form, .. } => {
                            format!("this secret is not {form}")
                        }
                        // Nothing is left once its prefix or its encoding is taken off.
                        _ => "this secret is empty".to_owned(),
                    };
                    let other = if seen.insert(index) {
                        self.unreadable(&name, text, &why)
                    } else {
                        self.refuse_secret(&name, text, &why)
                    };
                    *secrets.get_mut(index)? = other;
                }
                Err(fault) => {
                    self.scheme_fault(source, &fault);
                    return None;
                }
            }
        }
        let message = "no form of secret fits this scheme";
        self.findings
            .push(Finding::error(codes::SECRET, list.span(), message));
        None
    }

    /// What a fault quotes of a text, or the whole text.
    fn part_of(&self, text: &Text, fault: &str) -> std::ops::Range<usize> {
        let quoted = fault.split('`').nth(1).unwrap_or_default();
        match text.get_ref().find(quoted) {
            Some(at) if !quoted.is_empty() => self.text.inside(&text.span(), at, quoted.len()),
            _ => text.span(),
        }
    }

    fn scheme_fault(&mut self, source: &file::Source, fault: &SchemeFault) {
        let signature = source.signature.as_ref();
        let part = |pick: fn(&file::Signature) -> Option<&Text>| {
            signature
                .and_then(|table| pick(table.get_ref()))
                .map(Spanned::span)
        };
        let signed = part(|table| table.signed.as_ref());
        let timestamp = source.timestamp.as_ref();
        let stamp_header = timestamp.and_then(|table| table.get_ref().header.as_ref());
        let span = match fault {
            SchemeFault::HeaderName(name) => match stamp_header {
                Some(header) if header.get_ref() == name => Some(header.span()),
                _ => part(|table| table.header.as_ref()),
            },
            SchemeFault::UnsignedTimestamp => timestamp.map(Spanned::span),
            SchemeFault::Signed(fault) => signature
                .and_then(|table| table.get_ref().signed.as_ref())
                .map(|text| self.part_of(text, &fault.to_string())),
            _ => signed,
        };
        let span = span
            .or_else(|| signature.map(Spanned::span))
            .unwrap_or_else(|| source.name.span());
        self.findings
            .push(Finding::error(codes::BAD_VALUE, span, fault.to_string()));
    }
}

/// `${body}` for `{body}` would sign a `$` that no sender signs.
fn dollar(signed: &str) -> Option<usize> {
    ["${body}", "${timestamp}", "${id}"]
        .into_iter()
        .find_map(|placeholder| signed.find(placeholder))
}

fn owned_or(text: Option<&Text>, default: &'static str) -> Cow<'static, str> {
    text.map_or(Cow::Borrowed(default), |text| {
        Cow::Owned(text.get_ref().clone())
    })
}
