//! `after_park` and `pace`: what a route asks of the lanes of its workflows.

use crate::event::AfterPark;
use crate::routing::LaneRules;

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Text, codes};

/// What a rate counts in, as milliseconds. A longer unit would have lanes stand for hours.
const UNITS: [(&str, u32); 2] = [("s", 1_000), ("m", 60_000)];

impl Compiler<'_> {
    pub(super) fn lane(&mut self, written: &file::Route) -> Option<LaneRules> {
        const AFTER_PARK: [(&str, AfterPark); 2] =
            [("continue", AfterPark::Continue), ("hold", AfterPark::Hold)];
        let after_park = match &written.after_park {
            Some(text) => self.word("after_park", text, &AFTER_PARK),
            None => Some(AfterPark::default()),
        };
        let pace_ms = match &written.pace {
            Some(text) => self.pace(text).map(Some),
            None => Some(None),
        };
        Some(LaneRules {
            after_park: after_park?,
            pace_ms: pace_ms?,
        })
    }

    fn pace(&mut self, text: &Text) -> Option<u32> {
        let interval = interval(text.get_ref());
        if interval.is_none() {
            let message = format!("`pace` cannot be `{}`", text.get_ref());
            self.findings
                .push(Finding::error(codes::BAD_VALUE, text.span(), message).help(
                    "write how many signals one workflow gets at most, as in \"5/s\" or \"30/m\"",
                ));
        }
        interval
    }
}

/// Milliseconds between two signals, rounded up: never more of them than was said.
fn interval(text: &str) -> Option<u32> {
    let (count, unit) = text.split_once('/')?;
    let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let all_digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: u32 = all_digits.then(|| count.parse().ok())??;
    (1..=1_000).contains(&count).then(|| unit.div_ceil(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_becomes_the_time_between_two() {
        for (text, millis) in [("5/s", 200), ("3/s", 334), ("1/m", 60_000), ("1000/s", 1)] {
            assert_eq!(interval(text), Some(millis), "{text}");
        }
        for text in [
            "", "5", "/s", "0/s", "5/h", "+5/s", "5 /s", "1001/s", "5/s ",
        ] {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
