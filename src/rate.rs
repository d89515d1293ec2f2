//! `500/s`, `30/m`: how much at most in a span of time, as people write it in routes.toml and settings.
//!
//! Says what was written; counting is the affair of whoever holds the limit. Imports nothing of this
//! crate.

use std::fmt;
use std::time::Duration;

const UNITS: [(&str, Duration); 3] = [
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_mins(1)),
    ("h", Duration::from_hours(1)),
];

/// More than any gateway does in any of the units.
const MOST: u32 = 1_000_000;

/// At most `count` in each span `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub count: u32,
    pub per: Duration,
}

impl Rate {
    /// Reads `COUNT/UNIT`; none for anything else, zero included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let (_, per) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let all_digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = all_digits.then(|| count.parse().ok())??;
        (1..=MOST).contains(&count).then_some(Self { count, per })
    }

    /// How many may come at once where none came for long: one second's worth, and never less than one.
    #[must_use]
    pub fn burst(self) -> u32 {
        let seconds = u32::try_from(self.per.as_secs()).unwrap_or(u32::MAX).max(1);
        (self.count / seconds).max(1)
    }
}

/// As [`Rate::parse`] reads it.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, per)| *per == self.per);
        write!(f, "{}/{}", self.count, unit.map_or("?", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_in_a_unit() {
        for (text, count, seconds, burst) in [
            ("500/s", 500, 1, 500),
            ("30/m", 30, 60, 1),
            ("600/m", 600, 60, 10),
            ("1/h", 1, 3600, 1),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.count, rate.per.as_secs()), (count, seconds), "{text}");
            assert_eq!(rate.burst(), burst, "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "5",
            "/s",
            "0/s",
            "+5/s",
            "5 /s",
            "5/s ",
            "5/d",
            "1.5/s",
            "1000001/s",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
