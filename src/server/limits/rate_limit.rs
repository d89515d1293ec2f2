//! How often something may happen, for each of many keys (GCRA).
//!
//! For each key one moment is kept: when its allowance would be whole again. It is spread evenly: after a burst
//! one more may come each `per / count`, so that nobody is shut out for a whole window. Time is an argument. A key
//! that is forgotten has its whole allowance: what is remembered is bounded, and errs on the side of the caller.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use crate::rate::Rate;

#[derive(Debug)]
pub(super) struct RateLimit<K>(Mutex<Recent<K, Instant>>);

/// A rate, and how many may come at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    step: Duration,
    burst: Duration,
}

impl Allowance {
    /// A burst of one second's worth.
    pub(super) fn steady(rate: Rate) -> Self {
        Self::of(rate, rate.burst())
    }

    /// The whole count at once.
    pub(super) fn at_once(rate: Rate) -> Self {
        Self::of(rate, rate.count)
    }

    fn of(rate: Rate, burst: u32) -> Self {
        let step = rate.per / rate.count.max(1);
        Self {
            step,
            burst: step.saturating_mul(burst.saturating_sub(1)),
        }
    }
}

impl<K: Eq + Hash> RateLimit<K> {
    /// Remembers at most `most` keys.
    pub(super) fn new(most: usize) -> Self {
        Self(Mutex::new(Recent::new(most)))
    }

    /// One more, or how long to wait for it.
    pub(super) fn take(&self, key: K, allowance: Allowance, now: Instant) -> Result<(), Duration> {
        let mut keys = self.keys();
        let whole = keys.get(&key).map_or(now, |at| at.max(now));
        wait(whole, allowance, now)?;
        keys.put(key, whole + allowance.step, |at| at > now);
        Ok(())
    }

    /// Whether one more would be taken.
    pub(super) fn look(&self, key: &K, allowance: Allowance, now: Instant) -> Result<(), Duration> {
        match self.keys().get(key) {
            Some(whole) => wait(whole, allowance, now),
            None => Ok(()),
        }
    }

    /// Entries are whole between any two statements, so a panic elsewhere does not spoil them.
    fn keys(&self) -> MutexGuard<'_, Recent<K, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(whole: Instant, allowance: Allowance, now: Instant) -> Result<(), Duration> {
    let ahead = whole.saturating_duration_since(now);
    match ahead.checked_sub(allowance.burst) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(wait) => Err(wait),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    #[test]
    fn a_second_worth_at_once_and_then_evenly() {
        let limit = RateLimit::new(10);
        let (five, now) = (Allowance::steady(rate("5/s")), Instant::now());
        for _ in 0..5 {
            assert_eq!(limit.take("a", five, now), Ok(()));
        }
        assert_eq!(limit.take("a", five, now), Err(Duration::from_millis(200)));
        assert_eq!(limit.take("b", five, now), Ok(()), "each key has its own");
        let later = now + Duration::from_millis(200);
        assert_eq!(limit.take("a", five, later), Ok(()));
        assert!(limit.take("a", five, later).is_err());
        let rested = now + Duration::from_mins(1);
        for _ in 0..5 {
            assert_eq!(limit.take("a", five, rested), Ok(()));
        }
        assert!(
            limit.take("a", five, rested).is_err(),
            "no more than a burst is saved up"
        );
    }

    #[test]
    fn a_look_takes_nothing() {
        let limit = RateLimit::new(10);
        let (two, now) = (Allowance::at_once(rate("2/m")), Instant::now());
        for _ in 0..2 {
            assert_eq!(limit.look(&1, two, now), Ok(()));
            assert_eq!(limit.take(1, two, now), Ok(()));
        }
        assert_eq!(limit.look(&1, two, now), Err(Duration::from_secs(30)));
        assert_eq!(limit.look(&1, two, now + Duration::from_secs(30)), Ok(()));
    }

    proptest! {
        /// Whatever the pattern: in any span no more pass than its worth and a burst.
        #[test]
        fn never_more_than_the_rate(gaps in proptest::collection::vec(0_u64..400, 1..200), count in 1_u32..50) {
            let limit = RateLimit::new(4);
            let allowance = Allowance::steady(Rate { count, per: Duration::from_secs(1) });
            let (start, mut at, mut passed) = (Instant::now(), 0, 0_u64);
            for gap in gaps {
                at += gap;
                let now = start + Duration::from_millis(at);
                if limit.take((), allowance, now).is_ok() {
                    passed += 1;
                }
            }
            // A step is cut to whole nanoseconds: one more may slip through in a long while.
            prop_assert!(passed <= u64::from(count) * (at + 1000) / 1000 + 2);
        }
    }
}
