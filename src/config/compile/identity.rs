//! What makes two requests the same event: key, time and retention of a source.
//!
//! The defaults follow one rule: keys are kept for as long as a request could come again, be it from
//! the provider or from whoever captured it.

use std::time::Duration;

use crate::expr::{Expr, Scope};
use crate::verify::Proof;
use crate::verify::providers::{Batch, SchemeSpec};
use crate::verify::spec::{Place, SignatureSpec, TimestampSpec};

use super::super::file::{self, Each};
use super::super::problem::Finding;
use super::sources::Provider;
use super::{Compiler, Spanned, Text, codes, optional};
use crate::duration;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// The expressions of a source.
pub(super) struct Event {
    pub(super) key: Option<Expr>,
    pub(super) kind: Option<Expr>,
    pub(super) time: Option<Expr>,
    pub(super) each: Option<Expr>,
}

impl Compiler<'_> {
    /// A source's own expressions go before its preset's.
    pub(super) fn event(
        &mut self,
        written: &file::Source,
        provider: Option<Provider>,
    ) -> Option<Event> {
        let preset = match provider {
            Some(Provider::Preset(preset)) => Some(preset),
            _ => None,
        };
        let at = written.provider.as_ref()?.span();
        let own = |own: &Option<Text>, default: Option<&str>| {
            own.clone()
                .or_else(|| default.map(|text| Spanned::new(at.clone(), text.to_owned())))
        };
        let batch = preset.and_then(|preset| preset.batch);
        let (key, kind) = if written.each.is_some() {
            (batch.and_then(|it| it.key), batch.and_then(|it| it.kind))
        } else {
            (preset.and_then(|it| it.key), preset.and_then(|it| it.kind))
        };
        let each = self.each(written, batch)?;
        let texts = [
            own(&written.event.key, key),
            own(&written.event.kind, kind),
            own(&written.event.time, None),
            each,
        ];
        let [key, kind, time, each] =
            texts.map(|text| optional(text, |text| self.expr(&text, Scope::SOURCE)));
        Some(Event {
            key: key?,
            kind: kind?,
            time: time?,
            each: each?,
        })
    }

    /// The list as the source writes it, or as the preset knows it.
    #[expect(
        clippy::option_option,
        reason = "the outer one says that a finding was made"
    )]
    fn each(&mut self, written: &file::Source, batch: Option<Batch>) -> Option<Option<Text>> {
        let Some(each) = &written.each else {
            return Some(None);
        };
        let text = match (each.get_ref(), batch) {
            (Each::Written(text), _) => text.as_str(),
            (Each::AsProvider, Some(batch)) => batch.each,
            (Each::AsProvider, None) => {
                let message =
                    "this provider sends one event a request, or says not how they are told apart";
                self.findings.push(
                    Finding::error(codes::BAD_VALUE, each.span(), message)
                        .help("write the list: `each = \"body.events\"`"),
                );
                return None;
            }
        };
        Some(Some(Spanned::new(each.span(), text.to_owned())))
    }

    /// A retry that comes after its key has gone would be a new event.
    pub(super) fn warn_about_horizon(
        &mut self,
        written: &file::Source,
        provider: Provider,
        dedup: Duration,
    ) {
        if let (Provider::Preset(preset), Some(text)) = (provider, &written.dedup)
            && let Some(horizon) = preset.horizon.filter(|&horizon| dedup < horizon)
        {
            let message = format!(
                "{} goes on trying for {}, longer than keys are kept",
                preset.title,
                duration::show(horizon)
            );
            self.findings
                .push(
                    Finding::warning(codes::HORIZON, text.span(), message).help(format!(
                        "a late retry would be taken for a new event: at least `dedup = \"{}\"`",
                        duration::show(horizon)
                    )),
                );
        }
    }

    /// What travels along as it is proves the sender, and nothing of what is sent.
    pub(super) fn note_about_proof(
        &mut self,
        written: &file::Source,
        provider: Provider,
        proof: &Proof,
    ) {
        let bound = match (provider, proof) {
            (Provider::Preset(preset), Proof::Scheme(scheme)) => {
                preset.binds_body && scheme.binds_body() && !scheme.credentials().any()
            }
            (Provider::Token | Provider::Basic, _) => false,
            _ => true,
        };
        if let (Some(text), false) = (&written.provider, bound) {
            let message = "the proof does not cover the body: whoever sees one request can send another with it";
            self.findings
                .push(Finding::note(codes::UNBOUND, text.span(), message).help(
                    "take it over TLS alone; in a workflow, ask the sender before you act on it",
                ));
        }
    }

    pub(super) fn warn_about_key(
        &mut self,
        written: &file::Source,
        provider: Provider,
        event: &Event,
    ) {
        let digest_only = matches!(
            provider,
            Provider::Hmac | Provider::Jwt | Provider::Token | Provider::Basic
        );
        let Some(key) = &event.key else {
            if let Some(text) = written.provider.as_ref().filter(|_| digest_only) {
                let message =
                    "without `event.key`, equal requests are one event for 10 minutes only";
                self.findings
                    .push(Finding::warning(codes::NO_KEY, text.span(), message).help(
                        "name the id that the sender gives: `event = { key = \"body.id\" }`",
                    ));
            }
            return;
        };
        let signed = signed_headers(written, provider);
        if let (Some(text), Some(signed)) = (&written.event.key, signed)
            && reads_unsigned(key, &signed)
        {
            let message = "nothing signs what this key is read from";
            self.findings.push(
                Finding::warning(codes::UNSIGNED_KEY, text.span(), message).help(
                    "whoever repeats a captured request could change it: take an id from the body",
                ),
            );
        }
    }
}

