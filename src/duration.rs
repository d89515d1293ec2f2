//! `1h30m`: durations as people write them, in routes.toml, settings and the events API.
//!
//! Whole numbers with `ms`, `s`, `m`, `h` or `d`, largest first, each unit once. Imports nothing of
//! this crate.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// No duration that a person writes has a use beyond this.
const LONGEST_MS: u64 = 3_650 * 86_400_000;

/// The sentence says what is wrong.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    if text.is_empty() {
        return Err("a duration is empty");
    }
    if text.starts_with('-') {
        return Err("a duration is negative");
    }
    let mut rest = text;
    let mut total = 0_u64;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        let number: u64 = number.parse().map_err(|_| "this is not a duration")?;
        if unit.is_empty() {
            return Err(match after.chars().next() {
                Some('.' | ',') => "a duration is made of whole numbers",
                Some(c) if c.is_whitespace() => "a duration has no spaces in it",
                _ => "a duration needs a unit",
            });
        }
        let scale = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|&(_, scale)| scale)
            .ok_or("a unit is not known")?;
        if scale >= smallest {
            return Err("units stand from large to small, each once");
        }
        smallest = scale;
        total = number
            .checked_mul(scale)
            .and_then(|part| total.checked_add(part))
            .filter(|&total| total <= LONGEST_MS)
            .ok_or("a duration is longer than 10 years")?;
        rest = after;
    }
    if total == 0 {
        return Err("a duration is zero");
    }
    Ok(Duration::from_millis(total))
}

/// As [`parse`] reads it.
pub fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (unit, scale) in UNITS {
        if rest >= scale {
            parts.push(format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    parts.concat()
}

fn split(text: &str, holds: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !holds(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(millis in 1..=LONGEST_MS) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(duration)), Ok(duration));
        }
    }

    #[test]
    fn units_combine() {
        assert_eq!(parse("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("7d"), Ok(Duration::from_hours(168)));
        assert_eq!(show(Duration::from_millis(5_400_250)), "1h30m250ms");
    }

    #[test]
    fn what_is_ambiguous_or_no_duration_is_refused() {
        for bad in [
            "",
            "5",
            "0s",
            "-5m",
            "5 m",
            "1.5h",
            "m",
            "1h1h",
            "30m1h",
            "5y",
            "1h30",
            "99999999999d",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
