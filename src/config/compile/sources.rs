//! `[sources.NAME]`: whose webhooks are taken, and which keys go with which provider.
//!
//! How a source proves its sender is `scheme`'s, what makes two requests the same is `identity`'s.

use std::collections::HashMap;
use std::sync::Arc;

use crate::verify::answers::{self, Answers};
use crate::verify::handshake::Handshake;
use crate::verify::providers::{self, Preset};
use crate::verify::schemes::credential::Credential;
use crate::verify::{BodyRule, Proof, Source};

use super::super::file;
use super::super::problem::Finding;
use super::identity::default_dedup;
use super::trust::Known;
use super::{Compiler, Text, codes, optional, suggest};

/// Generic providers, beside the presets.
const GENERIC: [&str; 5] = ["basic", "hmac", "jwt", "none", "token"];

/// Keys that some providers take and others do not.
const PROVIDERS_OWN: [&str; 26] = [
    "secrets",
    "signature",
    "timestamp",
    "tolerance",
    "issuer",
    "public_keys",
    "jwks",
    "certificates",
    "roots",
    "public_url",
    "webhook_id",
    "topics",
    "audience",
    "service_account",
    "client_key",
    "client_id",
    "environment",
    "public_key_id",
    "algorithm",
    "keys",
    "require",
    "header",
    "prefix",
    "encoding",
    "handshake",
    "verify_token",
];

/// Those that every preset takes, or refuses with a sentence of its own.
const OF_PRESETS: [&str; 2] = ["secrets", "tolerance"];

/// What `provider` may be.
pub(in super::super) fn known_providers() -> Vec<&'static str> {
    let presets = providers::ALL.iter().map(|preset| preset.name);
    GENERIC.into_iter().chain(presets).collect()
}

/// What `provider` says.
#[derive(Clone, Copy)]
pub(super) enum Provider {
    Preset(&'static Preset),
    Hmac,
    Jwt,
    Token,
    Basic,
    None,
}

impl Compiler<'_> {
    pub(super) fn sources(
        &mut self,
        written: &[file::Source],
        known: Known<'_>,
    ) -> HashMap<Arc<str>, Arc<Source>> {
        // Where something is wrong, they may be there under another name.
        if written.is_empty() && !self.findings.has_error() {
            let message = "no sources: every webhook will be answered with 404";
            self.findings
                .push(Finding::warning(codes::NO_SOURCES, 0..0, message));
        }
        written
            .iter()
            .filter_map(|source| self.source(source, known))
            .map(|source| (source.name.clone(), Arc::new(source)))
            .collect()
    }

    fn source(&mut self, written: &file::Source, known: Known<'_>) -> Option<Source> {
        self.check_source_name(&written.name);
        let provider_text = written.provider.as_ref()?;
        let provider = self.provider(provider_text);
        let event = self.event(written, provider);
        let body = self.body_rule(written, provider);
        let refuse_unrouted = self.unrouted(written, provider);
        let rate = optional(written.rate.as_ref(), |text| self.rate(text));
        let allow_ips = optional(written.allow_ips.as_ref(), |list| self.networks(list));
        let max_body = optional(written.max_body.as_ref(), |text| self.max_body(text));
        let silence = optional(written.silence.as_ref(), |text| self.duration(text));
        let own_dedup = written.dedup.as_ref().map(|text| self.duration(text));
        let provider = provider?;
        let handshake = self.handshake(written, provider);
        self.refuse_foreign_keys(written, provider, handshake.flatten());
        let proof = match provider {
            Provider::Preset(preset) => self.preset_proof(written, preset),
            Provider::Hmac => self.hmac_proof(written),
            Provider::Jwt => self.token_proof(written, known),
            Provider::Token => self.generic_proof(written, |given| Credential::token(given, None)),
            Provider::Basic => self.generic_proof(written, Credential::basic),
            Provider::None => self.no_proof(provider_text),
        };
        let rate = rate?;
        let handshake = handshake?
            .map(|handshake| self.responder(written, handshake, rate))
            .map_or(Some(None), |responder| responder.map(Some));
        let event = event?;
        self.warn_about_key(written, provider, &event);
        if let Some(proof) = &proof {
            self.note_about_proof(written, provider, proof);
        }
        let dedup = match own_dedup {
            Some(own) => {
                let own = own?;
                self.warn_about_horizon(written, provider, own);
                own
            }
            None => default_dedup(provider, &event, written.timestamp.is_some()),
        };
        Some(Source {
            name: written.name.get_ref().as_str().into(),
            proof: proof?,
            body: body?,
            key: event.key,
            kind: event.kind,
            time: event.time,
            each: event.each,
            dedup,
            refuse_unrouted: refuse_unrouted?,
            rate,
            allow_ips: allow_ips?,
            max_body: max_body?,
            silence: silence?,
            handshake: handshake?,
            preset: match provider {
                Provider::Preset(preset) => Some(preset),
                _ => None,
            },
            answers: match provider {
                Provider::Preset(preset) => answers::of(preset.name),
                _ => Answers::DEFAULT,
            },
            recipe: self.secrets.recipes.remove(written.name.get_ref().as_str()),
        })
    }

