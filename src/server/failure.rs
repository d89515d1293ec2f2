//! Which error of which module ends in which row of the table in `error`.
//!
//! Exhaustive matches only: a new variant below does not compile until somebody has decided how it
//! is answered.

use super::answers;
use super::body;
use super::error::Failure;
use crate::temporal::QueryError;
use crate::verify::handshake::Unanswered;
use crate::{access, inbox, routing, verify};

/// One answer for every doubt: the caller does not learn what was wrong with the proof (P1).
impl From<&verify::Refusal> for Failure {
    fn from(refusal: &verify::Refusal) -> Self {
        match refusal.class() {
            verify::Class::Unauthorized => Self::NotProven,
            verify::Class::Unavailable => Self::WebhookKeysAway,
            verify::Class::UnsupportedMedia => Self::WebhookMediaType,
            verify::Class::BadRequest => match refusal {
                verify::Refusal::NoKey(_) => Self::NoEventKey,
                verify::Refusal::NoItems(_) => Self::NoItems,
                _ => Self::WebhookUnparsable,
            },
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Malformed => Self::WebhookUnparsable,
            Unanswered::WrongToken
            | Unanswered::OtherTopic
            | Unanswered::Complete
            | Unanswered::Closed => Self::HandshakeRefused,
        }
    }
}

impl From<inbox::Error> for Failure {
    fn from(error: inbox::Error) -> Self {
        match error {
            inbox::Error::Busy => Self::StoreBusy,
            inbox::Error::Unavailable(_) | inbox::Error::Open(_) => Self::StoreAway,
            inbox::Error::Backlog { source_only: true } => Self::SourceBacklog,
            inbox::Error::Backlog { source_only: false } => Self::Backlog,
            inbox::Error::Conflict { .. } => Self::IdempotencyConflict,
            inbox::Error::Cursor => Self::OpsParameter,
        }
    }
}

impl From<&routing::Refusal> for Failure {
    fn from(refusal: &routing::Refusal) -> Self {
        match refusal {
            routing::Refusal::Forbidden => Self::WebhookForbidden,
            routing::Refusal::Invalid(_) => Self::WebhookInvalid,
        }
    }
}

impl From<access::Refusal> for Failure {
    fn from(refusal: access::Refusal) -> Self {
        match refusal {
            access::Refusal::Issuer => Self::QueryUnauthorized,
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

impl From<answers::Unanswered> for Failure {
    fn from(unanswered: answers::Unanswered) -> Self {
        use answers::Unanswered::{BrokenOff, Crowded, Query};
        match unanswered {
            Query(error) => error.into(),
            Crowded => Self::QueryCrowded,
            BrokenOff => Self::Internal,
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

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::header;

    use super::*;
    use crate::token;

    #[test]
    fn every_doubt_about_a_proof_is_answered_alike() {
        for refusal in [
            verify::Refusal::MissingHeader("x-signature".to_owned()),
            verify::Refusal::BadSignature,
            verify::Refusal::Stale,
            verify::Refusal::Token(token::Refusal::Expired),
        ] {
            assert_eq!(Failure::from(&refusal), Failure::NotProven, "{refusal}");
        }
    }

    #[test]
    fn keys_that_cannot_be_had_are_never_the_callers_fault() {
        let refusal = verify::Refusal::Token(token::Refusal::NoKeys);
        let response = Failure::from(&refusal).into_response();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn an_answer_says_what_its_status_obliges_it_to() {
        let wrong = Failure::WebhookMethod.into_response();
        assert_eq!(wrong.headers()[header::ALLOW], "POST");
        let nobody = Failure::QueryUnauthorized.into_response();
        assert_eq!(nobody.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}
