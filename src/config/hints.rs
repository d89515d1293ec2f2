//! What to write instead: an example for each key, the key that a foreign name stands for, and TOML's
//! own faults in words for whoever edits a routing file.
//!
//! Advice alone: nothing here decides what is wrong. Imports `suggest`.

use super::suggest;

/// For a key that is absent or of the wrong type.
const EXAMPLES: [&str; 37] = [
    "provider = \"stripe\"",
    "secrets = [\"env:NAME\"]",
    "signature = { header = \"X-Signature\", algorithm = \"sha256\", encoding = \"hex\" }",
    "timestamp = { header = \"X-Timestamp\", unit = \"s\" }",
    "tolerance = \"5m\"",
    "event = { key = \"body.id\", type = \"body.type\" }",
    "dedup = \"7d\"",
    "rate = \"500/s\"",
    "max_body = \"64KiB\"",
    "header = \"X-Signature\"",
    "algorithm = \"sha256\"",
    "encoding = \"hex\"",
    "audience = \"signalpost\"",
    "algorithms = [\"RS256\"]",
    "hash = \"sha256:…\"",
    "name = \"order-paid\"",
    "source = \"stripe\"",
    "on = \"order.paid\"",
    "when = \"body.amount > 100\"",
    "allow = [\"ops\"]",
    "workflow = \"order-${body.id}\"",
    "namespace = \"default\"",
    "signal = \"paid\"",
    "args = [\"${body.id}\"]",
    "missing = { wait = \"5m\", then = \"park\" }",
    "closed = { start = { type = \"OrderWorkflow\", task_queue = \"orders\" } }",
    "start = { type = \"OrderWorkflow\", task_queue = \"orders\" }",
    "wait = \"5m\"",
    "task_queue = \"orders\"",
    "pace = \"5/s\"",
    "drop = true",
    "stop = true",
    "path = \"/orders/{id}\"",
    "query = \"get_status\"",
    "timeout = \"5s\"",
    "cache = \"2s\"",
    "expose_errors = true",
];

pub(super) fn example(key: &str) -> Option<String> {
    let of_key = |line: &&&str| line.split(" = ").next() == Some(key);
    EXAMPLES
        .iter()
        .find(of_key)
        .map(|line| format!("as in `{line}`"))
}

/// What other tools call it: (theirs, ours). Counts only where ours is a key of the same table.
const FOREIGN: [(&str, &str); 18] = [
    ("condition", "when"),
    ("filter", "when"),
    ("if", "when"),
    ("event_type", "on"),
    ("events", "on"),
    ("type", "on"),
    ("types", "on"),
    ("arguments", "args"),
    ("payload", "args"),
    ("roles", "allow"),
    ("scopes", "allow"),
    ("queue", "task_queue"),
    ("retention", "dedup"),
    ("ttl", "cache"),
    ("jwks_url", "jwks"),
    ("id", "key"),
    ("url", "path"),
    ("workflow_id", "workflow"),
];

/// The known key that an unknown one was meant for.
pub(super) fn meant<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let foreign = FOREIGN.iter().find(|(theirs, _)| *theirs == name);
    let ours = foreign.and_then(|(_, ours)| known.iter().find(|key| *key == ours));
    ours.copied()
        .or_else(|| suggest::nearest(name, known.iter().copied()))
        .or_else(|| shortened(name, known))
}

/// `aud` for `audience`, `jwks_uri` for `jwks`; none where two would fit.
fn shortened<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let longer = |key: &str| {
        name.strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(['_', '-']))
    };
    let fits = |key: &&&'k str| (name.len() >= 3 && key.starts_with(name)) || longer(key);
    let mut fitting = known.iter().filter(fits);
    let first = fitting.next().copied();
    first.filter(|_| fitting.next().is_none())
}

/// The tables of the file as they are opened.
pub(super) fn heading(key: &str) -> Option<&'static str> {
    match key {
        "sources" => Some("[sources.NAME]"),
        "issuers" => Some("[issuers.NAME]"),
        "keys" => Some("[keys.NAME]"),
        "routes" => Some("[[routes]]"),
        "queries" => Some("[[queries]]"),
        _ => None,
    }
}

