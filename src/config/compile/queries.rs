//! `[[queries]]`: which questions callers may ask, and who.
//!
//! Makes what `access` decides by. Paths are compared here, where a person can still change them: no
//! request may fit two rules.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use crate::access::{Kind, PathPattern, Rule, STATUS};
use crate::expr::template::Template;
use crate::expr::{Expr, Scope};

use super::super::file;
use super::super::problem::Finding;
use super::trust::{Known, Trusted};
use super::{Compiler, Text, codes, optional, suggest};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// A caller's connection is held for as long.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(20);

const LONGEST_CACHE: Duration = Duration::from_mins(1);

/// What the gateway itself serves.
const HOOKS: &str = "hooks";

/// The paths seen so far, each with the name of its rule.
type Paths = Vec<(PathPattern, String)>;

impl Compiler<'_> {
    pub(super) fn queries(&mut self, written: &[file::Query], known: Known<'_>) -> Vec<Rule> {
        let mut names = HashSet::new();
        let mut paths = Paths::new();
        written
            .iter()
            .filter_map(|query| {
                if let Some(name) = &query.name {
                    self.unique_name("query", name, &mut names);
                }
                let path = self.path(query, &mut paths);
                self.query(query, path.as_ref(), known)
            })
            .collect()
    }

    fn query(
        &mut self,
        written: &file::Query,
        path: Option<&PathPattern>,
        known: Known<'_>,
    ) -> Option<Rule> {
        let issuers = written.issuer.as_ref();
        let trusted = issuers.and_then(|list| self.trusted(list, known));
        let namespace = self.namespace(written.namespace.as_ref());
        let workflow = written.workflow.as_ref().and_then(|text| {
            let template = self.template(text, Scope::QUERY)?;
            self.refuse_strange_parameters(path, &text.span(), template.fields("path"));
            self.limited("workflow", text, template)
        });
        let question = self.question(written);
        let args = optional(written.args.as_ref(), |args| {
            let template = self.args(args, Scope::QUERY)?;
            let fields = template.fields("path");
            let fields = fields.iter().map(String::as_str);
            self.refuse_strange_parameters(path, &args.span(), fields);
            Some(template)
        });
        let allow = self.allowed(written, trusted.as_ref(), known);
        let when = optional(written.when.as_ref(), |text| {
            let when = self.access_when(text)?;
            self.refuse_strange_parameters(path, &text.span(), when.fields("path"));
            Some(when)
        });
        let timeout = match &written.timeout {
            Some(text) => self.timeout(text),
            None => Some(DEFAULT_TIMEOUT),
        };
        let cache = optional(written.cache.as_ref(), |text| self.cache(text));
        let run = optional(written.run.as_ref(), |text| self.run_parameter(text));
        let rate = optional(written.rate.as_ref(), |text| self.rate(text));
        let (kind, query) = question?;
        let trusted = trusted?;
        Some(Rule {
            name: written.name.as_ref()?.get_ref().as_str().into(),
            path: path?.clone(),
            namespace: namespace?.into(),
            workflow: workflow?,
            kind,
            query,
            args: args?,
            issuers: trusted.issuers,
            keys: trusted.keys,
            allow: allow?,
            when: when?,
            timeout: timeout?,
            cache: cache?,
            run: run?,
            rate: rate?,
            expose_errors: written.expose_errors,
        })
    }

    /// `$status` takes no arguments: there is no workflow's code to give them to.
    fn question(&mut self, written: &file::Query) -> Option<(Kind, Template)> {
        let text = written.query.as_ref()?;
        let kind = if text.get_ref() == STATUS {
            Kind::Status
        } else {
            Kind::Query
        };
        if let Some(args) = written.args.as_ref().filter(|_| kind == Kind::Status) {
            let message = format!("`args` mean nothing beside `query = \"{STATUS}\"`");
            self.findings
                .push(Finding::error(codes::CONFLICT, args.span(), message));
        }
        self.warn_about_built_in_query(text);
        let template = self.template(text, Scope::QUERY)?;
        Some((kind, self.limited("query", text, template)?))
    }

    /// A parameter that the path does not have is never there: nobody would get an answer.
    fn refuse_strange_parameters<'f>(
        &mut self,
        path: Option<&PathPattern>,
        at: &Range<usize>,
        read: impl Iterator<Item = &'f str>,
    ) {
        let Some(path) = path else { return };
        let known: Vec<&str> = path.parameters().collect();
        let mut said = HashSet::new();
        for name in read.filter(|name| !known.contains(name)) {
            if !said.insert(name) {
                continue;
            }
            let written = self.text.text.get(at.clone()).unwrap_or_default();
            let span = match written.find(&format!("path.{name}")) {
                Some(found) => at.start + found + 5..at.start + found + 5 + name.len(),
                None => at.clone(),
            };
            let message = format!("the path has no parameter `{{{name}}}`");
            self.findings.push(
                Finding::error(codes::EXPRESSION, span, message)
                    .maybe_help(suggest::among(name, &known)),
            );
        }
    }

    fn allowed(
        &mut self,
        written: &file::Query,
        trusted: Option<&Trusted>,
        known: Known<'_>,
    ) -> Option<Vec<String>> {
        let list = written.allow.as_ref()?;
        let allow = self.allow(list)?;
        if let Some(trusted) = trusted {
            self.refuse_unattainable(list, &allow, std::slice::from_ref(trusted), known.keys);
        }
        Some(allow)
    }

    /// As any `when`, but one that is always false is refused: nobody could ever ask.
    fn access_when(&mut self, text: &Text) -> Option<Expr> {
        let never = Expr::compile(text.get_ref(), Scope::ACCESS)
            .is_ok_and(|expr| expr.constant() == Some(Value::Bool(false)));
        if never {
            let message = "this `when` is always false, so nobody is allowed";
            self.findings.push(
                Finding::error(codes::NOBODY, text.span(), message)
                    .help("remove the query, or compare with `path`, `claims` or `roles`"),
            );
            return None;
        }
        self.when(text, Scope::ACCESS)
    }

    fn cache(&mut self, text: &Text) -> Option<Duration> {
        let cache = self.duration(text)?;
        if cache > LONGEST_CACHE {
            let message = "`cache` is at most `1m`: who asks wants to know of now";
            self.error(codes::BAD_VALUE, text, message);
            return None;
        }
        Some(cache)
    }

    fn run_parameter(&mut self, text: &Text) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name = text.get_ref();
        if !(1..=64).contains(&name.len()) || !name.chars().all(plain) {
            let message = "`run` is the name of a parameter, as in `?run=…`";
            self.findings.push(
                Finding::error(codes::BAD_VALUE, text.span(), message)
                    .help("1 to 64 of a-z, A-Z, 0-9, `-` and `_`: `run = \"run\"`"),
            );
            return None;
        }
        Some(name.clone())
    }

    fn path(&mut self, written: &file::Query, paths: &mut Paths) -> Option<PathPattern> {
        let text = written.path.as_ref()?;
        let pattern = match PathPattern::parse(text.get_ref()) {
            Ok(pattern) => pattern,
            Err(why) => {
                self.findings.push(
                    Finding::error(codes::PATH, text.span(), why)
                        .help("as in \"/orders/{order_id}/status\""),
                );
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
            self.findings.push(
                Finding::error(codes::PATH, text.span(), message)
                    .help("give them fixed segments that differ: no request may fit two rules"),
            );
            return None;
        }
        let name = written.name.as_ref().map_or("", |name| name.get_ref());
        paths.push((pattern.clone(), name.to_owned()));
        Some(pattern)
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
