//! From TOML to [`File`]: which keys each table has, and of which type.
//!
//! Everything else is a finding. Keys that only another version understands are named as such, so
//! that nobody takes a rule for working that does not. Imports nothing of this crate but its neighbours.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::codes;
use super::file::{Each, Event, File, Issuer, Key, List, Settings, Signature, Source, Stamp};
use super::problem::{Finding, Findings};
use super::read_rules::{read_query, read_route};
use super::section::{Section, Text, wrong_type};

pub(super) fn read(document: &Spanned<DeTable<'_>>, findings: &mut Findings) -> File {
    let mut root = Section::new("the file".to_owned(), 0..0, document.get_ref());
    let file = File {
        sources: named(&mut root, "sources", "source", findings, read_source),
        issuers: named(&mut root, "issuers", "issuer", findings, read_issuer),
        keys: named(&mut root, "keys", "key", findings, read_key),
        routes: listed(&mut root, "routes", "route", findings, read_route),
        queries: listed(&mut root, "queries", "query", findings, read_query),
    };
    root.close(findings);
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
    let mut flat = false;
    for (name, value) in entries {
        let text = Spanned::new(name.span(), name.get_ref().to_string());
        if let DeValue::Table(table) = value.get_ref() {
            let title = format!("{what} `{}`", text.get_ref());
            tables.push(read(
                Section::new(title, name.span(), table),
                text,
                findings,
            ));
        } else if !std::mem::replace(&mut flat, true) {
            let message = format!("`{}` stands in `[{key}]` itself", text.get_ref());
            findings.push(
                Finding::error(codes::WRONG_TYPE, name.span(), message)
                    .help(format!("each {what} is a table of its own: `[{key}.NAME]`")),
            );
        }
    }
    tables
}

/// `[[routes]]`
pub(super) fn listed<T>(
    root: &mut Section<'_, '_>,
    key: &'static str,
    what: &str,
    findings: &mut Findings,
    read: impl Fn(Section<'_, '_>, &mut Findings) -> T,
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
    for item in items {
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
        issuer: section.text_or_texts("issuer", findings),
        event: section
            .table("event", findings)
            .map_or_else(Event::default, |event| read_event(event, findings)),
        each: read_each(&mut section, findings),
        handshake: section.text("handshake", findings),
        dedup: section.text("dedup", findings),
        unrouted: section.text("unrouted", findings),
        body: section.text("body", findings),
        rate: section.text("rate", findings),
        allow_ips: section.texts("allow_ips", findings),
        max_body: section.text("max_body", findings),
        silence: section.text("silence", findings),
        settings: read_settings(&mut section, findings),
    };
    section.close(findings);
    source
}

fn read_settings(section: &mut Section<'_, '_>, findings: &mut Findings) -> Settings {
    Settings {
        public_keys: section.texts("public_keys", findings),
        jwks: section.text("jwks", findings),
        certificates: section.pairs("certificates", findings),
        roots: section.text("roots", findings),
        public_url: section.text("public_url", findings),
        webhook_id: section.text("webhook_id", findings),
        topics: section.texts("topics", findings),
        audience: section.text("audience", findings),
        service_account: section.text("service_account", findings),
        client_key: section.text("client_key", findings),
        client_id: section.text("client_id", findings),
        environment: section.text("environment", findings),
        public_key_id: section.text("public_key_id", findings),
        algorithm: section.text("algorithm", findings),
        keys: section.pairs("keys", findings),
        require: section.texts("require", findings),
        header: section.text("header", findings),
        prefix: section.text("prefix", findings),
        encoding: section.text("encoding", findings),
        verify_token: section.text("verify_token", findings),
    }
}

fn read_each(section: &mut Section<'_, '_>, findings: &mut Findings) -> Option<Spanned<Each>> {
    let value = section.value("each")?;
    let each = match value.get_ref() {
        DeValue::Boolean(true) => Each::AsProvider,
        DeValue::Boolean(false) => return None,
        DeValue::String(text) => Each::Written(text.to_string()),
        _ => {
            findings.push(wrong_type(
                "each",
                value,
                "an expression in quotes, or true",
            ));
            return None;
        }
    };
    Some(Spanned::new(value.span(), each))
}

fn read_signature(mut section: Section<'_, '_>, findings: &mut Findings) -> Signature {
    let signature = Signature {
        header: section.required_text("header", findings),
        algorithm: section.required_text("algorithm", findings),
        encoding: section.required_text("encoding", findings),
        prefix: section.text("prefix", findings),
        signed: section.text("signed", findings),
        key: section.text("key", findings),
        id_header: section.text("id_header", findings),
        list: spanned(&mut section, "list", findings, read_list),
    };
    section.close(findings);
    signature
}

fn read_list(mut section: Section<'_, '_>, findings: &mut Findings) -> List {
    let list = List {
        tag: section.required_text("tag", findings),
        separator: section.text("separator", findings),
        assign: section.text("assign", findings),
        timestamp: section.text("timestamp", findings),
    };
    section.close(findings);
    list
}

fn read_stamp(mut section: Section<'_, '_>, findings: &mut Findings) -> Stamp {
    let stamp = Stamp {
        header: section.text("header", findings),
        unit: section.text("unit", findings),
        tolerance: section.text("tolerance", findings),
    };
    section.close(findings);
    stamp
}

fn read_event(mut section: Section<'_, '_>, findings: &mut Findings) -> Event {
    let event = Event {
        key: section.text("key", findings),
        kind: section.text("type", findings),
        time: section.text("time", findings),
    };
    section.close(findings);
    event
}

fn read_issuer(mut section: Section<'_, '_>, name: Text, findings: &mut Findings) -> Issuer {
    let issuer = Issuer {
        keys: section.keys(),
        name,
        issuer: section.required_text("issuer", findings),
        audience: section.text_or_texts("audience", findings),
        azp: section.text_or_texts("azp", findings),
        jwks: section.text("jwks", findings),
        secrets: section.texts("secrets", findings),
        algorithms: section.texts("algorithms", findings),
        roles: section.text("roles", findings),
    };
    section.require("audience");
    section.close(findings);
    issuer
}

fn read_key(mut section: Section<'_, '_>, name: Text, findings: &mut Findings) -> Key {
    let key = Key {
        name,
        hash: section.required_text("hash", findings),
        roles: section.texts("roles", findings),
        expires: section.text_or_date("expires", findings),
        note: section.text("note", findings),
    };
    section.close(findings);
    key
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