    fn check_source_name(&mut self, name: &Text) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let text = name.get_ref();
        if !(1..=64).contains(&text.len()) || !text.chars().all(plain) {
            let message = format!("`{text}` cannot name a source");
            self.findings.push(
                Finding::error(codes::NAME, name.span(), message)
                    .help("1 to 64 of a-z, 0-9 and `-`: it is part of the address, /hooks/NAME"),
            );
        }
    }

    fn provider(&mut self, text: &Text) -> Option<Provider> {
        match text.get_ref().as_str() {
            "hmac" => return Some(Provider::Hmac),
            "jwt" => return Some(Provider::Jwt),
            "token" => return Some(Provider::Token),
            "basic" => return Some(Provider::Basic),
            "none" => return Some(Provider::None),
            name => {
                if let Some(preset) = providers::find(name) {
                    return Some(Provider::Preset(preset));
                }
            }
        }
        let name = text.get_ref();
        let near = suggest::nearest(name, known_providers());
        let help = near.map_or_else(
            || "`signalpost providers` lists them all; any other is `hmac`, `token`, `basic` or `jwt`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no provider `{name}`");
        let finding = Finding::error(codes::UNKNOWN_NAME, text.span(), message);
        self.findings.push(finding.help(help));
        None
    }

    fn no_proof(&mut self, provider: &Text) -> Option<Proof> {
        if self.options.allow_unverified {
            return Some(Proof::None);
        }
        let message = "`provider = \"none\"` proves nothing about the sender";
        self.findings.push(
            Finding::error(codes::UNVERIFIED, provider.span(), message)
                .help("start with --allow-unverified if that is meant, and only behind something that proves it"),
        );
        None
    }

    fn token_proof(&mut self, written: &file::Source, known: Known<'_>) -> Option<Proof> {
        let Some(list) = &written.issuer else {
            if written.keys.has("issuer") {
                return None;
            }
            let message = "a `jwt` source needs an `issuer`";
            self.findings.push(
                Finding::error(codes::MISSING_KEY, written.name.span(), message)
                    .help("the NAME of an `[issuers.NAME]`, `keys` for API keys, or a list"),
            );
            return None;
        };
        let trusted = self.trusted(list, known)?;
        Some(Proof::Token {
            issuers: trusted.issuers,
            keys: trusted.keys.then(|| Arc::clone(known.keys)),
        })
    }

    /// Keys that mean something for another provider only.
    fn refuse_foreign_keys(
        &mut self,
        written: &file::Source,
        provider: Provider,
        handshake: Option<Handshake>,
    ) {
        let takes: &[&str] = match provider {
            Provider::Preset(preset) => preset.settings,
            Provider::Hmac => &[
                "secrets",
                "signature",
                "timestamp",
                "tolerance",
                "handshake",
            ],
            Provider::Jwt => &["issuer", "handshake"],
            Provider::Token => &["secrets", "header", "prefix", "handshake"],
            Provider::Basic => &["secrets", "handshake"],
            Provider::None => &[],
        };
        let handshakes = handshake.map_or(&[][..], Handshake::settings);
        let preset = matches!(provider, Provider::Preset(_));
        let name = written.provider.as_ref().map_or("", |text| text.get_ref());
        for (key, span) in written.keys.iter() {
            let fits = !PROVIDERS_OWN.contains(&key)
                || takes.contains(&key)
                || handshakes.contains(&key)
                || (preset && OF_PRESETS.contains(&key));
            if !fits {
                let message = format!("`{key}` means nothing for provider `{name}`");
                self.findings
                    .push(Finding::error(codes::CONFLICT, span, message));
            }
        }
    }

    fn body_rule(
        &mut self,
        written: &file::Source,
        provider: Option<Provider>,
    ) -> Option<BodyRule> {
        const WORDS: [(&str, BodyRule); 3] = [
            ("json", BodyRule::Json),
            ("form", BodyRule::Form),
            ("text", BodyRule::Text),
        ];
        match (&written.body, provider) {
            (Some(text), _) => self.word("body", text, &WORDS),
            (None, Some(Provider::Preset(preset))) => Some(preset.body),
            (None, _) => Some(BodyRule::ByMediaType),
        }
    }

    fn unrouted(&mut self, written: &file::Source, provider: Option<Provider>) -> Option<bool> {
        match &written.unrouted {
            Some(text) => self.word("unrouted", text, &[("keep", false), ("refuse", true)]),
            None => Some(matches!(provider, Some(Provider::Jwt))),
        }
    }
}
