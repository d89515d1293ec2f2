//! What a delivery's reason means and what to do: the runbook's words, so that they stand in one place.

const RUNBOOK: &str = include_str!("../../../deploy/runbook.md");

/// What stands under a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// The heading: what the code means.
    pub(super) meaning: &'static str,
    /// Without the commands: who asks has better ones for what is asked about.
    pub(super) text: String,
}

pub(super) fn of(code: &str) -> Option<Advice> {
    let heading = format!("\n### {code} ");
    let (_, after) = RUNBOOK.split_once(heading.as_str())?;
    let (meaning, after) = after.split_once('\n')?;
    let section = after.split("\n#").next()?;
    let mut inside = false;
    let mut text = String::new();
    for line in section.lines() {
        let fence = line.starts_with("```");
        inside ^= fence;
        if !inside && !fence {
            text.push_str(&line.replace("**", ""));
            text.push('\n');
        }
    }
    let text = text.trim().to_owned();
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
            assert!(!text.contains("###") && !text.contains("`sh"), "{text}");
            assert!(text.contains("\nDo: "), "{text}");
        }
        assert_eq!(of("SP-D999"), None);
    }
}
