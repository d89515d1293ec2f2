//! `[[queries]]`: which questions callers may ask, and who.
//!
//! Makes what `access` decides by. Paths are compared here, where a person can still change them: no
//! request may fit two rules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use crate::access::{PathPattern, Rule};
use crate::expr::Scope;
use crate::token::Issuer;

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Text, codes, optional};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// A caller's connection is held for as long.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What the gateway itself serves.
const HOOKS: &str = "hooks";

/// The paths seen so far, each with the name of its rule.
type Paths = Vec<(PathPattern, String)>;

impl Compiler<'_> {
    pub(super) fn queries(
        &mut self,
        written: &[file::Query],
        written_issuers: &[file::Issuer],
        issuers: &HashMap<Arc<str>, Arc<Issuer>>,
    ) -> Vec<Rule> {
        let mut names = HashSet::new();
        let mut paths = Paths::new();
        written
            .iter()
            .filter_map(|query| {
                if let Some(name) = &query.name {
                    self.unique_name("query", name, &mut names);
                }
                let path = self.path(query, &mut paths);
                let issuer = query
                    .issuer
                    .as_ref()
                    .and_then(|text| self.issuer_named(text, written_issuers, issuers));
                self.query(query, path, issuer)
            })
            .collect()
    }

    fn query(
        &mut self,
        written: &file::Query,
        path: Option<PathPattern>,
        issuer: Option<Arc<Issuer>>,
    ) -> Option<Rule> {
        let namespace = self.namespace(written.namespace.as_ref());
        let workflow = written.workflow.as_ref().and_then(|text| {
            let template = self.template(text, Scope::QUERY)?;
            self.limited("workflow", text, template)
        });
        let query = written.query.as_ref().and_then(|text| {
            self.refuse_built_in_query(text);
            let template = self.template(text, Scope::QUERY)?;
            self.limited("query", text, template)
        });
        let args = optional(written.args.as_ref(), |args| self.args(args, Scope::QUERY));
        let allow = written.allow.as_ref().and_then(|list| self.allow(list));
        let when = optional(written.when.as_ref(), |text| self.when(text, Scope::ACCESS));
        let timeout = match &written.timeout {
            Some(text) => self.timeout(text),
            None => Some(DEFAULT_TIMEOUT),
        };
        Some(Rule {
            name: written.name.as_ref()?.get_ref().as_str().into(),
            path: path?,
            namespace: namespace?.into(),
            workflow: workflow?,
            query: query?,
            args: args?,
            issuer: issuer?,
            allow: allow?,
            when: when?,
            timeout: timeout?,
            expose_errors: written.expose_errors,
        })
    }

    fn path(&mut self, written: &file::Query, paths: &mut Paths) -> Option<PathPattern> {
        let text = written.path.as_ref()?;
        let pattern = match PathPattern::parse(text.get_ref()) {
            Ok(pattern) => pattern,
            Err(why) => {
                self.error(codes::PATH, text, why);
                return None;
            }
        };
        let reserved =
            PathPattern::parse("/hooks/{source}").is_ok_and(|hooks| pattern.overlaps(&hooks));
        if reserved || pattern.first_literal() == Some(HOOKS) {
            let message = "this path is one of the gateway's own, `/hooks/…`";
            self.error(codes::PATH, text, message);
            return None;
        }
        if let Some((_, other)) = paths.iter().find(|(other, _)| other.overlaps(&pattern)) {
            let message = format!("a path can fit both this and that of query `{other}`");
            self.error(codes::PATH, text, message);
            return None;
        }
        let name = written.name.as_ref().map_or("", |name| name.get_ref());
        paths.push((pattern.clone(), name.to_owned()));
        Some(pattern)
    }

    fn allow(&mut self, list: &Spanned<Vec<Text>>) -> Option<Vec<String>> {
        if list.get_ref().is_empty() {
            let message = "`allow` is empty, so nobody may ask";
            self.findings.push(
                Finding::error(codes::BAD_VALUE, list.span(), message)
                    .help("name roles, or `[\"*\"]` for every caller with a valid token"),
            );
            return None;
        }
        self.filled_list("allow", list)
    }

    fn timeout(&mut self, text: &Text) -> Option<Duration> {
        let timeout = self.duration(text)?;
        if timeout > LONGEST_TIMEOUT {
            self.error(codes::LIMIT, text, "`timeout` is at most `20s`");
            return None;
        }
        Some(timeout)
    }
}
