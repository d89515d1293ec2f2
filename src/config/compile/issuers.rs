//! `[issuers.NAME]`: who signs tokens, with which keys or shared secrets.
//!
//! Whether an address answers is `jwks`'s to find out; a key file is looked into here, because a
//! person can mend it now.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::expr::Scope;
use crate::secret::Secret;
use crate::token::{API_KEYS, Algorithm, Issuer, KeyRing, KeySet, Location};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Spanned, Text, codes, hints, optional};

const DEFAULT_ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// An issuer as a holder of secrets; no source is called so.
pub(in super::super) fn secret_holder(issuer: &str) -> Arc<str> {
    format!("issuer:{issuer}").into()
}

impl Compiler<'_> {
    pub(super) fn issuers(&mut self, written: &[file::Issuer]) -> HashMap<Arc<str>, Arc<Issuer>> {
        written
            .iter()
            .filter_map(|issuer| self.issuer(issuer))
            .map(|issuer| (issuer.name.clone(), Arc::new(issuer)))
            .collect()
    }

    fn issuer(&mut self, written: &file::Issuer) -> Option<Issuer> {
        let reserved = written.name.get_ref() == API_KEYS;
        if reserved {
            let message = "no issuer is called `keys`: as an `issuer` it means the API keys";
            self.error(codes::NAME, &written.name, message);
        }
        let issuer = written
            .issuer
            .as_ref()
            .and_then(|text| self.filled("issuer", text));
        let audience = written
            .audience
            .as_ref()
            .and_then(|list| self.filled_list("audience", list));
        let parties = match &written.azp {
            Some(list) => self.filled_list("azp", list),
            None => Some(Vec::new()),
        };
        let algorithms = match &written.algorithms {
            Some(list) => self.algorithms(list, written),
            None if written.keys.has("secrets") => Some(vec![Algorithm::HS256]),
            None => Some(DEFAULT_ALGORITHMS.to_vec()),
        };
        let keys = self.issuer_keys(written, algorithms.as_deref());
        let roles = optional(written.roles.as_ref(), |text| {
            self.expr(text, Scope::CLAIMS)
        });
        let (keys, ring) = keys?;
        (!reserved).then_some(())?;
        Some(Issuer {
            name: written.name.get_ref().as_str().into(),
            issuer: issuer?,
            audience: audience?,
            parties: parties?,
            algorithms: algorithms?,
            keys,
            ring,
            roles: roles?,
        })
    }

    /// Shared secrets, a place of keys, or the issuer's own word on where its keys are.
    fn issuer_keys(
        &mut self,
        written: &file::Issuer,
        algorithms: Option<&[Algorithm]>,
    ) -> Option<(Option<Location>, KeyRing)> {
        if let Some(list) = &written.secrets {
            if written.keys.has("jwks") {
                let message = "an issuer has either `secrets` or a `jwks`, never both";
                self.findings.push(
                    Finding::error(codes::CONFLICT, list.span(), message)
                        .help("with both, a public key could be taken for a secret"),
                );
                return None;
            }
            let secrets = self.shared_secrets(written, list, algorithms?)?;
            let ring = KeyRing::default();
            ring.replace(Arc::new(KeySet::from_secrets(&secrets, algorithms?)));
            return Some((None, ring));
        }
        if written.keys.has("secrets") {
            return None;
        }
        let keys = match &written.jwks {
            Some(text) => self.location(text),
            None if written.keys.has("jwks") => None,
            None => self.discovery(written.issuer.as_ref()?),
        }?;
        let ring = self.ring(&keys);
        Some((Some(keys), ring))
    }

    fn discovery(&mut self, issuer: &Text) -> Option<Location> {
        match Location::discovered(issuer.get_ref()) {
            Ok(location) => Some(location),
            // The empty one has its finding already.
            Err(_) if issuer.get_ref().is_empty() => None,
            Err(fault) => {
                let message = format!("without `jwks`, keys are found by `issuer`: {fault}");
                self.findings.push(
                    Finding::error(codes::JWKS, issuer.span(), message)
                        .help("an issuer at https://… (http:// on loopback), or a `jwks`"),
                );
                None
            }
        }
    }

    /// Secrets that are long enough for each algorithm they are used with.
    fn shared_secrets(
        &mut self,
        written: &file::Issuer,
        list: &Spanned<Vec<Text>>,
        algorithms: &[Algorithm],
    ) -> Option<Vec<Secret>> {
        self.filled_list("secrets", list)?;
        let owner = secret_holder(written.name.get_ref());
        let strongest = algorithms
            .iter()
            .max_by_key(|algorithm| algorithm.secret_bytes())?;
        let least = strongest.secret_bytes()?;
        let why = format!(
            "for {} a secret has at least {least} bytes (RFC 7518 §3.2)",
            strongest.name()
        );
        let secrets: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| {
                let secret = self.held_secret(&owner, text)?;
                if secret.len() >= least {
                    return Some(secret);
                }
                if self
                    .last_value(text)
                    .is_some_and(|last| last.len() >= least)
                {
                    return Some(self.unreadable(&owner, text, &why));
                }
                self.error(codes::SHORT_SECRET, text, &*why);
                None
            })
            .collect();
        secrets.into_iter().collect()
    }

    /// Keys that are held already stay in use: a reload must not make callers wait for a fetch.
    pub(super) fn ring(&self, keys: &Location) -> KeyRing {
        self.running
            .and_then(|plan| plan.key_rings().find(|(location, _)| *location == keys))
            .map(|(_, ring)| ring.clone())
            .unwrap_or_default()
    }

    fn algorithms(
        &mut self,
        list: &Spanned<Vec<Text>>,
        written: &file::Issuer,
    ) -> Option<Vec<Algorithm>> {
        self.filled_list("algorithms", list)?;
        let shared = written.keys.has("secrets");
        let found: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| {
                let known = Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
                let algorithm = self.word("algorithms", text, &known)?;
                match (algorithm.secret_bytes(), shared) {
                    (Some(_), false) => {
                        let message = format!("{} needs `secrets`", algorithm.name());
                        self.findings.push(
                            Finding::error(codes::CONFLICT, text.span(), message).help(
                                "only an issuer with shared secrets, and no other keys, may use it",
                            ),
                        );
                        None
                    }
                    (None, true) => {
                        let name = algorithm.name();
                        let message = format!("{name} needs public keys, and this has `secrets`");
                        self.findings.push(
                            Finding::error(codes::CONFLICT, text.span(), message)
                                .help("beside `secrets` stand HS256, HS384 and HS512 alone"),
                        );
                        None
                    }
                    _ => Some(algorithm),
                }
            })
            .collect();
        found.into_iter().collect()
    }

    pub(super) fn location(&mut self, text: &Text) -> Option<Location> {
        match Location::parse(text.get_ref()) {
            Ok(location) => {
                if let Location::File(path) = &location {
                    self.look_into(text, path);
                }
                Some(location)
            }
            Err(fault) => {
                self.findings.push(
                    Finding::error(codes::JWKS, text.span(), fault.to_string())
                        .help("https://…, http:// on loopback, or file:/path"),
                );
                None
            }
        }
    }

    /// Only a warning: tokens are refused with 503 until the keys are there, and the file may come
    /// after the routes.
    fn look_into(&mut self, text: &Text, path: &Path) {
        let trouble = match self.files.read(path) {
            Ok(bytes) => KeySet::from_jwks(&bytes)
                .err()
                .map(|fault| fault.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = trouble {
            let message = format!("this file of keys is of no use yet: {why}");
            self.findings
                .push(Finding::warning(codes::JWKS_FILE, text.span(), message));
        }
    }

    fn filled(&mut self, key: &str, text: &Text) -> Option<String> {
        if text.get_ref().is_empty() {
            self.error(codes::BAD_VALUE, text, format!("`{key}` is empty"));
            return None;
        }
        Some(text.get_ref().clone())
    }

    /// A list with at least one element, none of them empty.
    pub(super) fn filled_list(
        &mut self,
        key: &str,
        list: &Spanned<Vec<Text>>,
    ) -> Option<Vec<String>> {
        if list.get_ref().is_empty() {
            let message = format!("`{key}` names nothing");
            self.findings.push(
                Finding::error(codes::BAD_VALUE, list.span(), message)
                    .maybe_help(hints::example(key)),
            );
            return None;
        }
        let filled: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| self.filled(key, text))
            .collect();
        filled.into_iter().collect()
    }
}
