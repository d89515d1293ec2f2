//! What came of the cases, as a test runner says it.

use std::path::Path;

use serde::Serialize;

use super::judge::{Found, Outcome};
use crate::cli::events::plain;
use crate::cli::explain::step::Step;

#[derive(Serialize)]
struct Report<'a> {
    cases: &'a [Outcome],
    passed: usize,
    failed: usize,
}

fn passed(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.ok).count()
}

pub(super) fn json(outcomes: &[Outcome]) -> String {
    let passed = passed(outcomes);
    let report = Report {
        cases: outcomes,
        passed,
        failed: outcomes.len() - passed,
    };
    // Text, numbers and JSON under constant names: this cannot fail.
    serde_json::to_string(&report).unwrap_or_default()
}

pub(super) fn lines(outcomes: &[Outcome], file: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for outcome in outcomes {
        if outcome.ok {
            lines.push(format!("ok      {}", plain(&outcome.name)));
            continue;
        }
        let place = format!("{}:{}", file.display(), outcome.line);
        lines.push(format!("FAILED  {}   {place}", plain(&outcome.name)));
        let indented = |text: &str| format!("          {}", plain(text));
        lines.extend(outcome.differences.iter().map(|text| indented(text)));
        lines.extend(because(&outcome.found).iter().map(|text| indented(text)));
    }
    lines
}

/// The steps that were not taken, and what is advised about them.
fn because(found: &Found) -> Vec<String> {
    match found {
        Found::Webhook(explanation) => {
            let failed = explanation.steps.iter().filter(|step| step.tells_why_not());
            let advice = explanation.diagnosis.iter();
            let advice = advice.map(|it| format!("{}: {}", it.cause, it.text));
            failed.map(Step::line).chain(advice).collect()
        }
        Found::Query(decision) => decision.text().lines().map(str::to_owned).collect(),
        Found::Nothing { .. } => Vec::new(),
    }
}

pub(super) fn summary(outcomes: &[Outcome], all: usize) -> String {
    let passed = passed(outcomes);
    let failed = outcomes.len() - passed;
    let left_out = match all - outcomes.len() {
        0 => String::new(),
        number => format!(", {number} left out"),
    };
    format!("{passed} passed, {failed} failed{left_out}")
}
