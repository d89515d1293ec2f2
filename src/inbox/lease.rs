//! How long a claim's owner may act for its lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Under a lease no call takes longer: whoever may send next can then be sure that it has ended.
const LONGEST_CALL: Duration = Duration::from_secs(4);

/// With less than this left no call is begun.
const SHORTEST_CALL: Duration = Duration::from_millis(100);

/// A right to send for a lane. The embedded store's lasts as long as the process; a replica's lasts as long as its lease,
/// judged so that it never outlives what the store grants: counted from before the asking.
#[derive(Clone, Debug, Default)]
pub struct Lease(Option<Arc<Term>>);

/// When a lease ends, on this process's own monotonic clock; moved on by each renewal.
#[derive(Debug)]
pub(super) struct Term {
    began: Instant,
    /// Milliseconds after `began`.
    ends: AtomicU64,
}

impl Lease {
    /// How long it is still good for; zero: send nothing more.
    #[must_use]
    pub fn rest(&self) -> Duration {
        self.0.as_ref().map_or(Duration::MAX, |term| term.rest())
    }

    /// How long a call may take that is given `wished` at most; none: it must not be begun any more.
    #[must_use]
    pub fn allows(&self, wished: Duration) -> Option<Duration> {
        let Some(term) = &self.0 else {
            return Some(wished);
        };
        let rest = term.rest();
        (rest >= SHORTEST_CALL).then(|| wished.min(LONGEST_CALL).min(rest))
    }
}

impl From<&Arc<Term>> for Lease {
    fn from(term: &Arc<Term>) -> Self {
        Self(Some(Arc::clone(term)))
    }
}

impl Term {
    /// A lease asked for at `asked` and granted for `length`.
    pub(super) fn new(asked: Instant, length: Duration) -> Self {
        let term = Self {
            began: asked,
            ends: AtomicU64::new(0),
        };
        term.extend(asked, length);
        term
    }

    pub(super) fn extend(&self, asked: Instant, length: Duration) {
        let ends = asked.saturating_duration_since(self.began) + length;
        let ends = u64::try_from(ends.as_millis()).unwrap_or(u64::MAX);
        self.ends.fetch_max(ends, Ordering::AcqRel);
    }

    /// Given up, or lost to another.
    pub(super) fn end(&self) {
        self.ends.store(0, Ordering::Release);
    }

    pub(super) fn rest(&self) -> Duration {
        let ends = Duration::from_millis(self.ends.load(Ordering::Acquire));
        ends.saturating_sub(self.began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn lease(length: Duration) -> (Arc<Term>, Lease) {
        let term = Arc::new(Term::new(Instant::now(), length));
        let lease = Lease::from(&term);
        (term, lease)
    }

    #[test]
    fn without_a_term_a_call_takes_what_it_wishes() {
        assert_eq!(Lease::default().allows(LONG), Some(LONG));
    }

    #[test]
    fn a_call_ends_before_the_lease_does() {
        let (_, lease) = lease(LONG);
        assert_eq!(lease.allows(LONG), Some(LONGEST_CALL));
        let second = Duration::from_secs(1);
        assert_eq!(lease.allows(second), Some(second));
        let (_, short) = self::lease(second);
        assert!(short.allows(LONG).is_some_and(|allowed| allowed <= second));
    }

    #[test]
    fn with_next_to_nothing_left_no_call_is_begun() {
        let (_, spent) = lease(Duration::from_millis(50));
        assert_eq!(spent.allows(LONG), None);
        let (term, lost) = lease(LONG);
        term.end();
        assert_eq!(lost.allows(LONG), None);
    }

    #[test]
    fn a_renewal_moves_the_end_on_and_never_back() {
        let asked = Instant::now();
        let (term, lease) = lease(LONG);
        term.extend(asked, 2 * LONG);
        term.extend(asked, LONG);
        assert!(lease.rest() > LONG);
    }
}
