//! `issuer` of rules and sources, and `allow`: whose tokens count, and whether anybody could have the roles.
//!
//! A rule that can never allow anybody is refused: its author believes that somebody passes, and so does
//! whoever reads it.

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;

use crate::token::{ANYONE, API_KEYS, Issuer, KeyTable};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Text, codes};

/// Everybody whom a file can name.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) written: &'k [file::Issuer],
    pub(super) issuers: &'k HashMap<Arc<str>, Arc<Issuer>>,
    pub(super) keys: &'k Arc<KeyTable>,
}

/// Whom one rule or source trusts.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) issuers: Vec<Arc<Issuer>>,
    pub(super) keys: bool,
}

impl Compiler<'_> {
    /// None without a finding where an issuer is there, but has findings of its own.
    pub(super) fn trusted(
        &mut self,
        list: &Spanned<Vec<Text>>,
        known: Known<'_>,
    ) -> Option<Trusted> {
        self.filled_list("issuer", list)?;
        let mut trusted = Trusted {
            issuers: Vec::new(),
            keys: false,
        };
        let mut complete = true;
        for text in list.get_ref() {
            if text.get_ref() == API_KEYS {
                trusted.keys = true;
                continue;
            }
            match self.issuer_named(text, known) {
                Some(issuer) => complete &= self.add_issuer(&mut trusted, issuer, text),
                None => complete = false,
            }
        }
        if complete && trusted.issuers.is_empty() && known.keys.is_empty() {
            let message = "only API keys are taken, and there is no `[keys.NAME]`";
            self.findings.push(
                Finding::error(codes::NOBODY, list.span(), message)
                    .help("`signalpost keys new` makes one"),
            );
            return None;
        }
        complete.then_some(trusted)
    }

    fn add_issuer(&mut self, trusted: &mut Trusted, issuer: Arc<Issuer>, text: &Text) -> bool {
        let same = trusted
            .issuers
            .iter()
            .find(|other| other.issuer == issuer.issuer);
        match same {
            Some(other) if other.name == issuer.name => return true,
            Some(other) => {
                let message = format!(
                    "`{}` and `{}` have one `issuer`: a token does not tell which of them is meant",
                    other.name, issuer.name
                );
                self.error(codes::CONFLICT, text, message);
                return false;
            }
            None => {}
        }
        trusted.issuers.push(issuer);
        true
    }

    fn issuer_named(&mut self, text: &Text, known: Known<'_>) -> Option<Arc<Issuer>> {
        let written = known.written.iter();
        let mut names: Vec<&str> = written
            .map(|issuer| issuer.name.get_ref().as_str())
            .collect();
        if !names.contains(&text.get_ref().as_str()) {
            if !names.is_empty() {
                names.push(API_KEYS);
            }
            self.unknown_name("issuer", text, &names);
        }
        known.issuers.get(text.get_ref().as_str()).cloned()
    }

    /// The roles of an `allow`, at least one.
    pub(super) fn allow(&mut self, list: &Spanned<Vec<Text>>) -> Option<Vec<String>> {
        if list.get_ref().is_empty() {
            let message = "`allow` is empty, so nobody is allowed";
            self.findings.push(
                Finding::error(codes::NOBODY, list.span(), message)
                    .help("name roles, or `[\"*\"]` for every caller with a valid token"),
            );
            return None;
        }
        self.filled_list("allow", list)
    }

    /// Refuses roles that none of these can have. What an issuer's `roles` gives is seen in tokens alone, so that an
    /// issuer with one may give any; a key that has expired counts as well, or a reload could fail overnight.
    pub(super) fn refuse_unattainable(
        &mut self,
        list: &Spanned<Vec<Text>>,
        allow: &[String],
        trusted: &[Trusted],
        keys: &KeyTable,
    ) {
        let attainable = trusted.iter().any(|trusted| {
            let by_token = trusted.issuers.iter().any(|issuer| issuer.roles.is_some());
            let mut key_roles = keys.iter().flat_map(|key| &key.roles);
            by_token || (trusted.keys && key_roles.any(|role| allow.contains(role)))
        });
        if attainable || allow.iter().any(|role| role == ANYONE) {
            return;
        }
        let message = "no caller can ever have one of these roles";
        let without: Vec<String> = trusted
            .iter()
            .flat_map(|trusted| &trusted.issuers)
            .map(|issuer| format!("`[issuers.{}]`", issuer.name))
            .collect();
        let help = if without.is_empty() {
            "give one of them to an API key: `roles` of a `[keys.NAME]`".to_owned()
        } else {
            format!(
                "say where the roles stand in tokens: `roles` of {}",
                without.join(", ")
            )
        };
        self.findings
            .push(Finding::error(codes::NOBODY, list.span(), message).help(help));
    }
}
