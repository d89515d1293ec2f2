//! A failure together with what log and metrics say of it, which the caller is never told.

use axum::response::{IntoResponse, Response};

use super::body;
use super::error::Failure;
use crate::temporal::QueryError;
use crate::{access, inbox, token, verify};

/// Why a handler gives no result.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// A constant: it becomes a metric's label.
    pub(super) reason: &'static str,
    /// For the log: names headers, paths and rules, never a value.
    pub(super) detail: String,
}

impl Refused {
    pub(super) fn new(failure: Failure, reason: &'static str) -> Self {
        Self {
            failure,
            reason,
            detail: failure.problem().title.to_owned(),
        }
    }

    fn with(failure: Failure, reason: &'static str, detail: impl ToString) -> Self {
        Self {
            failure,
            reason,
            detail: detail.to_string(),
        }
    }

    pub(super) fn webhook_body(error: &body::Error) -> Self {
        Self::with(Failure::of_webhook_body(error), body_reason(error), error)
    }

    pub(super) fn query_body(error: &body::Error) -> Self {
        Self::with(Failure::of_query_body(error), body_reason(error), error)
    }

    pub(super) fn query_token(refusal: &token::Refusal) -> Self {
        let (failure, reason) = match refusal {
            token::Refusal::NoKeys => (Failure::QueryKeysAway, "no_keys"),
            token::Refusal::UnknownKey(_) => (Failure::QueryUnauthorized, "unknown_key"),
            _ => (Failure::QueryUnauthorized, "bad_token"),
        };
        Self::with(failure, reason, refusal)
    }

    /// Ours, not the caller's.
    pub(super) fn is_failure(&self) -> bool {
        self.failure.problem().status.is_server_error()
    }
}

fn body_reason(error: &body::Error) -> &'static str {
    match error {
        body::Error::TooLarge { .. } => "too_large",
        body::Error::TooSlow { .. } => "too_slow",
        body::Error::BrokenOff => "broken_off",
    }
}

impl From<verify::Refusal> for Refused {
    fn from(refusal: verify::Refusal) -> Self {
        Self::with(Failure::from(&refusal), refusal.reason(), refusal)
    }
}

impl From<inbox::Error> for Refused {
    fn from(error: inbox::Error) -> Self {
        let reason = match error {
            inbox::Error::Busy => "store_busy",
            inbox::Error::Backlog { .. } => "backlog",
            inbox::Error::Conflict { .. } => "conflict",
            inbox::Error::Unavailable(_) | inbox::Error::Open(_) | inbox::Error::Cursor => {
                "store_away"
            }
        };
        let detail = error.to_string();
        Self {
            failure: error.into(),
            reason,
            detail,
        }
    }
}

impl From<access::Refusal> for Refused {
    fn from(refusal: access::Refusal) -> Self {
        let reason = match refusal {
            access::Refusal::Role => "role",
            access::Refusal::Issuer => "issuer",
            access::Refusal::When(_) => "when",
            access::Refusal::Unrenderable(_) => "argument",
        };
        let detail = refusal.to_string();
        Self {
            failure: refusal.into(),
            reason,
            detail,
        }
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        let detail = error.to_string();
        let failure = Failure::from(error);
        Self {
            failure,
            reason: "temporal",
            detail,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.failure.into_response()
    }
}
