//! What a settlement changes of its delivery: the same in memory as in every home.

use super::Settlement;
use super::lanes::Seq;
use crate::clock::Timestamp;
use crate::event::{Delivery, Reason, State};

/// What a settlement changes of its delivery, in memory as in the store.
#[derive(Debug)]
pub(super) struct Mark {
    pub seq: Seq,
    pub state: State,
    pub reason: Option<Reason>,
    pub claimed_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
    pub settled_at: Option<Timestamp>,
    pub run_id: Option<String>,
    pub last_error: Option<String>,
}

impl Mark {
    pub(super) fn new(
        seq: Seq,
        claimed_at: Timestamp,
        settlement: Settlement,
        now: Timestamp,
    ) -> Self {
        let mut mark = Self {
            seq,
            state: State::Pending,
            reason: None,
            claimed_at,
            next_attempt_at: None,
            settled_at: Some(now),
            run_id: None,
            last_error: None,
        };
        match settlement {
            Settlement::Delivered { run_id } => {
                mark.state = State::Delivered;
                mark.run_id = run_id;
            }
            Settlement::Parked { reason, detail } => {
                mark.state = State::Parked;
                mark.reason = Some(reason);
                mark.last_error = Some(detail);
            }
            Settlement::Dropped { reason, detail } => {
                mark.state = State::Dropped;
                mark.reason = Some(reason);
                mark.last_error = Some(detail);
            }
            Settlement::Retry { at, error } | Settlement::Unseen { at, error } => {
                mark.next_attempt_at = Some(at);
                mark.settled_at = None;
                mark.last_error = Some(error);
            }
            Settlement::Postponed { until } => {
                mark.next_attempt_at = Some(until);
                mark.settled_at = None;
            }
        }
        mark
    }

    /// When it is tried again; none if it has settled.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.next_attempt_at
    }

    /// The delivery as the next attempt must see it, before the mark is on disk.
    pub(super) fn apply(&self, delivery: &mut Delivery) {
        delivery.state = self.state;
        delivery.reason = self.reason;
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.first_attempt_at.get_or_insert(self.claimed_at);
        delivery.next_attempt_at = self.next_attempt_at;
        delivery.settled_at = self.settled_at;
        if let Some(error) = &self.last_error {
            delivery.last_error = Some(error.clone());
        }
    }
}
