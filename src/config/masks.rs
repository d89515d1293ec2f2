//! Which parts of the file are never shown: secrets that someone wrote into it by mistake.
//!
//! A value under a key that sounds like a secret is masked unless it is a reference (`env:`,
//! `file:`), known key or not: a typo in the key must not print what it holds. Imports nothing of
//! this crate.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

const SECRET_WORDS: [&str; 6] = [
    "secret",
    "token",
    "passw",
    "passphrase",
    "credential",
    "client_id",
];

/// The same, as the whole name or its end: `api_key`, `signing-key`.
const SECRET_ENDS: [&str; 4] = ["pass", "pwd", "_key", "-key"];

/// A key that everybody may know.
const PUBLIC: &str = "public";

/// What a Standard Webhooks secret and an API key begin with, wherever they stand.
const SECRET_PREFIXES: [&str; 2] = ["whsec_", "spk_"];

/// The tables in which a key's name says that its value is a secret. In routes and queries such a
/// name is the workflow's business, and its value a template.
const SECRET_TABLES: [&str; 3] = ["sources", "issuers", "keys"];

pub(super) fn of_document(document: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut masks = Vec::new();
    for (key, value) in document {
        collect(value, false, &mut masks);
        let named = match value.get_ref() {
            DeValue::Table(table) if SECRET_TABLES.contains(&key.get_ref().as_ref()) => table,
            // What stands before the first table was meant for one of them.
            DeValue::Table(_) => continue,
            _ if sounds_secret(key.get_ref()) => {
                collect(value, true, &mut masks);
                continue;
            }
            _ => continue,
        };
        // The names of sources are free: `[sources.token-shop]` is no secret as a whole.
        for (name, value) in named {
            match value.get_ref() {
                DeValue::Table(_) => below("", value, &mut masks),
                _ if sounds_secret(name.get_ref()) => collect(value, true, &mut masks),
                _ => {}
            }
        }
    }
    masks
}

/// For a file that is no TOML: lines on which a key sounds like a secret, from its `=` on, and what
/// follows up to the next key or table; and from a secret's prefix to the end of its line.
pub(super) fn of_lines(text: &str) -> Vec<Range<usize>> {
    let mut masks = Vec::new();
    let mut start = 0;
    let mut open = false;
    let mut before = "";
    for line in text.split_inclusive('\n') {
        let secret = sounds_secret(line)
            || begins_like_secrets(line)
            || goes_on_like_secrets(before, line)
            || line
                .split('=')
                .any(|part| sounds_secret(part.trim()) || ends_like_secrets(part));
        open = secret || (open && !begins_anew(line));
        if open {
            let key = line.find(['=', ' ', '[', '"', '\'']);
            let at = match line.find('=') {
                Some(at) if secret => at + 1,
                None if secret => key.unwrap_or(0),
                _ => 0,
            };
            masks.push(start + at..start + line.trim_end().len().max(at));
        }
        for prefix in SECRET_PREFIXES {
            if let Some(at) = line.find(prefix) {
                masks.push(start + at..start + line.trim_end().len());
            }
        }
        start += line.len();
        before = line.trim_end();
    }
    masks
}

/// Whether a line of a broken file is one of another key or table, so that no list goes on in it.
fn begins_anew(line: &str) -> bool {
    let line = line.trim();
    let key = line.split_once('=').map(|(key, _)| key.trim());
    let is_key = key.is_some_and(|key| !key.is_empty() && !key.contains(['"', '\'']));
    let table = line.trim_start_matches('[');
    let is_table = table.len() < line.len() && table.starts_with(|c: char| c.is_ascii_lowercase());
    line.is_empty() || is_key || is_table
}

/// `parent` is the name of the key around it: a slip can split a key in two, as in `se.rets`.
fn below(parent: &str, value: &Spanned<DeValue<'_>>, masks: &mut Vec<Range<usize>>) {
    if let DeValue::Table(table) = value.get_ref() {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if sounds_secret(name) || nearly_secrets(&format!("{parent}{name}")) {
                collect(value, true, masks);
            } else {
                below(name, value, masks);
            }
        }
    }
}

