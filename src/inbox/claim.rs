//! What is handed out for one attempt, and what can become of it: the same for every home.

use super::lease::Lease;
use super::{board, redis};
use crate::clock::Timestamp;
use crate::event::{Delivery, Reason};

/// The head of a lane, claimed for one attempt. Dropped unsettled, it returns to its lane.
#[derive(Debug)]
pub struct Claim {
    pub delivery: Delivery,
    /// It may have been sent already, and nobody has seen the end: it was found pending at start and may have been claimed
    /// before, its claim was dropped, or its last attempt was [`Settlement::Unseen`].
    pub doubtful: bool,
    /// How long this process may go on sending for this lane.
    pub lease: Lease,
    pub(super) ticket: Ticket,
}

/// What binds a claim to its lane: one arm for each home.
#[derive(Debug)]
pub(super) enum Ticket {
    Embedded(board::Hold),
    Redis(redis::Hold),
}

impl Claim {
    /// What the settlement is kept as: a lane that was another's a moment ago gives nothing up before that one's last attempt
    /// must have ended.
    #[must_use]
    pub fn tempered(&self, settlement: Settlement) -> Settlement {
        match &self.ticket {
            Ticket::Embedded(_) => settlement,
            Ticket::Redis(hold) => hold.tempered(settlement),
        }
    }
}

/// What became of a claim. Each of them but [`Settlement::Postponed`] ends one attempt and counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    Delivered {
        run_id: Option<String>,
    },
    Parked {
        reason: Reason,
        detail: String,
    },
    Dropped {
        reason: Reason,
        detail: String,
    },
    /// Not yet: the lane waits until then.
    Retry {
        at: Timestamp,
        error: String,
    },
    /// The same, but the end of the attempt was not seen: the signal may have arrived.
    Unseen {
        at: Timestamp,
        error: String,
    },
    /// No attempt was made: nothing is counted and nothing written, the lane waits until then.
    Postponed {
        until: Timestamp,
    },
}

impl Settlement {
    /// Whether the delivery leaves its lane.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Delivered { .. } | Self::Parked { .. } | Self::Dropped { .. } => true,
            Self::Retry { .. } | Self::Unseen { .. } | Self::Postponed { .. } => false,
        }
    }
}
