//! Providers for people: a list, a table of Markdown, and one with everything about it.

use super::Shown;

pub(super) fn list(all: &[Shown]) -> String {
    let head = ["PROVIDER", "VENDOR", "SIGNED", "BODY", "FACTS FROM", "PAGE"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head)
        .chain(all.iter().map(|shown| row(shown, "bound", "not bound")))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths);
        let padded: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}", width = *width))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    format!(
        "{}\n\nand the generic ones: hmac, jwt, token, basic, none",
        lines.join("\n")
    )
}

pub(super) fn table(all: &[Shown]) -> String {
    let mut page =
        "| provider | vendor | signed | body bound | facts from |\n|---|---|---|---|---|"
            .to_owned();
    for shown in all {
        let [name, vendor, signed, bound, facts, url] = row(shown, "yes", "**no**");
        // A template, and no sentence about one.
        let signed = if shown.signed.contains('{') && !shown.signed.contains(' ') {
            format!("`{signed}`").replace('|', "\\|")
        } else {
            signed
        };
        let row = format!("\n| `{name}` | {vendor} | {signed} | {bound} | [{facts}]({url}) |");
        page.push_str(&row);
    }
    page
}

fn row(shown: &Shown, bound: &str, unbound: &str) -> [String; 6] {
    let body = if shown.body_bound { bound } else { unbound };
    [
        shown.name,
        shown.vendor,
        shown.signed,
        body,
        shown.confidence,
        shown.source,
    ]
    .map(str::to_owned)
}

pub(super) fn one(shown: &Shown) -> String {
    let lines = lines(shown);
    let names = lines.iter().map(|(name, _)| name.len());
    let width = names.max().unwrap_or_default();
    let mut page = vec![format!("{} ({})", shown.vendor, shown.name)];
    let rows = lines.iter();
    page.extend(rows.map(|(name, value)| format!("  {name:width$}  {value}")));
    page.push(String::new());
    page.push(shown.example.trim_end().to_owned());
    page.join("\n")
}

/// With what stands in where there is none.
fn event_key(shown: &Shown) -> String {
    let digest = format!("a digest of {}", shown.digest_of);
    match shown.event_key {
        None => digest,
        Some(key) if key.ends_with(": null") => format!("{key} (null: {digest})"),
        Some(key) => key.to_owned(),
    }
}

/// What there is to say, in order; what is empty is left out.
fn lines(shown: &Shown) -> Vec<(&'static str, String)> {
    let text = |text: &str| text.to_owned();
    let or = |value: Option<&'static str>, otherwise: &str| text(value.unwrap_or(otherwise));
    let scheme = &shown.scheme;
    let bound = if shown.body_bound {
        "bound by the proof"
    } else {
        "not bound: whoever sees one request can send another body with its proof"
    };
    let facts = match shown.confidence {
        "unconfirmed" => "UNCONFIRMED: general knowledge; try it before you rely on it".to_owned(),
        from => format!("{from}: {}", shown.source),
    };
    let batch = shown.batch.as_ref().map(|batch| {
        let key = batch.event_key.unwrap_or("a digest of the item");
        let kind = batch.event_type.unwrap_or("none");
        format!("each = \"{}\": key {key}, type {kind}", batch.each)
    });
    let yes = match shown.accepted {
        None => text("200 with the event's id as JSON"),
        Some("") => text("200 with an empty body"),
        Some(body) => format!("200 with `{body}`"),
    };
    let answer = format!(
        "accepted or repeated: {yes}; not proven: {}",
        shown.unproven
    );
    let last = shown.client_errors_are_final.then(|| {
        text("a 4xx makes the provider give up: what is not the sender's fault is answered 503")
    });
    let all = [
        ("headers", Some(scheme.headers.join(", "))),
        ("algorithm", Some(text(scheme.algorithm))),
        ("signed", Some(text(shown.signed))),
        ("encoding", Some(scheme.encoding.clone())),
        ("secret", Some(text(scheme.key))),
        ("several", scheme.several.clone()),
        (
            "tolerance",
            Some(
                scheme
                    .tolerance
                    .clone()
                    .unwrap_or_else(|| text("no time is signed")),
            ),
        ),
        ("body", Some(text(bound))),
        ("event key", Some(event_key(shown))),
        ("event type", Some(or(shown.event_type, "none"))),
        ("batch", batch),
        ("handshake", shown.handshake.map(str::to_owned)),
        ("answers", Some(answer)),
        ("refusals", last),
        ("keys kept", shown.dedup.clone()),
        ("retried for", shown.retry_horizon.clone()),
        ("settings", Some(shown.settings.join(", "))),
        ("found at", Some(text(shown.setup))),
        ("facts", Some(facts)),
        (
            "page",
            Some(text(shown.source)).filter(|_| shown.confidence == "unconfirmed"),
        ),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
        .collect()
}
