//! How long a claim's owner may act for its lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
