//! Removes expired dedup keys in small steps, in the time between batches.
//!
//! Expired keys do no harm (an accept replaces them); they only take room. So nothing ever waits for a sweep.

use std::time::Duration;

use rusqlite::Connection;

use super::step;
use crate::clock::{self, Timestamp};

/// Keys looked at in one step.
const STEP: usize = 1_000;
const BETWEEN_STEPS: Duration = Duration::from_millis(250);
const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);

/// Where the round through all keys stands.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    after: Vec<u8>,
    due: Timestamp,
}

impl Sweep {
    /// One step if it is time for one.
    pub(super) fn step(&mut self, connection: &Connection) {
        let now = clock::now();
        if now < self.due {
            return;
        }
        match step::sweep(connection, &self.after, STEP, now) {
            Ok(Some(last)) => {
                self.after = last;
                self.due = now.plus(BETWEEN_STEPS);
            }
            Ok(None) => {
                self.after.clear();
                self.due = now.plus(BETWEEN_ROUNDS);
            }
            Err(error) => {
                tracing::warn!(%error, "expired dedup keys could not be removed; will try again");
                self.due = now.plus(BETWEEN_ROUNDS);
            }
        }
    }
}
