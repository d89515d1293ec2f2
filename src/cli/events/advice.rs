//! What to do about a delivery: the runbook's words, so that they stand in one place.

const RUNBOOK: &str = include_str!("../../../deploy/runbook.md");

/// The paragraph under the code's heading.
pub(super) fn of(code: &str) -> Option<&'static str> {
    let heading = format!("\n### {code} ");
    let (_, after) = RUNBOOK.split_once(heading.as_str())?;
    let (_, text) = after.split_once('\n')?;
    let text = text.split("\n#").next()?.trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;

    #[test]
    fn every_reason_has_advice_of_its_own() {
        for reason in Reason::ALL {
            let advice = of(reason.code()).unwrap_or_default();
            assert!(!advice.is_empty() && !advice.contains("###"), "{advice}");
        }
        assert_eq!(of("SP-D999"), None);
    }
}