/// The headers that a scheme signs; none where the sender needs no signature to be believed.
fn signed_headers(written: &file::Source, provider: Provider) -> Option<Vec<String>> {
    let lower = |text: &str| text.to_ascii_lowercase();
    match provider {
        Provider::Preset(preset) => Some(match &preset.scheme {
            SchemeSpec::Signature {
                signature,
                timestamp,
            } => headers_of(signature, timestamp.as_ref()),
            SchemeSpec::Code { signed_headers, .. } => {
                signed_headers.iter().map(|name| lower(name)).collect()
            }
        }),
        Provider::Hmac => {
            let stamp = written.timestamp.as_ref().map(Spanned::get_ref);
            let signature = written.signature.as_ref().map(Spanned::get_ref);
            let stamp = stamp.and_then(|stamp| stamp.header.as_ref());
            let id = signature.and_then(|signature| signature.id_header.as_ref());
            let names = stamp.into_iter().chain(id);
            Some(names.map(|text| lower(text.get_ref())).collect())
        }
        Provider::Jwt | Provider::Token | Provider::Basic | Provider::None => None,
    }
}

fn headers_of(signature: &SignatureSpec<'_>, timestamp: Option<&TimestampSpec<'_>>) -> Vec<String> {
    let stamp = timestamp.and_then(|timestamp| match timestamp.place {
        Place::Header(name) => Some(name),
        Place::Tag(_) => None,
    });
    let other = signature.other.into_iter();
    stamp
        .into_iter()
        .chain(signature.id_header)
        .chain(other.flat_map(|other| other.id_header.into_iter().chain(other.timestamp)))
        .map(str::to_ascii_lowercase)
        .collect()
}

fn reads_unsigned(key: &Expr, signed: &[String]) -> bool {
    if key.reads("query") {
        return true;
    }
    let named = match key.plain_path() {
        Some([root, name, ..]) if root == "headers" => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    match named {
        Some(name) => !signed.contains(&name),
        None => key.reads("headers"),
    }
}

/// How long keys are kept where the source does not say: never shorter than a captured request stays
/// usable.
pub(super) fn default_dedup(provider: Provider, event: &Event, signs_time: bool) -> Duration {
    let (preset, horizon, signs_time) = match provider {
        Provider::Preset(preset) => (preset.dedup, preset.horizon, preset.signs_time()),
        Provider::Hmac => (None, None, signs_time),
        // A token carries its own end.
        Provider::Jwt => (None, None, true),
        Provider::Token | Provider::Basic | Provider::None => (None, None, false),
    };
    let digest_only = event.key.is_none() && !matches!(provider, Provider::Preset(_));
    match preset {
        Some(dedup) => dedup,
        None if digest_only => 10 * MINUTE,
        None if !signs_time && event.time.is_none() => 90 * DAY,
        None => horizon.map_or(7 * DAY, |horizon| horizon.max(7 * DAY)),
    }
}
