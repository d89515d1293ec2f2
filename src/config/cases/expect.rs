//! `expect` of a case: a word, or the signals.

use toml::Spanned;
use toml::de::DeValue;

use super::super::codes;
use super::super::problem::{Finding, Findings};
use super::super::read::listed;
use super::super::section::{Section, wrong_type};
use super::super::suggest;
use super::{Expect, Signal, json};

pub(super) fn expect(
    section: &mut Section<'_, '_>,
    of_query: bool,
    findings: &mut Findings,
) -> Option<Expect> {
    let span = section.key_span("expect");
    let Some(value) = section.value("expect") else {
        section.require("expect");
        return None;
    };
    match value.get_ref() {
        DeValue::String(text) => word(text, of_query, value, findings),
        DeValue::Table(table) if !of_query => {
            let what = format!("`expect` of {}", section.what);
            let signal = signal(Section::new(what, span, table), findings)?;
            Some(Expect::Signals(vec![signal]))
        }
        DeValue::Array(_) if !of_query => {
            let signals = listed(section, "expect", "signal", findings, signal);
            let signals: Option<Vec<_>> = signals.into_iter().collect();
            if signals.as_ref().is_some_and(Vec::is_empty) {
                let message = "no signals at all is \"unrouted\", \"dropped\" or \"refused\"";
                findings.push(Finding::error(codes::BAD_VALUE, value.span(), message));
            }
            signals.map(Expect::Signals)
        }
        _ => {
            let wanted = if of_query {
                "\"allow\" or \"deny\""
            } else {
                "a word, or `{ workflow, signal, args }`, or a list of these"
            };
            findings.push(wrong_type("expect", value, wanted));
            None
        }
    }
}

fn word(
    text: &str,
    of_query: bool,
    value: &Spanned<DeValue<'_>>,
    findings: &mut Findings,
) -> Option<Expect> {
    let words: &[(&str, Expect)] = if of_query {
        &[("allow", Expect::Allow), ("deny", Expect::Deny)]
    } else {
        &[
            ("refused", Expect::Refused),
            ("unrouted", Expect::Unrouted),
            ("dropped", Expect::Dropped),
            ("parked", Expect::Parked),
        ]
    };
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("`expect` cannot be `{text}`");
        findings.push(
            Finding::error(codes::BAD_VALUE, value.span(), message)
                .maybe_help(suggest::among(text, &names)),
        );
    }
    found.map(|(_, expect)| expect.clone())
}

fn signal(mut section: Section<'_, '_>, findings: &mut Findings) -> Option<Signal> {
    let workflow = section.required_text("workflow", findings);
    let signal = section.required_text("signal", findings);
    let namespace = section.text("namespace", findings);
    let args = section.value("args").map(|value| json(value.get_ref()));
    section.close(findings);
    Some(Signal {
        workflow: workflow?.into_inner(),
        signal: signal?.into_inner(),
        namespace: namespace.map(Spanned::into_inner),
        args,
    })
}
