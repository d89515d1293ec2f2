//! A failure together with what log and metrics say of it, which the caller is never told.

use std::fmt;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::answers::Unanswered;
use super::body;
use super::error::{Exposed, Failure, RETRY_AFTER};
use super::limits::TooOften;
use crate::temporal::QueryError;
use crate::verify::answers::Answers;
use crate::verify::handshake;
use crate::{access, inbox, routing, token, verify};

/// Why a handler gives no result.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// A constant: it becomes a metric's label.
    pub(super) reason: &'static str,
    /// For the log: names headers, paths and rules, never a value.
    pub(super) detail: String,
    /// A query handler's own words, for a caller who may see them.
    exposed: Option<Exposed>,
    /// When it may pass; none: what the failure says.
    wait: Option<Duration>,
    /// In place of the failure's own, as the provider wants it.
    status: Option<StatusCode>,
    /// Methods that the source takes, where it is the method that was wrong.
    allow: Option<&'static str>,
}

/// The failure with the time after which the same may pass.
pub(super) fn after(failure: Failure, wait: Duration) -> Response {
    let mut response = failure.into_response();
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(whole.max(1)));
    response
}

impl Refused {
    pub(super) fn new(failure: Failure, reason: &'static str) -> Self {
        Self::with(failure, reason, &failure.problem().title)
    }

    fn with(failure: Failure, reason: &'static str, detail: &dyn fmt::Display) -> Self {
        Self {
            failure,
            reason,
            detail: detail.to_string(),
            exposed: None,
            wait: None,
            status: None,
            allow: None,
        }
    }

    /// By the methods that the source takes.
    pub(super) fn method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(Failure::WebhookMethod, "method")
        }
    }

    /// What could not be done for the provider, in words for the log.
    pub(super) fn handshake(detail: &dyn fmt::Display) -> Self {
        Self::with(Failure::HandshakeFailed, "handshake_failed", detail)
    }

    /// As the source's provider is to be told it.
    pub(super) fn told(self, answers: Answers) -> Self {
        let ours = matches!(
            self.failure,
            Failure::SourceBacklog
                | Failure::SourceBusy
                | Failure::SourceRate
                | Failure::WebhookGuessing
                | Failure::WebhookTooSlow
        );
        let status = match self.failure {
            Failure::NotProven => StatusCode::from_u16(answers.unproven).ok(),
            _ if ours && answers.client_errors_are_final => Some(StatusCode::SERVICE_UNAVAILABLE),
            _ => None,
        };
        Self { status, ..self }
    }

    /// Beyond a rate.
    pub(super) fn too_often(failure: Failure, reason: &'static str, limit: TooOften) -> Self {
        Self {
            wait: Some(limit.0),
            ..Self::new(failure, reason)
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

    /// `expose`: the rule lets its callers see what the workflow's handler said.
    pub(super) fn query(error: Unanswered, expose: bool) -> Self {
        let reason = match &error {
            Unanswered::Query(error) => query_reason(error),
            Unanswered::Crowded => "crowded",
            Unanswered::BrokenOff => "internal",
        };
        let exposed = match &error {
            Unanswered::Query(QueryError::Failed(words)) if expose => Some(Exposed(words.clone())),
            _ => None,
        };
        let detail = error.to_string();
        Self {
            exposed,
            ..Self::with(error.into(), reason, &detail)
        }
    }

    /// Ours, not the caller's.
    pub(super) fn is_failure(&self) -> bool {
        self.failure.problem().status.is_server_error()
    }
}

fn query_reason(error: &QueryError) -> &'static str {
    match error {
        QueryError::WorkflowNotFound => "no_workflow",
        QueryError::NoWorker => "no_worker",
        QueryError::Timeout => "timeout",
        QueryError::Failed(_) => "failed",
        QueryError::NotJson => "not_json",
        QueryError::Throttled => "throttled",
        QueryError::Unreachable(_) => "temporal_away",
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
        Self::with(Failure::from(&refusal), refusal.reason(), &refusal)
    }
}

impl From<handshake::Unanswered> for Refused {
    fn from(unanswered: handshake::Unanswered) -> Self {
        Self::with(unanswered.into(), unanswered.reason(), &unanswered)
    }
}

impl From<inbox::Error> for Refused {
    fn from(error: inbox::Error) -> Self {
        use inbox::Error::{Backlog, Busy, Conflict, Cursor, Open, Unavailable};
        let reason = match error {
            Busy => "store_busy",
            Backlog { .. } => "backlog",
            Conflict { .. } => "conflict",
            Unavailable(_) | Open(_) | Cursor => "store_away",
        };
        let detail = error.to_string();
        Self::with(error.into(), reason, &detail)
    }
}

impl From<routing::Refusal> for Refused {
    fn from(refusal: routing::Refusal) -> Self {
        Self::with(Failure::from(&refusal), refusal.reason(), &refusal)
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
        Self::with(refusal.into(), reason, &detail)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = match self.wait {
            Some(wait) => after(self.failure, wait),
            None => self.failure.into_response(),
        };
        if let Some(exposed) = self.exposed {
            response.extensions_mut().insert(exposed);
        }
        if let Some(allow) = self.allow {
            let allow = HeaderValue::from_static(allow);
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if let Some(status) = self.status {
            *response.status_mut() = status;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                let retry = response.headers_mut().entry(header::RETRY_AFTER);
                retry.or_insert(HeaderValue::from(RETRY_AFTER));
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request_id::RequestId;
    use crate::verify::answers;

    fn told(failure: Failure, provider: &str) -> Response {
        let refused = Refused::new(failure, "test");
        refused.told(answers::of(provider)).into_response()
    }

    #[tokio::test]
    async fn a_provider_is_told_the_status_that_it_documents() {
        let mut response = told(Failure::NotProven, "gocardless");
        assert_eq!(response.status().as_u16(), 498);
        let id = RequestId::at(crate::clock::Timestamp::default());
        Failure::NotProven.write_body(&mut response, id);
        let limits = body::Options {
            max_bytes: 1024,
            timeout: Duration::from_secs(5),
        };
        let text = body::read(response.into_body(), limits).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            (&body["status"], &body["code"]),
            (&498.into(), &"SP-R101".into())
        );
        assert_eq!(told(Failure::NotProven, "discord").status(), 401);
    }

    #[test]
    fn where_a_4xx_is_the_end_our_own_limits_are_503() {
        for failure in [
            Failure::SourceBacklog,
            Failure::SourceBusy,
            Failure::SourceRate,
            Failure::WebhookTooSlow,
        ] {
            let response = told(failure, "pagerduty");
            assert_eq!(response.status(), 503);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
            assert_ne!(told(failure, "stripe").status(), 503);
        }
        assert_eq!(told(Failure::NotProven, "pagerduty").status(), 401);
        assert_eq!(told(Failure::WebhookTooLarge, "pagerduty").status(), 413);
    }
}
