//! What to write instead: an example for each key, the key that a foreign name stands for, and TOML's
//! own faults in words for whoever edits a routing file.
//!
//! Advice alone: nothing here decides what is wrong. Imports `suggest`.

use super::suggest;

/// For a key that is absent or of the wrong type.
const EXAMPLES: [&str; 36] = [
    "provider = \"stripe\"",
    "secrets = [\"env:NAME\"]",
    "signature = { header = \"X-Signature\", algorithm = \"sha256\", encoding = \"hex\" }",
    "timestamp = { header = \"X-Timestamp\", unit = \"s\" }",
    "tolerance = \"5m\"",
    "event = { key = \"body.id\", type = \"body.type\" }",
    "dedup = \"7d\"",
    "rate = \"500/s\"",
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

/// TOML's fault at a place in words, and what to write.
pub(super) fn syntax(message: &str, at: Option<char>) -> (&str, Option<&'static str>) {
    match at {
        Some('“' | '”' | '„' | '‘' | '’') => {
            let help = "the quotes of TOML are `\"` and `'`";
            return ("these are no quotes", Some(help));
        }
        Some(':') if message.starts_with("invalid unquoted key") => {
            let help = "as in `signal = \"paid\"`";
            return ("key and value are joined by `=`, not by `:`", Some(help));
        }
        _ => {}
    }
    if message.starts_with("duplicate key") {
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
    }
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
