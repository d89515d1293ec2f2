//! From TOML to [`File`]: which keys each table has, and of which type.
//!
//! Everything else is a finding. Keys that only another version understands are named as such, so
//! that nobody takes a rule for working that does not. Imports nothing of this crate but its neighbours.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::codes;
use super::file::{Event, File, Issuer, Missing, Query, Route, Signature, Source, Stamp};
use super::problem::{Finding, Findings};
use super::section::{Section, Text, wrong_type};
use super::written;

const LATER_SOURCE: &[&str] = &[
    "each",
    "rate",
    "max_body",
    "allow_ips",
    "silence",
    "public_keys",
    "jwks",
    "certificates",
    "roots",
    "public_url",
    "webhook_id",
    "topics",
    "audience",
    "service_account",
    "client_key",
    "public_key_id",
    "algorithm",
    "keys",
    "require",
    "header",
    "prefix",
];
const LATER_ISSUER: &[&str] = &["secrets"];
const LATER_ROUTE: &[&str] = &["allow", "schema", "invalid", "pace", "after_park"];
const LATER_QUERY: &[&str] = &["cache", "run"];
const LATER_START: &[&str] = &["id_reuse"];

pub(super) fn read(document: &Spanned<DeTable<'_>>, findings: &mut Findings) -> File {
    let mut root = Section::new("the file".to_owned(), 0..0, document.get_ref());
    let file = File {
        sources: named(&mut root, "sources", "source", findings, read_source),
        issuers: named(&mut root, "issuers", "issuer", findings, read_issuer),
        routes: listed(&mut root, "routes", "route", findings, read_route),
        queries: listed(&mut root, "queries", "query", findings, read_query),
    };
    root.close(&[], findings);
    file
}

/// `[sources.NAME]`
fn named<T>(
    root: &mut Section<'_, '_>,
    key: &'static str,
    what: &str,
    findings: &mut Findings,
    read: fn(Section<'_, '_>, Text, &mut Findings) -> T,
) -> Vec<T> {
    let Some(value) = root.value(key) else {
        return Vec::new();
    };
    let DeValue::Table(tables) = value.get_ref() else {
        let wanted = format!("a table for each {what}, `[{key}.NAME]`");
        findings.push(wrong_type(key, value, &wanted));
        return Vec::new();
    };
    let mut entries: Vec<_> = tables.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut tables = Vec::new();
    for (name, value) in entries {
        let text = Spanned::new(name.span(), name.get_ref().to_string());
        if let DeValue::Table(table) = value.get_ref() {
            let title = format!("{what} `{}`", text.get_ref());
            tables.push(read(
                Section::new(title, name.span(), table),
                text,
                findings,
            ));
        } else {
            findings.push(wrong_type(text.get_ref(), value, "a table"));
        }
    }
    tables
}

/// `[[routes]]`
fn listed<T>(
    root: &mut Section<'_, '_>,
    key: &'static str,
    what: &str,
    findings: &mut Findings,
    read: fn(Section<'_, '_>, &mut Findings) -> T,
) -> Vec<T> {
    let Some(value) = root.value(key) else {
        return Vec::new();
    };
    let DeValue::Array(items) = value.get_ref() else {
        let wanted = format!("a list of tables, `[[{key}]]`");
        findings.push(wrong_type(key, value, &wanted));
        return Vec::new();
    };
    let mut tables = Vec::new();
    for item in items.iter() {
        if let DeValue::Table(table) = item.get_ref() {
            let section = Section::new(title(what, table), item.span(), table);
            tables.push(read(section, findings));
        } else {
            findings.push(wrong_type(key, item, "a list of tables"));
        }
    }
    tables
}

/// "route `payment-succeeded`", or "this route" where it has no name.
fn title(what: &str, table: &DeTable<'_>) -> String {
    match table.get("name").map(Spanned::get_ref) {
        Some(DeValue::String(name)) => format!("{what} `{name}`"),
        _ => format!("this {what}"),
    }
}

fn read_source(mut section: Section<'_, '_>, name: Text, findings: &mut Findings) -> Source {
    let source = Source {
        keys: section.keys(),
        name,
        provider: section.required_text("provider", findings),
        secrets: section.texts("secrets", findings),
        signature: spanned(&mut section, "signature", findings, read_signature),
        timestamp: spanned(&mut section, "timestamp", findings, read_stamp),
        tolerance: section.text("tolerance", findings),
        issuer: section.text("issuer", findings),
        event: section
            .table("event", findings)
            .map_or_else(Event::default, |event| read_event(event, findings)),
        dedup: section.text("dedup", findings),
        unrouted: section.text("unrouted", findings),
        body: section.text("body", findings),
    };
    section.close(LATER_SOURCE, findings);
    source
}

