//! Signals and queries as a page: plain, or Markdown for a wiki.

use super::{Reach, ShownQuery, ShownSignal};

/// What a line of a description says: its name and its value.
type Line = (&'static str, String);

pub(super) fn text(reach: &Reach) -> String {
    let mut page = String::new();
    for (title, lines) in sections(reach) {
        if !page.is_empty() {
            page.push('\n');
        }
        page.push_str(&title.join(" "));
        page.push('\n');
        page.extend(
            lines
                .iter()
                .map(|(name, value)| format!("  {name:<10} {value}\n")),
        );
    }
    if page.is_empty() {
        return "nothing of this file can reach a workflow".to_owned();
    }
    page.trim_end().to_owned()
}

pub(super) fn markdown(reach: &Reach) -> String {
    let mut page = "# Signals and queries\n".to_owned();
    let mut part = String::new();
    for ([kind, name, _, _], lines) in sections(reach) {
        if kind != part {
            page.push_str(if kind == "signal" {
                "\n## Signals\n"
            } else {
                "\n## Queries\n"
            });
            part = kind;
        }
        let head = ["\n### ", &code(&name), "\n\n| | |\n|---|---|\n"];
        page.extend(head);
        let row = |(name, value): &Line| format!("| {name} | {} |\n", code(value));
        page.extend(lines.iter().map(row));
    }
    page.trim_end().to_owned()
}

type Section = ([String; 4], Vec<Line>);

fn sections(reach: &Reach) -> impl Iterator<Item = Section> {
    let signals = reach.signals.iter().map(signal);
    signals.chain(reach.queries.iter().map(query))
}

fn signal(shown: &ShownSignal) -> Section {
    let every = "every".to_owned();
    let mut lines = vec![
        ("workflow", shown.workflow.clone()),
        ("namespace", shown.namespace.clone()),
        (
            "args",
            shown
                .args
                .as_ref()
                .map_or("the body as sent".to_owned(), ToString::to_string),
        ),
        ("sources", shown.sources.join(", ")),
        (
            "types",
            shown.types.as_ref().map_or(every, |types| types.join(", ")),
        ),
    ];
    lines.extend(shown.schema.clone().map(|schema| ("schema", schema)));
    lines.extend(shown.invalid.clone().map(|rule| ("invalid", rule)));
    lines.extend(shown.when.clone().map(|when| ("when", when)));
    lines.extend(shown.allow.as_ref().map(|allow| ("roles", roles(allow))));
    lines.extend([
        ("missing", shown.missing.clone()),
        ("closed", shown.closed.clone()),
    ]);
    if shown.after_park != "continue" {
        lines.push(("after park", shown.after_park.to_owned()));
    }
    if shown.stop {
        lines.push(("stop", "later routes do not get the event".to_owned()));
    }
    let title = ["signal", &shown.signal, "by route", &shown.route];
    (title.map(str::to_owned), lines)
}

fn query(shown: &ShownQuery) -> Section {
    let mut lines = vec![
        (
            "path",
            format!("{} {}", shown.methods.join("|"), shown.path),
        ),
        ("workflow", shown.workflow.clone()),
        ("namespace", shown.namespace.clone()),
        (
            "args",
            shown
                .args
                .as_ref()
                .map_or("none".to_owned(), ToString::to_string),
        ),
        ("tokens of", shown.issuers.join(", ")),
        ("roles", roles(&shown.allow)),
    ];
    lines.extend(shown.when.clone().map(|when| ("when", when)));
    lines.push(("timeout", shown.timeout.clone()));
    lines.extend(shown.cache.clone().map(|cache| ("cache", cache)));
    lines.extend(
        shown
            .run
            .clone()
            .map(|run| ("run", format!("?{run}= pins one"))),
    );
    lines.extend(
        shown
            .rate
            .clone()
            .map(|rate| ("rate", format!("{rate} for each caller"))),
    );
    if shown.expose_errors {
        lines.push(("errors", "the handler's message is shown".to_owned()));
    }
    let title = ["query", &shown.query, "by rule", &shown.name];
    (title.map(str::to_owned), lines)
}

fn roles(allow: &[String]) -> String {
    if allow.iter().any(|role| role == crate::token::ANYONE) {
        return "any caller with a valid token".to_owned();
    }
    allow.join(" or ")
}

/// In a cell of a table: one line, and whatever it holds is no markup.
fn code(text: &str) -> String {
    let line = text.replace(['\r', '\n'], " ").replace('|', "\\|");
    if line.contains('`') {
        return format!("`` {line} ``");
    }
    format!("`{line}`")
}