/// TOML's fault at a place of a line in words, and what to write.
pub(super) fn syntax(message: &str, line: &str, at: usize) -> (String, Option<&'static str>) {
    let (before, rest) = line.split_at_checked(at).unwrap_or((line, ""));
    let at = rest.chars().next();
    if let Some((said, help)) = habit(message, line, before, rest) {
        return (said.to_owned(), Some(help));
    }
    if let Some(odd) = at.filter(|c| !c.is_ascii() || (c.is_control() && !c.is_whitespace())) {
        let number = u32::from(odd);
        return if odd.is_alphanumeric() {
            let help = "write it anew: the letters of keys are those of ASCII";
            let said =
                format!("`{odd}` (U+{number:04X}) is no letter of ASCII, whatever it looks like");
            (said, Some(help))
        } else {
            let help =
                "delete it, or write the line anew: it may have been copied from a page or a chat";
            let said = format!(
                "a character that TOML does not take (U+{number:04X}) stands here, perhaps unseen"
            );
            (said, Some(help))
        };
    }
    let (said, help) = if message.starts_with("duplicate key") {
        let help = "a key or a table stands once; only `[[routes]]` and `[[queries]]` repeat";
        ("this stands in the file already", Some(help))
    } else if message.starts_with("string values must be quoted") {
        let help = "put text into quotes, as in `signal = \"paid\"`";
        ("this value has no quotes", Some(help))
    } else if message.starts_with("missing escaped value") {
        let help = "write `\\\\`, or put the text into single quotes, where `\\` is itself";
        ("`\\` begins an escape that TOML does not know", Some(help))
    } else if message.starts_with("invalid basic string") {
        ("this text has no closing quote", None)
    } else {
        (message, None)
    };
    (said.to_owned(), help)
}

/// What people are used to from elsewhere.
fn habit(
    message: &str,
    line: &str,
    before: &str,
    rest: &str,
) -> Option<(&'static str, &'static str)> {
    let start = line.trim_start();
    let is_value = before.trim_end().ends_with('=');
    let word = rest.split(|c: char| !c.is_alphanumeric()).next();
    match rest.chars().next() {
        Some('“' | '”' | '„' | '‘' | '’') => {
            return Some(("these are no quotes", "the quotes of TOML are `\"` and `'`"));
        }
        Some(':') if message.starts_with("invalid unquoted key") => {
            let said = "key and value are joined by `=`, not by `:`";
            return Some((said, "as in `signal = \"paid\"`"));
        }
        _ => {}
    }
    if ["//", "/*", ";"].iter().any(|sign| start.starts_with(sign)) {
        return Some(("this is no comment of TOML", "a comment begins with `#`"));
    }
    if ["<<<<<<<", "=======", ">>>>>>>"]
        .iter()
        .any(|mark| start.starts_with(mark))
    {
        let help =
            "keep one of the two sides, and delete the lines of `<<<<<<<`, `=======` and `>>>>>>>`";
        return Some(("a merge was not brought to its end here", help));
    }
    match word.filter(|_| is_value) {
        Some("null" | "nil" | "None" | "NULL" | "undefined") => {
            return Some(("TOML has no null", "leave the key away"));
        }
        Some("True" | "False" | "TRUE" | "FALSE" | "yes" | "no" | "on" | "off") => {
            let help = "`true` or `false`, in small letters; text stands in quotes";
            return Some(("this is no value of TOML", help));
        }
        _ => {}
    }
    if message.contains("inline table") && line.contains("{{") {
        let help = "have Helm, Jinja or whatever reads `{{ }}` render the file first";
        return Some(("this is a template of another program", help));
    }
    if message.starts_with("unexpected key or value") {
        let quote = before.chars().next_back();
        if quote == Some('\'') {
            let help =
                "text that holds `'` stands between double quotes, or between three single ones";
            return Some(("the `'` before this has ended the text", help));
        }
        if quote == Some('"') {
            let help =
                "text that holds `\"` stands between single quotes, or has `\\\"` in its place";
            return Some(("the `\"` before this has ended the text", help));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_other_tools_finds_ours_and_a_stranger_finds_none() {
        let issuer = ["issuer", "audience", "azp", "jwks", "secrets", "roles"];
        assert_eq!(meant("aud", &issuer), Some("audience"));
        assert_eq!(meant("jwks_uri", &issuer), Some("jwks"));
        assert_eq!(meant("secret", &issuer), Some("secrets"));
        let query = ["name", "namespace", "path", "query", "allow", "when", "run"];
        assert_eq!(meant("roles", &query), Some("allow"));
        assert_eq!(meant("condition", &query), Some("when"));
        for stranger in ["banana", "a", "colour", "queue", "roads", "n", "x_y"] {
            assert_eq!(meant(stranger, &query), None, "{stranger}");
        }
    }

    #[test]
    fn every_example_is_toml() {
        for example in EXAMPLES {
            assert!(example.parse::<toml::Table>().is_ok(), "{example}");
        }
    }
}