fn read_signature(mut section: Section<'_, '_>, findings: &mut Findings) -> Signature {
    let signature = Signature {
        header: section.required_text("header", findings),
        algorithm: section.required_text("algorithm", findings),
        encoding: section.required_text("encoding", findings),
        prefix: section.text("prefix", findings),
        signed: section.text("signed", findings),
    };
    section.close(&[], findings);
    signature
}

fn read_stamp(mut section: Section<'_, '_>, findings: &mut Findings) -> Stamp {
    let stamp = Stamp {
        header: section.required_text("header", findings),
        unit: section.text("unit", findings),
        tolerance: section.text("tolerance", findings),
    };
    section.close(&[], findings);
    stamp
}

fn read_event(mut section: Section<'_, '_>, findings: &mut Findings) -> Event {
    let event = Event {
        key: section.text("key", findings),
        kind: section.text("type", findings),
        time: section.text("time", findings),
    };
    section.close(&[], findings);
    event
}

fn read_issuer(mut section: Section<'_, '_>, name: Text, findings: &mut Findings) -> Issuer {
    let issuer = Issuer {
        name,
        issuer: section.required_text("issuer", findings),
        audience: section.text_or_texts("audience", findings),
        jwks: section.text("jwks", findings),
        algorithms: section.texts("algorithms", findings),
        roles: section.text("roles", findings),
    };
    for (key, absent) in [
        ("audience", section.lacks("audience")),
        ("jwks", section.lacks("jwks")),
    ] {
        if absent {
            section.missing(key, findings);
        }
    }
    section.close(LATER_ISSUER, findings);
    issuer
}

fn read_route(mut section: Section<'_, '_>, findings: &mut Findings) -> Route {
    let route = Route {
        keys: section.keys(),
        span: section.span.clone(),
        name: section.required_text("name", findings),
        source: section.text_or_texts("source", findings),
        on: section.text_or_texts("on", findings),
        when: section.text("when", findings),
        workflow: section.text("workflow", findings),
        namespace: section.text("namespace", findings),
        signal: section.text("signal", findings),
        args: read_args(&mut section, findings),
        missing: read_missing(&mut section, findings),
        closed: read_closed(&mut section, findings),
        drop: section.flag("drop", findings),
        stop: section
            .flag("stop", findings)
            .is_some_and(Spanned::into_inner),
    };
    if section.lacks("source") {
        section.missing("source", findings);
    }
    section.close(LATER_ROUTE, findings);
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
            let missing = if let Some(start) = table.table("start", findings) {
                read_start(start, findings)
            } else {
                Missing::Wait {
                    wait: table.required_text("wait", findings),
                    then: table.text("then", findings),
                }
            };
            table.close(&[], findings);
            Some(Spanned::new(value.span(), missing))
        }
        _ => {
            findings.push(wrong_type("missing", value, "text or a table"));
            None
        }
    }
}

fn read_start(mut section: Section<'_, '_>, findings: &mut Findings) -> Missing {
    let start = Missing::Start {
        kind: section.required_text("type", findings),
        task_queue: section.required_text("task_queue", findings),
        args: read_args(&mut section, findings),
    };
    section.close(LATER_START, findings);
    start
}

fn read_closed(section: &mut Section<'_, '_>, findings: &mut Findings) -> Option<Text> {
    let value = section.value("closed")?;
    if let DeValue::Table(_) = value.get_ref() {
        let message = "a new start of a closed workflow is not supported by this version yet";
        findings.push(
            Finding::error(codes::LATER, value.span(), message)
                .help("`closed` is \"park\" or \"drop\""),
        );
        return None;
    }
    section.text("closed", findings)
}

fn read_query(mut section: Section<'_, '_>, findings: &mut Findings) -> Query {
    let query = Query {
        name: section.required_text("name", findings),
        path: section.required_text("path", findings),
        workflow: section.required_text("workflow", findings),
        query: section.required_text("query", findings),
        args: read_args(&mut section, findings),
        namespace: section.text("namespace", findings),
        issuer: section.required_text("issuer", findings),
        allow: section.texts("allow", findings),
        when: section.text("when", findings),
        timeout: section.text("timeout", findings),
        expose_errors: section
            .flag("expose_errors", findings)
            .is_some_and(Spanned::into_inner),
    };
    if section.lacks("allow") {
        section.missing("allow", findings);
    }
    section.close(LATER_QUERY, findings);
    query
}

fn read_args(
    section: &mut Section<'_, '_>,
    findings: &mut Findings,
) -> Option<Spanned<crate::expr::template::Written>> {
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

fn spanned<T>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    findings: &mut Findings,
    read: fn(Section<'_, '_>, &mut Findings) -> T,
) -> Option<Spanned<T>> {
    let table = section.table(key, findings)?;
    let span: Range<usize> = section.key_span(key);
    Some(Spanned::new(span, read(table, findings)))
}
