//! From the file as written to the parts of a plan, collecting every problem.
//!
//! One file for each table of routes.toml. A part with a problem is left out, and what refers to it
//! is still checked, so that one mistake is one finding. Reads secrets, key files and schemas, nothing else.
//! May import what `config` may.

mod absence;
mod given;
mod handshake;
mod identity;
mod intake;
pub(super) mod issuers;
pub(super) mod keys;
mod lane;
mod limits;
mod queries;
mod reach;
mod routes;
mod schema;
mod scheme;
mod secrets;
pub(super) mod sources;
mod trust;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;

use crate::access::Rule;
use crate::duration;
use crate::expr::template::{JsonTemplate, Template, Written};
use crate::expr::{Expr, Fault, Scope};
use crate::routing::Route;
use crate::token::{Issuer, KeyTable, ServedKeys, api_keys};
use crate::verify::Source;
use crate::verify::certificates::Certificates;

use self::routes::Sources;
use self::schema::Schemas;
use self::secrets::Secrets;
use self::trust::Known;
use super::file::File;
use super::files::Files;
use super::options::Options;
use super::problem::{Finding, Findings};
use super::section::Text;
use super::source_text::SourceText;
use super::{Plan, codes, hints, suggest};

/// The parts of a plan; complete only where `findings` holds no error.
pub(super) struct Compiled {
    pub(super) sources: HashMap<Arc<str>, Arc<Source>>,
    pub(super) issuers: HashMap<Arc<str>, Arc<Issuer>>,
    pub(super) keys: Arc<KeyTable>,
    pub(super) routes: Vec<(Vec<Arc<str>>, Route)>,
    pub(super) queries: Vec<Rule>,
    pub(super) findings: Findings,
    pub(super) files: Files,
    pub(super) secrets: Secrets,
    pub(super) schemas: Schemas,
    pub(super) fetched: Certificates,
    pub(super) served: ServedKeys,
}

pub(super) fn compile(
    file: &File,
    text: &SourceText<'_>,
    findings: Findings,
    files: Files,
    options: &Options,
    running: Option<&Plan>,
) -> Compiled {
    let mut compiler = Compiler {
        text,
        options,
        running,
        findings,
        files,
        secrets: Secrets::default(),
        schemas: Schemas::default(),
        fetched: running.map(|plan| plan.fetched.clone()).unwrap_or_default(),
        served: running.map(|plan| plan.served.clone()).unwrap_or_default(),
    };
    for span in api_keys::in_text(text.text) {
        compiler.refuse_literal_key(span);
    }
    let issuers = compiler.issuers(&file.issuers);
    let keys = Arc::new(compiler.keys(&file.keys));
    let known = Known {
        written: &file.issuers,
        issuers: &issuers,
        keys: &keys,
    };
    let sources = compiler.sources(&file.sources, known);
    let of_routes = Sources {
        written: &file.sources,
        compiled: &sources,
        keys: &keys,
    };
    let routes = compiler.routes(&file.routes, of_routes);
    let queries = compiler.queries(&file.queries, known);
    compiler.warn_of_told_secrets(&sources);
    Compiled {
        sources,
        issuers,
        keys,
        routes,
        queries,
        findings: compiler.findings,
        files: compiler.files,
        secrets: compiler.secrets,
        schemas: compiler.schemas,
        fetched: compiler.fetched,
        served: compiler.served,
    }
}

/// A part that may be absent: none where it is there and has a finding.
#[expect(
    clippy::option_option,
    reason = "the outer one is for `?`, the inner one is the plan's"
)]
fn optional<W, T>(written: Option<W>, compile: impl FnOnce(W) -> Option<T>) -> Option<Option<T>> {
    match written {
        Some(written) => compile(written).map(Some),
        None => Some(None),
    }
}

/// What every part needs while it is compiled.
struct Compiler<'c> {
    text: &'c SourceText<'c>,
    options: &'c Options,
    /// The plan that runs, on a reload.
    running: Option<&'c Plan>,
    findings: Findings,
    files: Files,
    secrets: Secrets,
    schemas: Schemas,
    /// Certificates and single keys stay from plan to plan: a reload must not make senders wait for a fetch.
    fetched: Certificates,
    served: ServedKeys,
}

