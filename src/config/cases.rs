//! The cases of `signalpost test`: a request or a question each, and what must come of it.
//!
//! Read like the routing file, by the same reader: every problem at once, with its line and what to write instead.
//! Judges nothing; what a case's files hold is for whoever runs it.

mod expect;

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::DeValue;

use self::expect::expect;
use super::codes;
use super::files::Files;
use super::problem::{Finding, Findings, Problem};
use super::read::listed;
use super::section::{Section, Text, wrong_type};
use super::source_text::SourceText;
use crate::clock::Timestamp;

/// One `[[cases]]`.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// Where it begins in the file.
    pub line: usize,
    pub asks: Asks,
    /// When it comes; none: now.
    pub at: Option<Timestamp>,
    /// A file with the body, relative to the cases' own.
    pub body_file: Option<String>,
    pub body: Option<String>,
    /// Who sends or asks, without a token.
    pub caller: Option<Caller>,
    pub expect: Expect,
}

#[derive(Clone, Debug)]
pub enum Asks {
    Webhook(Webhook),
    /// As in `GET /orders/42/status`.
    Query(String),
}

#[derive(Clone, Debug)]
pub struct Webhook {
    pub source: String,
    /// A file with the whole request.
    pub request: Option<String>,
    pub headers: Vec<(String, String)>,
    /// Path and parameters, where there is no request.
    pub url: Option<String>,
    /// Signed anew, so that the source's secret need not be at hand.
    pub sign: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Caller {
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub roles: Option<Vec<String>>,
    pub claims: Option<Value>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    Refused,
    Unrouted,
    /// A rule drops it, and nothing is signalled.
    Dropped,
    /// Nothing can be signalled: a template that cannot be rendered, or a bad id.
    Parked,
    Allow,
    Deny,
    /// These and no others, in any order.
    Signals(Vec<Signal>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    pub workflow: String,
    pub signal: String,
    pub namespace: Option<String>,
    /// None: whatever they are.
    pub args: Option<Value>,
}

/// Reads a file of cases; all its problems, if there is one.
pub fn load(path: &Path) -> Result<Vec<Case>, Vec<Problem>> {
    let file = path.display().to_string();
    let unreadable = |why: String| {
        let message = format!("the cases cannot be read: {why}");
        let help = "give their path: signalpost test TESTS.toml";
        vec![Problem::of_file(&file, codes::UNREADABLE, message, help)]
    };
    let bytes = Files::default()
        .read(path)
        .map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    compile(&text, &file)
}

fn compile(text: &str, file: &str) -> Result<Vec<Case>, Vec<Problem>> {
    let source = SourceText::new(file, text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(super::syntax_errors(&errors, text).locate(&source));
    }
    let mut findings = Findings::default();
    let mut root = Section::new("the file".to_owned(), 0..0, document.get_ref());
    let read = |section: Section<'_, '_>, findings: &mut Findings| {
        let line = source.position(section.span.start).0;
        read_case(section, line, findings)
    };
    let cases = listed(&mut root, "cases", "case", &mut findings, read);
    if root.lacks("cases") {
        root.require("cases");
    }
    root.close(&mut findings);
    let cases: Vec<_> = cases.into_iter().flatten().collect();
    let problems = findings.locate(&source);
    if problems.is_empty() {
        return twice(cases, &source);
    }
    Err(problems)
}

/// A name that stands twice would make a report that nobody can read.
fn twice(cases: Vec<(Text, Case)>, source: &SourceText<'_>) -> Result<Vec<Case>, Vec<Problem>> {
    let mut findings = Findings::default();
    let mut seen = HashSet::new();
    for (name, _) in &cases {
        if !seen.insert(name.get_ref().clone()) {
            let message = format!("there is a case `{}` already", name.get_ref());
            findings.push(Finding::error(codes::NAME, name.span(), message));
        }
    }
    let problems = findings.locate(source);
    if problems.is_empty() {
        return Ok(cases.into_iter().map(|(_, case)| case).collect());
    }
    Err(problems)
}

fn read_case(
    mut section: Section<'_, '_>,
    line: usize,
    findings: &mut Findings,
) -> Option<(Text, Case)> {
    let name = section.required_text("name", findings);
    let source = section.text("source", findings);
    let query = section.text("query", findings);
    let at = section.text_or_date("at", findings).map(|text| {
        let at = Timestamp::parse_rfc3339(text.get_ref());
        if at.is_none() {
            let message = "a time is written as in 2026-08-01T12:00:00Z";
            findings.push(Finding::error(codes::BAD_VALUE, text.span(), message));
        }
        at
    });
    let request = section.text("request", findings);
    let (body, body_file) = (body(&mut section), section.text("body_file", findings));
    let webhook = Webhook {
        source: source.as_ref().map(owned).unwrap_or_default(),
        request: request.as_ref().map(owned),
        headers: headers(&mut section, findings),
        url: section.text("url", findings).as_ref().map(owned),
        sign: section
            .flag("sign", findings)
            .is_some_and(|it| *it.get_ref()),
    };
    let caller = caller(&mut section, findings);
    let expect = expect(&mut section, query.is_some(), findings);
    conflicts(&section, findings);
    let asks = match (query, source) {
        (Some(query), None) => Asks::Query(query.into_inner()),
        _ => Asks::Webhook(webhook),
    };
    section.close(findings);
    let name = name?;
    let case = Case {
        name: name.get_ref().clone(),
        line,
        asks,
        at: at.flatten(),
        body_file: body_file.as_ref().map(owned),
        body,
        caller,
        expect: expect?,
    };
    Some((name, case))
}

fn owned(text: &Text) -> String {
    text.get_ref().clone()
}

/// Keys that do not go together.
fn conflicts(section: &Section<'_, '_>, findings: &mut Findings) {
    let has = |key: &str| !section.lacks(key);
    let mut refuse = |key: &str, message: String| {
        let span = section.key_span(key);
        findings.push(Finding::error(codes::CONFLICT, span, message));
    };
    if has("source") == has("query") {
        let message = format!("{} has either a `source` or a `query`", section.what);
        refuse("query", message);
    }
    for key in [
        "request", "headers", "url", "sign", "claims", "roles", "issuer",
    ] {
        if has("query") && has(key) {
            refuse(
                key,
                format!("`{key}` is for webhooks; who asks a query stands in `as`"),
            );
        }
    }
    if has("source") && has("as") {
        refuse(
            "as",
            "`as` is for queries; a webhook's sender stands in `claims` and `roles`".to_owned(),
        );
    }
    for key in ["headers", "body", "body_file", "url"] {
        if has("request") && has(key) {
            refuse(key, format!("`{key}` stands in the request's own file"));
        }
    }
    if has("body") && has("body_file") {
        refuse(
            "body_file",
            "the body is either `body` or `body_file`".to_owned(),
        );
    }
}

/// Text as it stands; anything else as JSON.
fn body(section: &mut Section<'_, '_>) -> Option<String> {
    Some(match json(section.value("body")?.get_ref()) {
        Value::String(text) => text,
        value => value.to_string(),
    })
}

fn headers(section: &mut Section<'_, '_>, findings: &mut Findings) -> Vec<(String, String)> {
    let Some(value) = section.value("headers") else {
        return Vec::new();
    };
    let DeValue::Table(table) = value.get_ref() else {
        findings.push(wrong_type("headers", value, "a table of text"));
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, value) in table {
        let plain = http::HeaderName::from_bytes(name.get_ref().as_bytes()).is_ok();
        match value.get_ref() {
            DeValue::String(text) if plain && http::HeaderValue::from_str(text).is_ok() => {
                headers.push((name.get_ref().to_string(), text.to_string()));
            }
            DeValue::String(_) => {
                let message = format!("`{}` is no header", name.get_ref());
                findings.push(Finding::error(codes::BAD_VALUE, name.span(), message));
            }
            _ => findings.push(wrong_type(name.get_ref(), value, "text in quotes")),
        }
    }
    headers
}

/// `claims`, `roles` and `issuer` of a webhook, or `as` of a query.
fn caller(section: &mut Section<'_, '_>, findings: &mut Findings) -> Option<Caller> {
    if let Some(mut told) = section.table("as", findings) {
        let caller = told_by(&mut told, findings);
        told.close(findings);
        return Some(caller);
    }
    let keys = ["claims", "roles", "issuer", "subject"];
    let present = keys.iter().any(|key| !section.lacks(key));
    let caller = told_by(section, findings);
    present.then_some(caller)
}

fn told_by(section: &mut Section<'_, '_>, findings: &mut Findings) -> Caller {
    let text = |text: Option<Text>| text.map(Spanned::into_inner);
    let claims = section.value("claims").and_then(|value| {
        if let DeValue::Table(_) = value.get_ref() {
            return Some(json(value.get_ref()));
        }
        findings.push(wrong_type("claims", value, "a table"));
        None
    });
    let roles = section.texts("roles", findings);
    Caller {
        issuer: text(section.text("issuer", findings)),
        subject: text(section.text("subject", findings)),
        roles: roles.map(|roles| roles.get_ref().iter().map(owned).collect()),
        claims,
    }
}

/// What JSON cannot say becomes text.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::from),
        DeValue::Float(number) => {
            let parsed = number.as_str().parse().ok();
            parsed
                .and_then(serde_json::Number::from_f64)
                .map_or_else(|| Value::String(number.as_str().to_owned()), Value::Number)
        }
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| json(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let entries = table.iter();
            let entries =
                entries.map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}
