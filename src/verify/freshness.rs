//! How old a request may be, judged by the time that it carries.
//!
//! The text of a time is what was signed, so it is read exactly: digits and nothing else, or the ISO
//! form where a scheme documents that. Both limits are inclusive.

use std::time::Duration;

use super::Refusal;
use super::spec::Unit;
use crate::clock::Timestamp;

/// The limit into the future where a vendor states no tolerance: clocks differ, seldom by more.
const DEFAULT_FUTURE: Duration = Duration::from_secs(5 * 60);

impl Unit {
    /// None for anything but the exact form.
    pub(super) fn read(self, text: &str) -> Option<Timestamp> {
        if self == Self::Iso {
            return Timestamp::parse_rfc3339(text);
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: i64 = text.parse().ok()?;
        Some(if self == Self::Seconds {
            Timestamp::from_seconds(number)
        } else {
            Timestamp::from_millis(number)
        })
    }

    pub(super) fn write(self, at: Timestamp) -> String {
        match self {
            Self::Seconds => at.seconds().to_string(),
            Self::Millis => at.millis().to_string(),
            Self::Iso => at.to_rfc3339(),
        }
    }

    /// `now` as finely as a time of this unit can be told: half a second past is not past.
    fn truncate(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Seconds => Timestamp::from_seconds(now.seconds()),
            Self::Millis | Self::Iso => now,
        }
    }
}

/// A signed time within `tolerance` both ways, and never older than keys are kept: beyond that a
/// repeat could no longer be known.
pub(super) fn signed(
    at: Timestamp,
    unit: Unit,
    tolerance: Option<Duration>,
    retention: Duration,
    now: Timestamp,
) -> Result<(), Refusal> {
    let now = unit.truncate(now);
    let past = tolerance.map_or(retention, |limit| limit.min(retention));
    if now.since(at) > past {
        return Err(Refusal::Stale);
    }
    if at.since(now) > tolerance.unwrap_or(DEFAULT_FUTURE) {
        return Err(Refusal::Future);
    }
    Ok(())
}

/// The time of an event inside the body: only its age counts, against the retention of keys.
pub(super) fn stated(at: Timestamp, retention: Duration, now: Timestamp) -> Result<(), Refusal> {
    if now.since(at) > retention {
        return Err(Refusal::Stale);
    }
    if at.since(now) > DEFAULT_FUTURE {
        return Err(Refusal::Future);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Option<Duration> = Some(Duration::from_secs(300));
    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn judge(at: i64, now_ms: i64) -> Result<(), Refusal> {
        let now = Timestamp::from_millis(now_ms);
        signed(
            Timestamp::from_seconds(at),
            Unit::Seconds,
            MINUTES,
            WEEK,
            now,
        )
    }

    #[test]
    fn both_limits_are_inclusive() {
        assert_eq!(judge(1000, 1_300_000), Ok(()));
        assert_eq!(judge(1000, 1_300_999), Ok(()));
        assert_eq!(judge(1000, 1_301_000), Err(Refusal::Stale));
        assert_eq!(judge(1300, 1_000_000), Ok(()));
        assert_eq!(judge(1301, 1_000_000), Err(Refusal::Future));
    }

    #[test]
    fn retention_bounds_even_a_larger_tolerance() {
        let at = Timestamp::from_seconds(0);
        let day = Duration::from_secs(86_400);
        let now = Timestamp::from_seconds(86_401);
        assert_eq!(
            signed(at, Unit::Millis, Some(WEEK), day, now),
            Err(Refusal::Stale)
        );
        assert_eq!(
            signed(at, Unit::Millis, None, day, now),
            Err(Refusal::Stale)
        );
        assert_eq!(signed(at, Unit::Millis, Some(WEEK), WEEK, now), Ok(()));
    }

    #[test]
    fn only_the_exact_form_is_read() {
        assert_eq!(
            Unit::Seconds.read("1700000000"),
            Some(Timestamp::from_seconds(1_700_000_000))
        );
        assert_eq!(
            Unit::Millis.read("1700000000123"),
            Some(Timestamp::from_millis(1_700_000_000_123))
        );
        for text in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "٣",
            "99999999999999999999",
        ] {
            assert_eq!(Unit::Seconds.read(text), None, "{text:?}");
        }
        assert_eq!(Unit::Iso.read("1700000000"), None);
        assert!(Unit::Iso.read("2026-08-01T12:00:00Z").is_some());
    }
}