/// Masks scalars under `value`: all but references where `all` is set, else what has a secret's prefix.
fn collect(value: &Spanned<DeValue<'_>>, all: bool, masks: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().for_each(|item| collect(item, all, masks)),
        DeValue::Table(table) => table.values().for_each(|value| collect(value, all, masks)),
        DeValue::String(text) if !shows_secret(text) && (!all || is_reference(text)) => {}
        DeValue::String(_) => masks.push(value.span()),
        _ if !all => {}
        _ => masks.push(value.span()),
    }
}

fn is_reference(text: &str) -> bool {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    text.strip_prefix("env:").is_some_and(is_name) || text.starts_with("file:")
}

/// `https://user:password@host/`, or what only a provider's secret begins with.
fn shows_secret(text: &str) -> bool {
    SECRET_PREFIXES
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || (text.contains("://") && text.contains('@'))
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = || SECRET_ENDS.iter().any(|end| name.ends_with(end));
    SECRET_WORDS.iter().any(|word| name.contains(word))
        || (ends() && !name.contains(PUBLIC))
        || nearly_secrets(&name)
}

/// A misspelt `secrets` holds what `secrets` would hold.
fn nearly_secrets(name: &str) -> bool {
    (4..=9).contains(&name.len()) && strsim::osa_distance(name, "secrets") <= 2
}

/// The same where signs stand between the letters, as nothing but a slip puts them there.
fn begins_like_secrets(line: &str) -> bool {
    let letters = letters(line);
    (5..=8).any(|end| letters.get(..end).is_some_and(nearly_secrets))
}

/// The last key before an `=`, as in an inline table.
fn ends_like_secrets(part: &str) -> bool {
    let letters = letters(part);
    let suffix = |length| letters.get(letters.len().saturating_sub(length)..);
    (5..=8).any(|length| suffix(length).is_some_and(nearly_secrets))
}

/// A key that a slip has put on two lines.
fn goes_on_like_secrets(before: &str, line: &str) -> bool {
    let key = line.split('=').next().unwrap_or("");
    before.ends_with(|c: char| c.is_ascii_alphanumeric())
        && ends_like_secrets(&format!("{before}{key}"))
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    letters.collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with every masked part left out.
    fn shown(text: &str) -> String {
        let (document, errors) = DeTable::parse_recoverable(text);
        let masks = if errors.is_empty() {
            of_document(document.get_ref())
        } else {
            of_lines(text)
        };
        let hidden = |at: usize| masks.iter().any(|mask| mask.contains(&at));
        let kept = text.char_indices().filter(|(at, _)| !hidden(*at));
        kept.map(|(_, c)| c).collect()
    }

    #[test]
    fn a_secret_under_a_key_that_sounds_like_one_is_hidden_in_any_form() {
        for line in [
            "secret = \"hush\"",
            "secrets = { first = \"hush\" }",
            "secrets = [{ a = [\"hush\"] }]",
            "api_key = \"hush\"",
            "signing-key = \"hush\"",
            "pass = \"hush\"",
            "client_id = \"hush\"",
            "nested = { webhook_key = \"hush\" }",
        ] {
            for text in [
                format!("[sources.a]\n{line}\n"),
                format!("[sources.a]\n{line}\nbroken = \n"),
            ] {
                assert!(!shown(&text).contains("hush"), "{text}");
            }
        }
        let split = "[sources.a]\nsignature = { encoding = \"hex\", s\ncret = \"hush\" }\n";
        assert!(!shown(split).contains("hush"));
        assert!(!shown("secrets = [\"hush\"]\n[sources.a]\n").contains("hush"));
        assert!(!shown("[sources]\nsecret = \"hush\"\n").contains("hush"));
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        let text = "[sources.token-shop]\nprovider = \"stripe\"\nsecrets = [\"env:A\"]\nevent = { key = \"body.id\" }\npublic_key = \"p\"\n";
        assert_eq!(shown(text), text);
        let text = "[[routes]]\nargs = [{ api_key = \"${body.k}\" }]\n";
        assert_eq!(shown(text), text);
    }

    #[test]
    fn a_broken_file_hides_whole_lists_of_secrets() {
        let text = "a = 1\nsecrets = [\n  \"hush\",\n]\nb = 2\n";
        let masks = of_lines(text);
        assert!(
            masks
                .iter()
                .any(|mask| mask.contains(&text.find("hush").unwrap()))
        );
        assert!(
            !masks
                .iter()
                .any(|mask| mask.contains(&text.find("b =").unwrap()))
        );
    }
}
