//! What was expected of a case against what was found: nothing, or the differences a line each.

use serde_json::Value;

use super::judge::Found;
use crate::cli::explain::shown::ShownDelivery;
use crate::cli::explain::webhook::{Explanation, Verdict};
use crate::config::cases::{Expect, Signal};
use crate::event::State;

/// In one line.
pub(super) fn wanted(expect: &Expect) -> String {
    match expect {
        Expect::Refused => "refused".to_owned(),
        Expect::Unrouted => "unrouted".to_owned(),
        Expect::Dropped => "dropped".to_owned(),
        Expect::Parked => "parked".to_owned(),
        Expect::Allow => "allow".to_owned(),
        Expect::Deny => "deny".to_owned(),
        Expect::Signals(signals) => {
            let titles: Vec<_> = signals
                .iter()
                .map(|signal| format!("{}/{}", signal.workflow, signal.signal))
                .collect();
            titles.join(", ")
        }
    }
}

pub(super) fn differences(expect: &Expect, found: &Found) -> Vec<String> {
    let other = || {
        vec![
            format!("- {}", wanted(expect)),
            format!("+ {}", found.title()),
        ]
    };
    let all_in = |explanation: &Explanation, state: State| {
        let state = state.as_str();
        let mut deliveries = explanation.deliveries.iter();
        !explanation.deliveries.is_empty() && deliveries.all(|it| it.state == state)
    };
    let as_expected = match (expect, found) {
        (Expect::Signals(signals), Found::Webhook(explanation))
            if explanation.verdict == Verdict::Accepted =>
        {
            return of_signals(signals, &explanation.deliveries);
        }
        (Expect::Refused, Found::Webhook(it)) => it.verdict == Verdict::Refused,
        (Expect::Unrouted, Found::Webhook(it)) => it.verdict == Verdict::Unrouted,
        (Expect::Dropped, Found::Webhook(it)) => all_in(it, State::Dropped),
        (Expect::Parked, Found::Webhook(it)) => all_in(it, State::Parked),
        (Expect::Allow, Found::Query(it)) => it.verdict() == "allow",
        (Expect::Deny, Found::Query(it)) => it.verdict() == "deny",
        _ => false,
    };
    if as_expected { Vec::new() } else { other() }
}

/// Each signal once, in any order; what a rule drops is no signal.
fn of_signals(expected: &[Signal], deliveries: &[ShownDelivery]) -> Vec<String> {
    let mut found: Vec<&ShownDelivery> = deliveries
        .iter()
        .filter(|it| it.state != State::Dropped.as_str())
        .collect();
    let mut missing = Vec::new();
    for signal in expected {
        match found.iter().position(|it| fits(signal, it)) {
            Some(at) => {
                found.remove(at);
            }
            None => missing.push(signal),
        }
    }
    let mut lines = Vec::new();
    for signal in missing {
        // The one that was most likely meant.
        let near = found.iter().position(|it| {
            it.workflow == signal.workflow && it.signal == signal.signal && it.args.is_some()
        });
        match near {
            Some(at) => lines.extend(details(signal, found.remove(at))),
            None => lines.push(format!("- {}", of_expected(signal))),
        }
    }
    lines.extend(found.into_iter().map(|it| format!("+ {}", of_found(it))));
    lines
}

fn fits(signal: &Signal, found: &ShownDelivery) -> bool {
    let namespace = signal.namespace.as_ref();
    found.state == State::Pending.as_str()
        && found.workflow == signal.workflow
        && found.signal == signal.signal
        && namespace.is_none_or(|namespace| *namespace == found.namespace)
        && signal
            .args
            .as_ref()
            .is_none_or(|args| *args == args_of(found))
}

fn args_of(found: &ShownDelivery) -> Value {
    let args = found.args.as_ref();
    let args = args.and_then(|args| serde_json::from_str(args.get()).ok());
    args.unwrap_or_default()
}

fn of_expected(signal: &Signal) -> String {
    let namespace = signal.namespace.as_ref();
    let namespace = namespace.map_or(String::new(), |it| format!(" in {it}"));
    let args = signal.args.as_ref();
    let args = args.map_or(String::new(), |it| format!(", arguments {it}"));
    let (name, workflow) = (&signal.signal, &signal.workflow);
    format!("signal {name} to {workflow}{namespace}{args}")
}

fn of_found(found: &ShownDelivery) -> String {
    if found.state == State::Parked.as_str() {
        let error = found.error.as_deref().unwrap_or_default();
        return format!("parked by route {}: {error}", found.route);
    }
    format!(
        "signal {} to {} in {}, arguments {}",
        found.signal,
        found.workflow,
        found.namespace,
        args_of(found)
    )
}

/// Of one signal that came, and not as it was expected.
fn details(signal: &Signal, found: &ShownDelivery) -> Vec<String> {
    let mut lines = vec![format!("  signal {} to {}", signal.signal, signal.workflow)];
    if found.state == State::Parked.as_str() {
        lines.push(format!("+ {}", of_found(found)));
        return lines;
    }
    if let Some(namespace) = &signal.namespace
        && *namespace != found.namespace
    {
        lines.push(format!("- namespace {namespace}"));
        lines.push(format!("+ namespace {}", found.namespace));
    }
    if let Some(args) = &signal.args {
        of_values("args", args, &args_of(found), &mut lines);
    }
    lines
}

/// Where two JSON values part, by path.
fn of_values(path: &str, expected: &Value, found: &Value, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                match found.get(key) {
                    Some(other) => of_values(&path, value, other, lines),
                    None => lines.push(format!("- {path} = {value}")),
                }
            }
            for (key, value) in found {
                if !expected.contains_key(key) {
                    lines.push(format!("+ {path}.{key} = {value}"));
                }
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            for at in 0..expected.len().max(found.len()) {
                let path = format!("{path}[{at}]");
                match (expected.get(at), found.get(at)) {
                    (Some(value), Some(other)) => of_values(&path, value, other, lines),
                    (Some(value), None) => lines.push(format!("- {path} = {value}")),
                    (None, Some(other)) => lines.push(format!("+ {path} = {other}")),
                    (None, None) => {}
                }
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => {
            lines.push(format!("- {path} = {expected}"));
            lines.push(format!("+ {path} = {found}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_part_where_they_differ_and_nowhere_else() {
        let mut lines = Vec::new();
        let expected = json!([{ "a": 1, "b": [1, 2], "c": null }]);
        let found = json!([{ "a": 1, "b": [1, 3], "d": "x" }, 7]);
        of_values("args", &expected, &found, &mut lines);
        assert_eq!(
            lines,
            [
                "- args[0].b[1] = 2",
                "+ args[0].b[1] = 3",
                "- args[0].c = null",
                "+ args[0].d = \"x\"",
                "+ args[1] = 7"
            ]
        );
        lines.clear();
        of_values("args", &expected, &expected, &mut lines);
        assert!(lines.is_empty());
    }
}
