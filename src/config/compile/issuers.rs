//! `[issuers.NAME]`: who signs tokens, with which keys.
//!
//! Whether an address answers is `jwks`'s to find out; a key file is looked into here, because a
//! person can mend it now.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::expr::Scope;
use crate::token::{Algorithm, Issuer, KeyRing, KeySet, Location};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Spanned, Text, codes, optional};

const DEFAULT_ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

impl Compiler<'_> {
    pub(super) fn issuers(&mut self, written: &[file::Issuer]) -> HashMap<Arc<str>, Arc<Issuer>> {
        written
            .iter()
            .filter_map(|issuer| self.issuer(issuer))
            .map(|issuer| (issuer.name.clone(), Arc::new(issuer)))
            .collect()
    }

    fn issuer(&mut self, written: &file::Issuer) -> Option<Issuer> {
        let issuer = written.issuer.as_ref().and_then(|text| self.filled(text));
        let audience = written
            .audience
            .as_ref()
            .and_then(|list| self.filled_list("audience", list));
        let algorithms = match &written.algorithms {
            Some(list) => self.algorithms(list),
            None => Some(DEFAULT_ALGORITHMS.to_vec()),
        };
        let keys = written.jwks.as_ref().and_then(|text| self.location(text));
        let roles = optional(written.roles.as_ref(), |text| {
            self.expr(text, Scope::CLAIMS)
        });
        let keys = keys?;
        Some(Issuer {
            name: written.name.get_ref().as_str().into(),
            issuer: issuer?,
            audience: audience?,
            algorithms: algorithms?,
            ring: self.ring(&keys),
            keys,
            roles: roles?,
        })
    }

    /// Keys that are held already stay in use: a reload must not make callers wait for a fetch.
    fn ring(&self, keys: &Location) -> KeyRing {
        self.running
            .and_then(|plan| plan.issuers.values().find(|issuer| issuer.keys == *keys))
            .map(|issuer| issuer.ring.clone())
            .unwrap_or_default()
    }

    fn algorithms(&mut self, list: &Spanned<Vec<Text>>) -> Option<Vec<Algorithm>> {
        self.filled_list("algorithms", list)?;
        let found: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| {
                if matches!(text.get_ref().as_str(), "HS256" | "HS384" | "HS512") {
                    let message =
                        "tokens signed with a shared secret are not supported by this version yet";
                    self.error(codes::LATER, text, message);
                    return None;
                }
                let known = Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
                self.word("algorithms", text, &known)
            })
            .collect();
        found.into_iter().collect()
    }

    fn location(&mut self, text: &Text) -> Option<Location> {
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

    fn filled(&mut self, text: &Text) -> Option<String> {
        if text.get_ref().is_empty() {
            self.error(codes::BAD_VALUE, text, "this is empty");
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
            self.findings
                .push(Finding::error(codes::BAD_VALUE, list.span(), message));
            return None;
        }
        let filled: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| self.filled(text))
            .collect();
        filled.into_iter().collect()
    }
}
