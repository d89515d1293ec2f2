//! What a delivery's reason means and what to do: the runbook's words, so that they stand in one place.

const RUNBOOK: &str = include_str!("../../../deploy/runbook.md");

/// What stands under a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// The heading: what the code means.
    pub(super) meaning: &'static str,
    pub(super) text: &'static str,
}

pub(super) fn of(code: &str) -> Option<Advice> {
    let heading = format!("\n### {code} ");
    let (_, after) = RUNBOOK.split_once(heading.as_str())?;
    let (meaning, after) = after.split_once('\n')?;
    let text = after.split("\n#").next()?.trim();
    Some(Advice { meaning, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;

    #[test]
    fn every_reason_has_advice_of_its_own() {
        for reason in Reason::ALL {
            let Advice { meaning, text } = of(reason.code()).unwrap();
            assert!(!meaning.is_empty() && !text.is_empty(), "{}", reason.code());
            assert!(!text.contains("###"), "{text}");
        }
        assert_eq!(of("SP-D999"), None);
    }
}
