//! Which error of which module ends in which row of the table in `error`.
//!
//! Exhaustive matches only: a new variant below does not compile until somebody has decided how it
//! is answered.

use super::body;
use super::error::Failure;
use crate::temporal::QueryError;
use crate::{access, inbox};

impl From<inbox::Error> for Failure {
    fn from(error: inbox::Error) -> Self {
        match error {
            inbox::Error::Busy => Self::StoreBusy,
            inbox::Error::Unavailable(_) | inbox::Error::Open(_) => Self::StoreAway,
            inbox::Error::Backlog { source_only: true } => Self::SourceBacklog,
            inbox::Error::Backlog { source_only: false } => Self::Backlog,
            inbox::Error::Conflict { .. } => Self::IdempotencyConflict,
        }
    }
}

impl From<access::Refusal> for Failure {
    fn from(refusal: access::Refusal) -> Self {
        match refusal {
            access::Refusal::Role | access::Refusal::When(_) => Self::QueryForbidden,
            access::Refusal::Unrenderable(_) => Self::QueryArgument,
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::WorkflowNotFound => Self::WorkflowNotFound,
            QueryError::NoWorker => Self::NoWorker,
            QueryError::Timeout => Self::QueryTimeout,
            QueryError::Failed(_) => Self::QueryFailed,
            QueryError::NotJson => Self::QueryNotJson,
            QueryError::Throttled => Self::TemporalBusy,
            QueryError::Unreachable(_) => Self::TemporalAway,
        }
    }
}

impl Failure {
    #[must_use]
    pub fn of_webhook_body(error: &body::Error) -> Self {
        match error {
            body::Error::TooLarge { .. } => Self::WebhookTooLarge,
            body::Error::TooSlow { .. } => Self::WebhookTooSlow,
            body::Error::BrokenOff => Self::WebhookBrokenOff,
        }
    }

    #[must_use]
    pub fn of_query_body(error: &body::Error) -> Self {
        match error {
            body::Error::TooLarge { .. } => Self::QueryTooLarge,
            body::Error::TooSlow { .. } => Self::QueryTooSlow,
            body::Error::BrokenOff => Self::QueryBrokenOff,
        }
    }
}
