//! From TOML to routes and queries: which keys `[[routes]]` and `[[queries]]` have, and of which type.
//!
//! The other half of `read`, which calls it. Imports `expr` for values with templates in them.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::template::Written;

use super::codes;
use super::file::{Closed, Invalid, Missing, Query, Route, Start};
use super::problem::{Finding, Findings};
use super::section::{Section, Text, wrong_type};
use super::written;

pub(super) fn read_route(mut section: Section<'_, '_>, findings: &mut Findings) -> Route {
    let route = Route {
        keys: section.keys(),
        span: section.span.clone(),
        name: section.required_text("name", findings),
        source: section.text_or_texts("source", findings),
        on: section.text_or_texts("on", findings),
        when: section.text("when", findings),
        allow: section.texts("allow", findings),
        workflow: section.text("workflow", findings),
        namespace: section.text("namespace", findings),
        signal: section.text("signal", findings),
        args: read_args(&mut section, findings),
        missing: read_missing(&mut section, findings),
        closed: read_closed(&mut section, findings),
        after_park: section.text("after_park", findings),
        pace: section.text("pace", findings),
        schema: section.text("schema", findings),
        invalid: read_invalid(&mut section, findings),
        drop: section.flag("drop", findings),
        stop: section
            .flag("stop", findings)
            .is_some_and(Spanned::into_inner),
    };
    section.require("source");
    section.close(findings);
    route
}

fn read_missing(
    section: &mut Section<'_, '_>,
    findings: &mut Findings,
) -> Option<Spanned<Missing>> {
    let value = section.value("missing")?;
    match value.get_ref() {
        DeValue::String(word) => Some(Spanned::new(value.span(), Missing::Word(word.to_string()))),
        DeValue::Table(_) => {
            let mut table = section.table("missing", findings)?;
            let missing = if table.lacks("start") {
                Some(Missing::Wait {
                    wait: table.required_text("wait", findings),
                    then: table.text("then", findings),
                })
            } else {
                refuse_beside_start(&mut table, findings);
                table.table("start", findings).map(|mut start| {
                    let id_reuse = start.text("id_reuse", findings);
                    Missing::Start(read_start(start, id_reuse, findings))
                })
            };
            if table.lacks("start") {
                // Known, for whoever misspells it.
                table.value("start");
            }
            table.close(findings);
            Some(Spanned::new(value.span(), missing?))
        }
        _ => {
            findings.push(wrong_type("missing", value, "text or a table"));
            None
        }
    }
}

/// A workflow that is started at once is not waited for.
fn refuse_beside_start(table: &mut Section<'_, '_>, findings: &mut Findings) {
    for key in ["wait", "then"] {
        if table.value(key).is_some() {
            let message = format!("`{key}` means nothing beside `start`");
            findings.push(
                Finding::error(codes::CONFLICT, table.key_span(key), message)
                    .help("keep one of them: wait for the workflow, or start it"),
            );
        }
    }
}

/// `id_reuse` is `missing`'s alone: a start after a closed run could mean only one thing.
fn read_start(
    mut section: Section<'_, '_>,
    id_reuse: Option<Text>,
    findings: &mut Findings,
) -> Start {
    let start = Start {
        kind: section.required_text("type", findings),
        task_queue: section.required_text("task_queue", findings),
        id_reuse,
        args: read_args(&mut section, findings),
    };
    section.close(findings);
    start
}

fn read_closed(section: &mut Section<'_, '_>, findings: &mut Findings) -> Option<Spanned<Closed>> {
    let value = section.value("closed")?;
    match value.get_ref() {
        DeValue::String(word) => Some(Spanned::new(value.span(), Closed::Word(word.to_string()))),
        DeValue::Table(_) => {
            let mut table = section.table("closed", findings)?;
            table.require("start");
            let start = table.table("start", findings);
            table.close(findings);
            let start = read_start(start?, None, findings);
            Some(Spanned::new(value.span(), Closed::Start(start)))
        }
        _ => {
            findings.push(wrong_type("closed", value, "text or a table"));
            None
        }
    }
}

fn read_invalid(
    section: &mut Section<'_, '_>,
    findings: &mut Findings,
) -> Option<Spanned<Invalid>> {
    let value = section.value("invalid")?;
    let invalid = match value.get_ref() {
        DeValue::String(word) => Invalid::Word(word.to_string()),
        DeValue::Table(_) => {
            let mut table = section.table("invalid", findings)?;
            let signal = table.required_text("signal", findings);
            table.close(findings);
            Invalid::Signal(signal)
        }
        _ => {
            findings.push(wrong_type("invalid", value, "text or a table"));
            return None;
        }
    };
    Some(Spanned::new(value.span(), invalid))
}

pub(super) fn read_query(mut section: Section<'_, '_>, findings: &mut Findings) -> Query {
    let query = Query {
        name: section.required_text("name", findings),
        path: section.required_text("path", findings),
        workflow: section.required_text("workflow", findings),
        query: section.required_text("query", findings),
        args: read_args(&mut section, findings),
        namespace: section.text("namespace", findings),
        issuer: section.text_or_texts("issuer", findings),
        allow: section.texts("allow", findings),
        when: section.text("when", findings),
        timeout: section.text("timeout", findings),
        cache: section.text("cache", findings),
        run: section.text("run", findings),
        rate: section.text("rate", findings),
        expose_errors: section
            .flag("expose_errors", findings)
            .is_some_and(Spanned::into_inner),
    };
    section.require("issuer");
    section.require("allow");
    section.close(findings);
    query
}

fn read_args(section: &mut Section<'_, '_>, findings: &mut Findings) -> Option<Spanned<Written>> {
    let value = section.value("args")?;
    if let DeValue::Array(_) = value.get_ref() {
        written::convert(value, findings).map(|written| Spanned::new(value.span(), written))
    } else {
        findings.push(
            wrong_type("args", value, "a list of arguments")
                .help("put the one argument into brackets: `args = [ … ]`"),
        );
        None
    }
}
