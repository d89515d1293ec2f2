//! How a source's provider asks whether this endpoint is its own, and what the source brings to the answer.
//!
//! A preset has its own handshake; a scheme written in the file may name the provider that it is like.

use std::sync::Arc;

use crate::rate::Rate;
use crate::verify::handshake::{self, Handshake, Responder};

use super::super::file;
use super::super::problem::Finding;
use super::sources::Provider;
use super::{Compiler, Spanned, codes, optional};

/// As the file says it, right or wrong.
pub(super) fn written(source: &file::Source) -> Option<Handshake> {
    let text = source.handshake.as_ref().or(source.provider.as_ref())?;
    handshake::of(text.get_ref())
}

impl Compiler<'_> {
    #[expect(
        clippy::option_option,
        reason = "the outer one says that a finding was made"
    )]
    pub(super) fn handshake(
        &mut self,
        source: &file::Source,
        provider: Provider,
    ) -> Option<Option<Handshake>> {
        match (provider, &source.handshake) {
            (Provider::Preset(preset), _) => Some(handshake::of(preset.name)),
            (_, None) => Some(None),
            (_, Some(text)) => {
                let Some(found) = handshake::of(text.get_ref()) else {
                    let known: Vec<_> = handshake::names().collect();
                    self.unknown_name("handshake", text, &known);
                    return None;
                };
                if found.needs_secret() && !matches!(provider, Provider::Hmac) {
                    let message = format!(
                        "the handshake of `{}` is made with the key of a signature: it goes with `provider = \"hmac\"` alone",
                        text.get_ref()
                    );
                    self.error(codes::CONFLICT, text, message);
                    return None;
                }
                Some(Some(found))
            }
        }
    }

    /// After the proof was built, with the secrets that it was built with.
    pub(super) fn responder(
        &mut self,
        source: &file::Source,
        handshake: Handshake,
        rate: Option<Rate>,
    ) -> Option<Responder> {
        let name: Arc<str> = source.name.get_ref().as_str().into();
        let settings = &source.settings;
        let verify_token = optional(settings.verify_token.as_ref(), |text| {
            self.secret(&name, text)
        })?;
        if handshake == Handshake::Meta && verify_token.is_none() {
            self.findings.push(
                Finding::warning(
                    codes::MISSING_KEY,
                    source.name.span(),
                    "without `verify_token` the provider cannot register this address",
                )
                .help("the text that you enter there: `verify_token = \"env:NAME\"`"),
            );
        }
        let topics = settings.topics.as_ref().map(Spanned::get_ref);
        Some(Responder {
            handshake,
            secrets: self.secrets.used.remove(&name).unwrap_or_default(),
            verify_token,
            public_key_id: settings
                .public_key_id
                .as_ref()
                .map(|text| text.get_ref().clone()),
            topics: topics
                .into_iter()
                .flatten()
                .map(|text| text.get_ref().clone())
                .collect(),
            rate,
            vacant: self.secrets.vacant.remove(&name),
        })
    }
}
