//! A failure as an operator is told it: the table's row, and what to do differently.
//!
//! The detail names parameters of ours and what they may be; nothing of the request is in it.

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::super::error::{Exposed, Failure, Members};
use crate::inbox::{self, ActionError};

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    failure: Failure,
    detail: Option<String>,
    members: Map<String, Value>,
}

impl Refusal {
    pub(super) fn new(failure: Failure) -> Self {
        Self {
            failure,
            detail: None,
            members: Map::new(),
        }
    }

    /// A parameter or member that is unknown or has the wrong form.
    pub(super) fn parameter(detail: impl Into<String>) -> Self {
        Self::new(Failure::OpsParameter).saying(detail)
    }

    pub(super) fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a member to the document.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Whether it is about the one event or delivery, and the next one may go well.
    pub(super) const fn is_of_the_subject(&self) -> bool {
        matches!(
            self.failure,
            Failure::OpsNotFound
                | Failure::DeliverySettled
                | Failure::InFlight
                | Failure::DeliveryUnsendable
                | Failure::EventPending
                | Failure::EventErased
        )
    }

    /// For the record.
    pub(super) fn code(&self) -> &'static str {
        self.failure.problem().code
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::new(failure)
    }
}

impl From<inbox::Error> for Refusal {
    fn from(error: inbox::Error) -> Self {
        match error {
            inbox::Error::Cursor => Self::parameter("`cursor` is what `next` of a page said"),
            other => Self::new(other.into()),
        }
    }
}

impl From<ActionError> for Refusal {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NotFound => Self::new(Failure::OpsNotFound),
            ActionError::Settled(state) => Self::new(Failure::DeliverySettled)
                .saying(format!("It is {} already.", state.as_str())),
            ActionError::InFlight => Self::new(Failure::InFlight),
            ActionError::Pending => Self::new(Failure::EventPending),
            ActionError::Unsendable => Self::new(Failure::DeliveryUnsendable),
            ActionError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.failure.into_response();
        if let Some(detail) = self.detail {
            response.extensions_mut().insert(Exposed(detail));
        }
        if !self.members.is_empty() {
            response.extensions_mut().insert(Members(self.members));
        }
        response
    }
}
