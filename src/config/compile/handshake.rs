//! How a source's provider asks whether this endpoint is its own, and what the source brings to the answer.
//!
//! A preset has its own handshake; a scheme written in the file may name the provider that it is like.

use std::collections::HashMap;
use std::sync::Arc;

use crate::rate::Rate;
use crate::verify::Source;
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

    /// X's challenge has the first secret of a source sign what anybody asks for. Whatever else takes a signature by it would
    /// take a stranger's: a body, and even a token. Sources that answer the same challenge know what was asked, and refuse it.
    pub(super) fn warn_of_told_secrets(&mut self, sources: &HashMap<Arc<str>, Arc<Source>>) {
        let mut tellers: Vec<(&Arc<str>, &Responder)> = sources
            .values()
            .filter_map(|source| Some((&source.name, source.handshake.as_ref()?)))
            .filter(|(_, own)| own.handshake == Handshake::X)
            .collect();
        tellers.sort_by_key(|(name, _)| *name);
        for held in &self.secrets.held {
            let answers = tellers.iter().any(|(name, _)| **name == held.holder);
            let teller = tellers
                .iter()
                .find(|(_, own)| own.secrets.first() == Some(&held.secret));
            let Some((name, _)) = teller.filter(|_| !answers) else {
                continue;
            };
            let message = format!(
                "the source `{name}` answers X's challenge with this secret, so that anybody can have text signed with it"
            );
            self.findings.push(
                Finding::warning(codes::TOLD_SECRET, held.span.clone(), message).help(
                    "a secret of its own; a second address that X calls says `handshake = \"x\"` too",
                ),
            );
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
