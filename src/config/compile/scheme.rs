//! How a source proves who sent: a preset's scheme, one written in the file, or a token.
//!
//! Which keys go with which provider is decided here; what a scheme can say is `verify`'s.

use std::time::Duration;

use crate::verify::Proof;
use crate::verify::given::Fault;
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
                let given = self.given(source, Some(preset), tolerance)?;
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
        let written = signature.get_ref();
        let spec = self.signature(written);
        let timestamp = self.stamp(source, written);
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
        let key_form = match &written.key {
            Some(text) => self.named("key", text, &["text", "hex", "base64"], KeyForm::from_name),
            None => Some(KeyForm::Plain),
        };
        let layout = match &written.list {
            Some(list) => self.list(list.get_ref()),
            None => Some(Layout::Single),
        };
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
            header: written.header.as_ref()?.get_ref(),
            layout: layout?,
            copies: Copies::One,
            algorithm: algorithm?,
            encoding: encoding?,
            prefix: text_or(written.prefix.as_ref(), ""),
            bare: false,
            signed: text_or(written.signed.as_ref(), "{body}"),
            id_header: written
                .id_header
                .as_ref()
                .map(|text| text.get_ref().as_str()),
            key_form: key_form?,
            other: None,
            pinned: None,
        })
    }

    fn list<'w>(&mut self, written: &'w file::List) -> Option<Layout<'w>> {
        let separator = self.character("separator", written.separator.as_ref(), ',');
        let assign = self.character("assign", written.assign.as_ref(), '=');
        Some(Layout::Tagged {
            separator: separator?,
            assign: assign?,
            tag: written.tag.as_ref()?.get_ref(),
        })
    }

    fn character(&mut self, key: &str, text: Option<&Text>, default: char) -> Option<char> {
        let Some(text) = text else {
            return Some(default);
        };
        let mut characters = text.get_ref().chars();
        if let (Some(only), None) = (characters.next(), characters.next()) {
            return Some(only);
        }
        self.error(codes::BAD_VALUE, text, format!("`{key}` is one character"));
        None
    }

    /// Where the signed time stands: in a header of its own, or under a tag of the signature's list.
    #[expect(
        clippy::option_option,
        reason = "the outer one says that a finding was made"
    )]
    fn stamp<'w>(
        &mut self,
        source: &'w file::Source,
        signature: &'w file::Signature,
    ) -> Option<Option<TimestampSpec<'w>>> {
        let list = signature.list.as_ref().map(Spanned::get_ref);
        let tag = list.and_then(|list| list.timestamp.as_ref());
        let written = source.timestamp.as_ref();
        let header = written.and_then(|stamp| stamp.get_ref().header.as_ref());
        let place = match (header, tag) {
            (Some(header), None) => Place::Header(header.get_ref()),
            (None, Some(tag)) => Place::Tag(tag.get_ref()),
            (Some(header), Some(_)) => {
                let message =
                    "the time stands in a header, or in the signature's `list`: not in both";
                self.error(codes::CONFLICT, header, message);
                return None;
            }
            (None, None) => {
                let Some(stamp) = written else {
                    return Some(None);
                };
                let message = "nothing says where the time stands";
                self.findings.push(
                    Finding::error(codes::MISSING_KEY, stamp.span(), message)
                        .help("`header = \"…\"`, or `timestamp = \"t\"` in the signature's `list`"),
                );
                return None;
            }
        };
        let unit = optional(
            written.and_then(|stamp| stamp.get_ref().unit.as_ref()),
            |text| self.named("unit", text, &["s", "ms", "iso"], Unit::from_name),
        );
        let tolerance = written.and_then(|stamp| stamp.get_ref().tolerance.as_ref());
        let tolerance = optional(tolerance, |text| self.duration(text))?;
        Some(Some(TimestampSpec {
            place,
            unit: unit?.unwrap_or(Unit::Seconds),
            tolerance: Some(tolerance.unwrap_or(DEFAULT_TOLERANCE)),
        }))
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
            let compiled = Scheme::compile(spec, timestamp, secrets);
            compiled.map(Proof::Signature).map_err(|fault| {
                let of_secret = Fault::from(fault.clone());
                if of_secret.key == "secrets" {
                    return Some((of_secret.index, of_secret.message));
                }
                compiler.scheme_fault(source, &fault);
                None
            })
        })
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
                _ => part(|table| table.id_header.as_ref())
                    .filter(|_| signature.is_some_and(|table| id_is(table.get_ref(), name)))
                    .or_else(|| part(|table| table.header.as_ref())),
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

fn id_is(signature: &file::Signature, name: &str) -> bool {
    let id = signature.id_header.as_ref();
    id.is_some_and(|text| text.get_ref() == name)
}

/// `${body}` for `{body}` would sign a `$` that no sender signs.
fn dollar(signed: &str) -> Option<usize> {
    ["${body}", "${timestamp}", "${id}"]
        .into_iter()
        .find_map(|placeholder| signed.find(placeholder))
}

fn text_or<'w>(text: Option<&'w Text>, default: &'static str) -> &'w str {
    text.map_or(default, |text| text.get_ref())
}
