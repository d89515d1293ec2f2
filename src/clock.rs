//! The only place that reads a clock.
//!
//! Everything else takes a [`Timestamp`] as an argument, so that pure code stays pure and tests
//! choose their own time. Imports nothing of this crate.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Reads the wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(Utc::now().timestamp_millis())
}

impl Timestamp {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// How long ago `earlier` was; zero where it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// A new UUIDv7 of this time; times before 1970 count as 1970.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        let millis = u64::try_from(self.0).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos))
    }

    /// Reads RFC 3339 (`2026-08-01T12:00:00Z`), any offset.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|t| Self(t.timestamp_millis()))
    }

    /// RFC 3339 in UTC with milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0).map_or_else(
            || self.0.to_string(),
            |t| t.to_rfc3339_opts(SecondsFormat::Millis, true),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_there_and_back() {
        let t = Timestamp::from_millis(1_785_585_600_123);
        assert_eq!(t.to_rfc3339(), "2026-08-01T12:00:00.123Z");
        assert_eq!(
            Timestamp::parse_rfc3339("2026-08-01T14:00:00.123+02:00"),
            Some(t)
        );
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn ids_carry_their_time_and_differ() {
        let t = Timestamp::from_millis(1_785_585_600_123);
        let (one, other) = (t.uuid(), t.uuid());
        assert_ne!(one, other);
        let millis = one.get_timestamp().map(|at| at.to_unix());
        assert_eq!(millis, Some((1_785_585_600, 123_000_000)));
        assert!(one < Timestamp::from_millis(t.millis() + 1).uuid());
    }

    #[test]
    fn the_future_is_no_age() {
        let t = Timestamp::from_seconds(100);
        assert_eq!(t.since(Timestamp::from_seconds(200)), Duration::ZERO);
        assert_eq!(
            t.plus(Duration::from_secs(5)).since(t),
            Duration::from_secs(5)
        );
    }
}
