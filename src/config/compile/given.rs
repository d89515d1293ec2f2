//! What a source gives to a scheme that is code: its settings, with what they refer to read, and its secrets.
//!
//! Which settings a provider takes is the catalogue's; whether they are good is the scheme's own to say, in a fault that names
//! the key.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;
use crate::token::{Location, PublishedKeys};
use crate::verify::Proof;
use crate::verify::diagnosis::Candidate;
use crate::verify::given::{Build, Fault, Given, Recipe};
use crate::verify::handshake::Handshake;
use crate::verify::providers::Preset;
use crate::verify::schemes::unready::Unready;
use crate::verify::verifier::Verifier;

use super::super::file;
use super::super::problem::Finding;
use super::secrets::stand_in_pair;
use super::{Compiler, Spanned, Text, codes};

impl Compiler<'_> {
    pub(super) fn code(
        &mut self,
        source: &file::Source,
        mut given: Given,
        needs_secrets: bool,
        build: Build,
    ) -> Option<Proof> {
        let name: Arc<str> = source.name.get_ref().as_str().into();
        let recipe = Recipe::new(&given, build);
        self.secrets.recipes.insert(name, recipe);
        if !needs_secrets && source.secrets.is_none() {
            return self.built(source, build(&given)).ok();
        }
        self.with_secrets(source, |compiler, secrets| {
            given.secrets = secrets.to_vec();
            compiler.built(source, build(&given))
        })
    }

    /// A token or a password.
    pub(super) fn generic_proof(&mut self, source: &file::Source, build: Build) -> Option<Proof> {
        let given = self.given(source, None, None)?;
        self.code(source, given, true, build)
    }

    fn has_stand_in(&self, source: &file::Source) -> bool {
        self.secrets
            .stand_ins
            .contains(source.name.get_ref().as_str())
    }

    fn built(
        &mut self,
        source: &file::Source,
        built: Result<Box<dyn Verifier>, Fault>,
    ) -> Result<Proof, Option<(usize, String)>> {
        match built {
            Ok(verifier) => Ok(Proof::Scheme(verifier)),
            Err(fault) if fault.key == "secrets" && source.secrets.is_some() => {
                Err(Some((fault.index, fault.message)))
            }
            // Keys that cannot be read here have their warning; what stands for them is no key.
            Err(fault)
                if matches!(fault.key, "public_keys" | "keys") && self.has_stand_in(source) =>
            {
                Ok(Proof::Scheme(Box::new(Unready)))
            }
            Err(fault) => {
                self.given_fault(source, &fault);
                Err(None)
            }
        }
    }

    /// Builds with the secrets of a source. One that `attempt` calls unfit, by its number and a sentence, gives way to its
    /// last value, and that to a stand-in of one form and then of the other: there are no more turns than three for each.
    pub(super) fn with_secrets<T>(
        &mut self,
        source: &file::Source,
        mut attempt: impl FnMut(&mut Self, &[Secret]) -> Result<T, Option<(usize, String)>>,
    ) -> Option<T> {
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
        let awaits = super::handshake::written(source) == Some(Handshake::Asana);
        let secrets: Vec<_> = references
            .iter()
            .map(|text| {
                if awaits {
                    self.awaited_secret(&name, text)
                } else {
                    self.secret(&name, text)
                }
            })
            .collect();
        let mut secrets: Vec<Secret> = secrets.into_iter().collect::<Option<_>>()?;
        let named = references.iter().zip(&secrets);
        let named = named.map(|(text, secret)| Candidate {
            source: name.to_string(),
            reference: text.get_ref().clone(),
            secret: secret.clone(),
        });
        self.secrets.named.extend(named);
        let mut seen = HashSet::new();
        for _ in 0..=3 * references.len() {
            let (index, why) = match attempt(self, &secrets) {
                Ok(built) => {
                    self.secrets.used.insert(name, secrets);
                    return Some(built);
                }
                Err(unfit) => unfit?,
            };
            let text = references.get(index)?;
            let other = if self.secrets.made.contains(secrets.get(index)?) {
                stand_in_pair()
            } else if seen.insert(index) {
                self.unreadable(&name, text, &why)
            } else {
                self.refuse_secret(&name, text, &why)
            };
            *secrets.get_mut(index)? = other;
        }
        let message = "no form of secret fits this scheme";
        self.findings
            .push(Finding::error(codes::SECRET, list.span(), message));
        None
    }

    /// Everything but the secrets.
    pub(super) fn given(
        &mut self,
        source: &file::Source,
        preset: Option<&Preset>,
        tolerance: Option<Duration>,
    ) -> Option<Given> {
        let settings = &source.settings;
        let name: Arc<str> = source.name.get_ref().as_str().into();
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
        let list = |list: &Option<Spanned<Vec<Text>>>| {
            let texts = list.as_ref().map(Spanned::get_ref).into_iter().flatten();
            texts.map(|text| text.get_ref().clone()).collect()
        };
        let public_keys = match &settings.public_keys {
            Some(keys) => self.public_keys(&name, keys.get_ref())?,
            None => Vec::new(),
        };
        let keys = match &settings.keys {
            Some(keys) => self.named_keys(&name, keys.get_ref())?,
            None => Vec::new(),
        };
        let certificates = match &settings.certificates {
            Some(copies) => self.copies(copies.get_ref())?,
            None => Vec::new(),
        };
        let client_id = super::optional(settings.client_id.as_ref(), |text| {
            self.held_secret(&name, text)
        })?;
        let roots = super::optional(settings.roots.as_ref(), |text| self.file("roots", text))?;
        let jwks = match &settings.jwks {
            Some(text) => Some(self.location(text)?),
            None => preset
                .and_then(|preset| preset.jwks)
                .and_then(|url| Location::parse(url).ok()),
        };
        Some(Given {
            name: name.to_string(),
            secrets: Vec::new(),
            tolerance,
            url: self.url_of(source)?,
            public_keys,
            webhook_id: text(&settings.webhook_id),
            topics: list(&settings.topics),
            audience: text(&settings.audience),
            service_account: text(&settings.service_account),
            client_key: text(&settings.client_key),
            client_id,
            environment: text(&settings.environment),
            public_key_id: text(&settings.public_key_id),
            algorithm: text(&settings.algorithm),
            keys,
            require: list(&settings.require),
            header: text(&settings.header),
            prefix: text(&settings.prefix),
            encoding: text(&settings.encoding),
            jwks: jwks.map(|location| PublishedKeys {
                ring: self.ring(&location),
                location,
            }),
            certificates,
            fetched: self.fetched.clone(),
            served: self.served.clone(),
            roots,
        })
    }

    /// What the provider calls: the source's own `public_url`, else the process's with the path of the source.
    #[expect(
        clippy::option_option,
        reason = "the outer one says that a finding was made"
    )]
    fn url_of(&mut self, source: &file::Source) -> Option<Option<String>> {
        let Some(text) = &source.settings.public_url else {
            let base = self.options.public_url.as_ref();
            return Some(base.map(|base| {
                let base = base.trim_end_matches('/');
                format!("{base}/hooks/{}", source.name.get_ref())
            }));
        };
        let url = text.get_ref();
        let parsed: Option<http::Uri> = url.parse().ok();
        let whole = parsed.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        if whole {
            return Some(Some(url.clone()));
        }
        self.findings.push(
            Finding::error(
                codes::BAD_VALUE,
                text.span(),
                "this is no address that a provider could call",
            )
            .help(
                "exactly what is registered there, as in \"https://hooks.example.com/hooks/shop\"",
            ),
        );
        None
    }

    /// A public key may stand in the file: it is no secret.
    fn public_keys(&mut self, source: &Arc<str>, texts: &[Text]) -> Option<Vec<String>> {
        let mut keys = Vec::new();
        for text in texts {
            let written = text.get_ref();
            if written.starts_with("env:") || written.starts_with("file:") {
                let held = self.held_secret(source, text)?;
                keys.push(String::from_utf8_lossy(held.expose()).trim().to_owned());
            } else {
                keys.push(written.clone());
            }
        }
        Some(keys)
    }

    fn named_keys(
        &mut self,
        source: &Arc<str>,
        pairs: &[(Text, Text)],
    ) -> Option<Vec<(String, Secret)>> {
        pairs
            .iter()
            .map(|(id, text)| Some((id.get_ref().clone(), self.held_secret(source, text)?)))
            .collect()
    }

    fn copies(&mut self, pairs: &[(Text, Text)]) -> Option<Vec<(String, Vec<u8>)>> {
        pairs
            .iter()
            .map(|(url, text)| Some((url.get_ref().clone(), self.file("certificates", text)?)))
            .collect()
    }

    /// The content of a `file:` that is no secret.
    fn file(&mut self, key: &str, text: &Text) -> Option<Vec<u8>> {
        let path = text.get_ref().strip_prefix("file:").map(Path::new);
        let Some(path) = path.filter(|path| path.is_absolute()) else {
            let message = format!("`{key}` takes a file: \"file:/path\"");
            self.error(codes::BAD_VALUE, text, message);
            return None;
        };
        match self.files.read(path) {
            Ok(content) => Some(content),
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", path.display());
                self.error(codes::SECRET, text, message);
                None
            }
        }
    }

    /// At the value of the key, or at the provider where the key is missing.
    fn given_fault(&mut self, source: &file::Source, fault: &Fault) {
        let provider = || source.provider.as_ref().map(Spanned::span);
        let (code, span) = match source.keys.span(fault.key) {
            Some(span) => (codes::BAD_VALUE, Some(span)),
            None => (codes::MISSING_KEY, provider()),
        };
        let span = span.unwrap_or_else(|| source.name.span());
        self.findings
            .push(Finding::error(code, span, fault.message.clone()));
    }
}
