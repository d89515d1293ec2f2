//! An explanation as a page for a terminal.
//!
//! What stands in it came from strangers: each line stays one line.

use super::webhook::{Explanation, Verdict};
use crate::cli::events::plain;

pub(super) fn text(explanation: &Explanation) -> String {
    let mut lines = Vec::new();
    of(explanation, "", &mut lines);
    lines.join("\n")
}

fn of(explanation: &Explanation, margin: &str, lines: &mut Vec<String>) {
    let mut add = |text: &str| lines.push(format!("{margin}{}", plain(text)));
    for step in &explanation.steps {
        add(&step.line());
    }
    add(&match explanation.verdict {
        Verdict::Accepted => match explanation.deliveries.len() {
            1 => "accepted: 1 delivery".to_owned(),
            number => format!("accepted: {number} deliveries"),
        },
        Verdict::Unrouted => "unrouted".to_owned(),
        Verdict::Refused => format!(
            "refused: {}, answered {} {}",
            explanation.reason.unwrap_or_default(),
            explanation.status.unwrap_or_default(),
            explanation.code.unwrap_or_default()
        ),
    });
    for advice in &explanation.diagnosis {
        add("");
        add(&format!("{}: {}", advice.cause, advice.text));
    }
    if let Some(later) = &explanation.would_follow {
        add("");
        let at = &later.at;
        add(&format!(
            "only its age is at fault; at its own time (--at {at}):"
        ));
        of(&later.explanation, "  ", lines);
    }
}
