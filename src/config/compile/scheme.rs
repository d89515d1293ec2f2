//! How a source proves who sent: a preset's scheme, one written in the file, or a token.
//!
//! Which keys go with which provider is decided here; what a scheme can say is `verify`'s.

use std::time::Duration;

use crate::verify::Proof;
use crate::verify::providers::{Preset, SchemeSpec};
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
        let tolerance = match &source.tolerance {
            Some(text) if !preset.signs_time() => {
                let message = format!("`{}` signs no time to be tolerant of", preset.name);
                self.error(codes::CONFLICT, text, message);
                None
            }
            Some(text) => Some(self.duration(text)?),
            None => None,
        };
        match preset.scheme {
            SchemeSpec::Signature {
                signature,
                timestamp,
            } => {
                let timestamp = timestamp.map(|timestamp| TimestampSpec {
                    tolerance: tolerance.or(timestamp.tolerance),
                    ..timestamp
                });
                self.scheme(source, &signature, timestamp.as_ref())
            }
            SchemeSpec::Code { secrets, build, .. } => {
                let given = self.given(source, preset, tolerance)?;
                self.code(source, given, secrets, build)
            }
        }
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

    fn signature<'w>(&mut self, written: &'w file::Signature) -> Option<SignatureSpec<'w>> {
        let algorithm = written.algorithm.as_ref().and_then(|text| {
            let words = ["sha1", "sha256", "sha512"];
            self.named("algorithm", text, &words, Algorithm::from_name)
        });
        let encoding = written
            .encoding
            .as_ref()
            .and_then(|text| self.named("encoding", text, &["hex", "base64"], Encoding::from_name));
        Some(SignatureSpec {
            header: written.header.as_ref()?.get_ref(),
            layout: Layout::Single,
            copies: Copies::One,
            algorithm: algorithm?,
            encoding: encoding?,
            prefix: text_or(written.prefix.as_ref(), ""),
            signed: text_or(written.signed.as_ref(), "{body}"),
            id_header: None,
            key_form: KeyForm::Plain,
        })
    }

    fn timestamp<'w>(&mut self, written: &'w file::Stamp) -> Option<TimestampSpec<'w>> {
        let unit = match &written.unit {
            Some(text) => self.named("unit", text, &["s", "ms"], Unit::from_name),
            None => Some(Unit::Seconds),
        };
        let tolerance = match &written.tolerance {
            Some(text) => self.duration(text),
            None => Some(DEFAULT_TOLERANCE),
        };
        let header = written.header.as_ref()?.get_ref();
        Some(TimestampSpec {
            place: Place::Header(header),
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
        spec: &SignatureSpec<'_>,
        timestamp: Option<&TimestampSpec<'_>>,
    ) -> Option<Proof> {
        self.with_secrets(source, |compiler, secrets| {
            Scheme::compile(spec, timestamp, secrets)
                .map(Proof::Signature)
                .map_err(|fault| match fault {
                    SchemeFault::SecretForm { index, form } => {
                        Some((index, format!("this secret is not {form}")))
                    }
                    // Nothing is left once its prefix or its encoding is taken off.
                    SchemeFault::EmptySecret { index } => {
                        Some((index, "this secret is empty".to_owned()))
                    }
                    fault => {
                        compiler.scheme_fault(source, &fault);
                        None
                    }
                })
        })
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
            _ => signed,
        };
        let span = span
            .or_else(|| signature.map(Spanned::span))
            .unwrap_or_else(|| source.name.span());
        self.findings
            .push(Finding::error(codes::BAD_VALUE, span, fault.to_string()));
    }
}

fn text_or<'w>(text: Option<&'w Text>, default: &'static str) -> &'w str {
    text.map_or(default, |text| text.get_ref())
}
