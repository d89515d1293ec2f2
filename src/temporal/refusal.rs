//! What Temporal refuses us: our namespace, our credentials.
//!
//! Deliveries wait for as long as that lasts, so that it must be seen: in the status, which is not ok
//! then, and aloud in the log, once a minute and not once a call. Time is an argument. Imports `clock`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// So long a refusal stays in the status; deliveries and probes ask more often. And so long it is not repeated.
const SHOWN: Duration = Duration::from_mins(1);

/// The last refusal, shared by all calls.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<Refusal>>);

#[derive(Debug)]
struct Refusal {
    at: Timestamp,
    said_at: Timestamp,
    message: String,
}

impl Refusals {
    /// Takes note of one; true if it is to be said aloud.
    pub(super) fn note(&self, message: &str, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said_at = last
            .as_ref()
            .map(|before| before.said_at)
            .filter(|at| now.since(*at) < SHOWN);
        *last = Some(Refusal {
            at: now,
            said_at: said_at.unwrap_or(now),
            message: message.to_owned(),
        });
        said_at.is_none()
    }

    /// New credentials were taken: what was refused before says nothing about them.
    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn recent(&self, now: Timestamp) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()
            .filter(|refusal| now.since(refusal.at) < SHOWN)
            .map(|refusal| refusal.message.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_goes_on_is_said_once_a_minute_and_shown_until_a_minute_after() {
        let refusals = Refusals::default();
        let after = |seconds| Timestamp::from_seconds(1_785_585_600 + seconds);
        assert_eq!(refusals.recent(after(0)), None);
        let said: Vec<i64> = (0..150)
            .filter(|second| refusals.note("no such namespace", after(*second)))
            .collect();
        assert_eq!(said, [0, 60, 120]);
        let shown = refusals.recent(after(149 + 59));
        assert_eq!(shown.as_deref(), Some("no such namespace"));
        assert_eq!(refusals.recent(after(149 + 60)), None);
    }
}
