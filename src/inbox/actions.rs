//! What operators do about events and deliveries, and why it was refused.
//!
//! Plain data that every home of the inbox shares. Who may act is decided long before; here an action
//! already has a name to stand under.

use super::Error;
use crate::clock::Timestamp;
use crate::event::{DeliveryId, State};

/// Who acts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Name of the ops token.
    pub who: String,
    pub text: Option<String>,
}

/// A note as kept with its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteRecord {
    pub at: Timestamp,
    pub action: Action,
    /// None: the whole event.
    pub delivery: Option<DeliveryId>,
    pub who: String,
    pub text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Retry,
    Drop,
    Replay,
}

impl Action {
    pub const ALL: [Self; 3] = [Self::Retry, Self::Drop, Self::Replay];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Drop => "drop",
            Self::Replay => "replay",
        }
    }
}

/// Why an action was not done. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// No such event or delivery, or no longer.
    #[error("there is no such event or delivery")]
    NotFound,
    #[error("the delivery has settled: it is {}", .0.as_str())]
    Settled(State),
    /// An attempt is being made, or how one ended is not known: the same action may pass in a moment. Where that is not to
    /// be learned (a delivery parked as unknown), retrying or dropping it first decides.
    #[error(
        "an attempt is in flight, or how one ended is not known; try again, or retry or drop that delivery first"
    )]
    InFlight,
    /// Erasing an event of which something is still to be delivered.
    #[error("a delivery of the event is pending; drop it first")]
    Pending,
    /// Its arguments were never rendered, or have been erased.
    #[error("there is nothing to send; replay the event, unless it was erased")]
    Unsendable,
    #[error(transparent)]
    Store(#[from] Error),
}
