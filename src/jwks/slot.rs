//! What is known of one location: its keys, who uses them, and when it is looked at next.
//!
//! No I/O and no clock: `now` is an argument.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::chance;
use crate::token::keys::KeySetFault;
use crate::token::{KeyRing, KeySet};

#[derive(Debug)]
pub(super) struct Slot {
    /// The rings of the config of now.
    pub(super) rings: Vec<KeyRing>,
    /// Changes with the end of every attempt.
    pub(super) attempts: watch::Sender<u64>,
    keys: Option<Arc<KeySet>>,
    /// SHA-256 of the document that `keys` were read from.
    content: Option<[u8; 32]>,
    state: State,
    last_start: Option<Instant>,
    failures: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Fetching,
    Due(Instant),
}

impl Slot {
    /// Due at once.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            rings: Vec::new(),
            attempts: watch::Sender::new(0),
            keys: None,
            content: None,
            state: State::Due(now),
            last_start: None,
            failures: 0,
        }
    }

    /// One more ring to fill, now and later.
    pub(super) fn join(&mut self, ring: KeyRing) {
        if let Some(keys) = &self.keys {
            ring.replace(Arc::clone(keys));
        }
        self.rings.push(ring);
    }

    /// Makes it due, unless the last attempt is too young; true where an attempt is worth waiting for.
    pub(super) fn demand(&mut self, now: Instant, at_most_every: Duration) -> bool {
        match self.state {
            State::Fetching => true,
            State::Due(_) => {
                let recent = self
                    .last_start
                    .is_some_and(|last| now.duration_since(last) < at_most_every);
                if !recent {
                    self.state = State::Due(now);
                }
                !recent
            }
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Fetching => None,
            State::Due(at) => Some(at),
        }
    }

    pub(super) fn start_if_due(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|at| at <= now);
        if due {
            self.state = State::Fetching;
            self.last_start = Some(now);
        }
        due
    }

    pub(super) fn holds_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// There are keys, and the last attempt did not fail.
    pub(super) fn is_well(&self) -> bool {
        self.keys.is_some() && self.failures == 0
    }

    /// Reads a document and hands its keys to every ring; their number, or none where nothing changed.
    pub(super) fn take(&mut self, document: &[u8]) -> Result<Option<usize>, KeySetFault> {
        let content: [u8; 32] = Sha256::digest(document).into();
        if self.content == Some(content) {
            return Ok(None);
        }
        let keys = Arc::new(KeySet::from_jwks(document)?);
        for ring in &self.rings {
            ring.replace(Arc::clone(&keys));
        }
        let count = keys.count();
        self.keys = Some(keys);
        self.content = Some(content);
        Ok(Some(count))
    }

    /// True where the attempt before this one had failed.
    pub(super) fn succeed(&mut self, next: Instant) -> bool {
        let recovered = self.failures > 0;
        self.failures = 0;
        self.end(next);
        recovered
    }

    /// True for the first failure after a success. The keys held stay as they are.
    pub(super) fn fail(
        &mut self,
        now: Instant,
        backoff: (Duration, Duration),
        every: Duration,
    ) -> bool {
        let wait = backoff_after(self.failures, backoff);
        self.failures = self.failures.saturating_add(1);
        // Keys that are held are not asked for more often than while all is well.
        let wait = if self.holds_keys() {
            wait.max(every.min(backoff.1))
        } else {
            wait
        };
        self.end(now + wait);
        self.failures == 1
    }

    fn end(&mut self, next: Instant) {
        self.state = State::Due(next);
        self.attempts.send_modify(|count| *count += 1);
    }
}

/// Doubles with each failure up to the cap; a random half of it is left off, so that many gateways do
/// not return at one moment.
fn backoff_after(failures: u32, (first, cap): (Duration, Duration)) -> Duration {
    let full = first
        .saturating_mul(2_u32.saturating_pow(failures.min(16)))
        .min(cap);
    full.mul_f64(0.5 + 0.5 * chance::fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

    #[test]
    fn waits_double_up_to_the_cap_with_jitter() {
        for (failures, full) in [(0, 1), (1, 2), (3, 8), (5, 30), (40, 30)] {
            let full = Duration::from_secs(full);
            let wait = backoff_after(failures, BACKOFF);
            assert!(wait >= full / 2 && wait <= full, "{failures}: {wait:?}");
        }
    }

    #[test]
    fn demand_is_bounded_and_joins_what_is_under_way() {
        let gap = Duration::from_secs(10);
        let start = Instant::now();
        let mut slot = Slot::new(start);
        assert!(slot.start_if_due(start));
        assert!(slot.demand(start, gap), "one is under way");
        slot.succeed(start + Duration::from_mins(5));
        assert!(!slot.demand(start + Duration::from_secs(9), gap));
        assert!(!slot.start_if_due(start + Duration::from_secs(9)));
        assert!(slot.demand(start + gap, gap));
        assert!(slot.start_if_due(start + gap));
    }
}