impl Compiler<'_> {
    fn error(&mut self, code: codes::Code, at: &Text, message: impl Into<String>) {
        self.findings.push(Finding::error(code, at.span(), message));
    }

    fn expr(&mut self, text: &Text, scope: Scope) -> Option<Expr> {
        let compiled = Expr::compile(text.get_ref(), scope);
        let expr = self.keep(compiled, &text.span())?;
        for doubt in expr.doubts() {
            self.doubt(doubt, &text.span());
        }
        Some(expr)
    }

    fn template(&mut self, text: &Text, scope: Scope) -> Option<Template> {
        self.warn_about_foreign_template(text, scope);
        let compiled = Template::compile(text.get_ref(), scope);
        let template = self.keep(compiled, &text.span())?;
        for doubt in template.doubts() {
            self.doubt(doubt, &text.span());
        }
        Some(template)
    }

    fn args(&mut self, written: &Spanned<Written>, scope: Scope) -> Option<JsonTemplate> {
        match JsonTemplate::compile(written.get_ref(), scope) {
            Ok(template) => {
                for (string, doubt) in template.doubts() {
                    self.doubt(doubt, string);
                }
                Some(template)
            }
            Err(faults) => {
                for (string, fault) in faults {
                    self.fault(fault, &string);
                }
                None
            }
        }
    }

    /// A `when`: one that is the same for every event is most likely a mistake.
    fn when(&mut self, text: &Text, scope: Scope) -> Option<Expr> {
        let expr = self.expr(text, scope)?;
        match expr.constant() {
            None => {}
            Some(Value::Bool(value)) => {
                let message = format!("this `when` is always {value}");
                self.findings
                    .push(Finding::warning(codes::CONSTANT_WHEN, text.span(), message));
            }
            Some(_) => {
                let message = "a `when` is true or false, and this is neither";
                self.findings.push(
                    Finding::error(codes::EXPRESSION, text.span(), message)
                        .help("compare, as in `body.amount > 100`"),
                );
                return None;
            }
        }
        Some(expr)
    }

    fn duration(&mut self, text: &Text) -> Option<Duration> {
        match duration::parse(text.get_ref()) {
            Ok(duration) => Some(duration),
            Err(why) => {
                let message = format!("{why}: `{}`", text.get_ref());
                self.findings.push(
                    Finding::error(codes::DURATION, text.span(), message)
                        .help("write it as in \"250ms\", \"5m\" or \"1h30m\" (ms, s, m, h, d)"),
                );
                None
            }
        }
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, key: &str, text: &Text, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| word == text.get_ref());
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{key}` cannot be `{}`", text.get_ref());
            let mut help = suggest::among(text.get_ref(), &names);
            if let (Some(help), "missing" | "closed") = (&mut help, key)
                && let (false, Some(table)) = (help.ends_with('?'), hints::example(key))
            {
                help.push_str("; or a table, ");
                help.push_str(&table);
            }
            self.findings
                .push(Finding::error(codes::BAD_VALUE, text.span(), message).maybe_help(help));
        }
        found.map(|(_, value)| *value)
    }

    fn unknown_name(&mut self, what: &str, name: &Text, known: &[&str]) {
        let message = format!("there is no {what} `{}`", name.get_ref());
        let table = || format!("write its table, `[{what}s.{}]`", name.get_ref());
        let help = suggest::among(name.get_ref(), known).or_else(|| known.is_empty().then(table));
        self.findings
            .push(Finding::error(codes::UNKNOWN_NAME, name.span(), message).maybe_help(help));
    }

    fn keep<T>(&mut self, compiled: Result<T, Fault>, string: &Range<usize>) -> Option<T> {
        compiled.map_err(|fault| self.fault(fault, string)).ok()
    }

    /// A fault inside a string stands at its own characters, not at the string.
    fn fault(&mut self, fault: Fault, string: &Range<usize>) {
        let span = self.text.inside(string, fault.at, fault.len);
        self.findings
            .push(Finding::error(codes::EXPRESSION, span, fault.message).maybe_help(fault.help));
    }

    /// What an expression says and nobody can mean.
    fn doubt(&mut self, doubt: &Fault, string: &Range<usize>) {
        let span = self.text.inside(string, doubt.at, doubt.len);
        self.findings.push(
            Finding::warning(codes::COMPARISON, span, doubt.message.clone())
                .maybe_help(doubt.help.clone()),
        );
    }
}
