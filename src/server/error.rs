//! The one table from a failure to its answer: code, status and public words.
//!
//! `SP-R…` is a webhook refused, `SP-Q…` a query refused or failed, `SP-S…` the process, its store or
//! the ops listener. Nothing of a request is ever put into an answer, and of what went wrong inside
//! only the class: details go to the log. Which error of which module ends in which row stands in
//! `failure`. Every code is a heading of the runbook.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

use super::request_id::RequestId;

/// Seconds after which a caller may try again, on every 503, and every 429 that knows no better.
pub const RETRY_AFTER: u32 = 5;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static str,
    pub status: StatusCode,
    pub title: &'static str,
}

macro_rules! table {
    ($($name:ident = $code:literal $status:ident $title:literal)*) => {
        /// Everything that can be answered instead of a success.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Failure { $($name),* }

        impl Failure {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            #[must_use]
            pub const fn problem(self) -> Problem {
                match self {
                    $(Self::$name => Problem {
                        code: $code,
                        status: StatusCode::$status,
                        title: $title,
                    }),*
                }
            }
        }
    };
}

table! {
    UnknownSource         = "SP-R001" NOT_FOUND              "There is no such source."
    WebhookMethod         = "SP-R002" METHOD_NOT_ALLOWED     "Webhooks are sent with POST."
    NotProven             = "SP-R101" UNAUTHORIZED           "The request could not be proven authentic."
    WebhookForbidden      = "SP-R102" FORBIDDEN              "The caller may not send this."
    WebhookAddress        = "SP-R103" FORBIDDEN              "The source takes nothing from this address."
    HandshakeRefused      = "SP-R104" FORBIDDEN              "The handshake is not expected here."
    WebhookUnparsable     = "SP-R201" BAD_REQUEST            "The request cannot be read as what it says it is."
    NoEventKey            = "SP-R202" BAD_REQUEST            "The request lacks the key that tells events apart."
    WebhookMediaType      = "SP-R203" UNSUPPORTED_MEDIA_TYPE "The body's encoding is not supported."
    WebhookTooLarge       = "SP-R204" PAYLOAD_TOO_LARGE      "The body is too large."
    WebhookTooSlow        = "SP-R205" REQUEST_TIMEOUT        "The body did not arrive in time."
    WebhookBrokenOff      = "SP-R206" BAD_REQUEST            "The body is not complete."
    WebhookInvalid        = "SP-R207" BAD_REQUEST            "The event does not have the form that is asked for here."
    NoItems               = "SP-R208" BAD_REQUEST            "The events of the request cannot be taken apart."
    IdempotencyConflict   = "SP-R301" CONFLICT               "The idempotency key was used with another body."
    UnroutedRefused       = "SP-R302" NOT_FOUND              "Nothing here takes this event."
    SourceBacklog         = "SP-R401" TOO_MANY_REQUESTS      "Too many events of this source are waiting."
    WebhookKeysAway       = "SP-R402" SERVICE_UNAVAILABLE    "The keys for the proof cannot be had at present."
    SourceBusy            = "SP-R403" TOO_MANY_REQUESTS      "Too many requests of this source are in work."
    SourceRate            = "SP-R404" TOO_MANY_REQUESTS      "The source sends more often than it may."
    WebhookGuessing       = "SP-R405" TOO_MANY_REQUESTS      "Too many bad tokens came from this address."
    HandshakeFailed       = "SP-R406" SERVICE_UNAVAILABLE    "The handshake cannot be completed at present."

    NoQuery               = "SP-Q001" NOT_FOUND              "There is nothing at this path."
    QueryMethod           = "SP-Q002" METHOD_NOT_ALLOWED     "Queries are asked with GET, HEAD or POST."
    QueryUnauthorized     = "SP-Q101" UNAUTHORIZED           "A valid bearer token is needed."
    QueryForbidden        = "SP-Q102" FORBIDDEN              "The caller may not ask this."
    QueryKeysAway         = "SP-Q103" SERVICE_UNAVAILABLE    "The keys for the token cannot be had at present."
    QueryArgument         = "SP-Q201" BAD_REQUEST            "An argument of the query is missing or has the wrong form."
    QueryUnparsable       = "SP-Q202" BAD_REQUEST            "The body is not JSON."
    QueryTooLarge         = "SP-Q203" PAYLOAD_TOO_LARGE      "The body is too large."
    QueryTooSlow          = "SP-Q204" REQUEST_TIMEOUT        "The body did not arrive in time."
    QueryBrokenOff        = "SP-Q205" BAD_REQUEST            "The body is not complete."
    WorkflowNotFound      = "SP-Q301" NOT_FOUND              "There is no such workflow."
    QueryFailed           = "SP-Q302" BAD_GATEWAY            "The workflow could not answer the query."
    QueryNotJson          = "SP-Q303" BAD_GATEWAY            "The workflow's answer is not JSON."
    NoWorker              = "SP-Q304" SERVICE_UNAVAILABLE    "No worker is there to answer at present."
    QueryTimeout          = "SP-Q305" GATEWAY_TIMEOUT        "The workflow did not answer in time."
    TemporalBusy          = "SP-Q306" SERVICE_UNAVAILABLE    "Temporal is busy at present."
    TemporalAway          = "SP-Q307" SERVICE_UNAVAILABLE    "Temporal cannot be reached at present."
    QueryCrowded          = "SP-Q308" SERVICE_UNAVAILABLE    "Too many callers wait for this answer."
    QueryRate             = "SP-Q401" TOO_MANY_REQUESTS      "The caller asks more often than it may."
    QueryGuessing         = "SP-Q402" TOO_MANY_REQUESTS      "Too many bad tokens came from this address."

    Overloaded            = "SP-S001" SERVICE_UNAVAILABLE    "Too many requests are in work."
    TooManyConnections    = "SP-S002" SERVICE_UNAVAILABLE    "Too many connections are open."
    Backlog               = "SP-S003" SERVICE_UNAVAILABLE    "Too many events are waiting."
    StoreBusy             = "SP-S004" SERVICE_UNAVAILABLE    "The store cannot keep up at present."
    StoreAway             = "SP-S005" SERVICE_UNAVAILABLE    "The store cannot promise anything at present."
    Internal              = "SP-S006" INTERNAL_SERVER_ERROR  "Something went wrong inside."
    AddressRate           = "SP-S007" TOO_MANY_REQUESTS      "Too many requests came from this address."
    AuditAway             = "SP-S008" SERVICE_UNAVAILABLE    "Accesses cannot be put on record at present."

    OpsNotFound           = "SP-S101" NOT_FOUND              "There is nothing at this path."
    OpsMethod             = "SP-S102" METHOD_NOT_ALLOWED     "This path does not take this method."
    OpsParameter          = "SP-S103" BAD_REQUEST            "A parameter is unknown or has the wrong form."
    OpsUnauthorized       = "SP-S104" UNAUTHORIZED           "The operator's token is needed."
    OpsForbidden          = "SP-S105" FORBIDDEN              "Without a token only this machine may ask, and no browser."
    OpsMediaType          = "SP-S106" UNSUPPORTED_MEDIA_TYPE "The body must be application/json."
    OpsReadOnly           = "SP-S107" FORBIDDEN              "This token may read, and neither act nor see bodies."
    OpsLockedOut          = "SP-S108" TOO_MANY_REQUESTS      "Too many wrong tokens came from this address."
    OpsTooLarge           = "SP-S109" PAYLOAD_TOO_LARGE      "The body is too large."
    OpsTooSlow            = "SP-S110" REQUEST_TIMEOUT        "The body did not arrive in time."
    OpsBrokenOff          = "SP-S111" BAD_REQUEST            "The body is not complete."

    DeliverySettled       = "SP-S201" CONFLICT               "The delivery has settled already."
    InFlight              = "SP-S202" CONFLICT               "An attempt is in flight; the same action may pass in a moment."
    DeliveryUnsendable    = "SP-S203" CONFLICT               "The delivery has nothing to send; replay its event."
    EventPending          = "SP-S204" CONFLICT               "A delivery of the event is pending; drop it first."
    EventErased           = "SP-S205" CONFLICT               "The event was erased: nothing of it is left to route."
    CountDiffers          = "SP-S206" CONFLICT               "The filter fits another number than was expected."
    ConfigRefused         = "SP-S207" CONFLICT               "The routing file was refused; the one before stays."
    NothingAwaited        = "SP-S208" CONFLICT               "The source waits for no handshake."
}

/// RFC 9457, in the order of the contract.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(flatten)]
    members: Option<Map<String, Value>>,
}

/// A query handler's own words, where the rule says `expose_errors`, or what an operator is told
/// beside the title: an extension of the answer.
#[derive(Clone, Debug)]
pub(super) struct Exposed(pub(super) String);

/// Further members of the document, such as the true `count`: an extension of the answer.
#[derive(Clone, Debug)]
pub(super) struct Members(pub(super) Map<String, Value>);

impl Problem {
    /// The problem document; `request` only where there is a request.
    #[must_use]
    pub fn to_json(&self, request: Option<RequestId>, detail: Option<&str>) -> String {
        self.write(request, detail, None)
    }

    fn write(
        &self,
        request: Option<RequestId>,
        detail: Option<&str>,
        members: Option<Map<String, Value>>,
    ) -> String {
        let document = Document {
            r#type: format!("urn:signalpost:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail,
            request: request.map(|id| id.to_string()),
            members,
        };
        // Text and numbers under constant names: this cannot fail.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

impl Failure {
    /// Writes the problem document; `request_id` calls this, for it knows the id.
    pub(super) fn write_body(self, response: &mut Response, id: RequestId) {
        let exposed = response
            .extensions_mut()
            .remove::<Exposed>()
            .map(|Exposed(words)| words);
        let members = response.extensions_mut().remove::<Members>();
        let members = members.map(|Members(members)| members);
        // Some providers are told another status than the table's.
        let problem = Problem {
            status: response.status(),
            ..self.problem()
        };
        *response.body_mut() = problem.write(Some(id), exposed.as_deref(), members).into();
    }

    /// What the status obliges us to say beside the document.
    fn header(self) -> Option<(header::HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Self::WebhookMethod => (header::ALLOW, "POST"),
            Self::QueryMethod => (header::ALLOW, "GET, HEAD, POST"),
            Self::QueryUnauthorized | Self::OpsUnauthorized => (header::WWW_AUTHENTICATE, "Bearer"),
            Self::OpsLockedOut => (header::RETRY_AFTER, "60"),
            other => match other.problem().status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    return Some((header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER)));
                }
                _ => return None,
            },
        };
        Some((name, HeaderValue::from_static(value)))
    }
}

impl IntoResponse for Failure {
    /// Status and headers; the body follows once the answer passes [`super::request_id::assign`].
    fn into_response(self) -> Response {
        let mut response = self.problem().status.into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some((name, value)) = self.header() {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_stands_once() {
        let codes: HashSet<_> = Failure::ALL.iter().map(|f| f.problem().code).collect();
        assert_eq!(codes.len(), Failure::ALL.len());
    }

    #[test]
    fn every_code_is_a_heading_of_the_runbook() {
        let runbook = include_str!("../../deploy/runbook.md");
        for failure in Failure::ALL {
            let heading = format!("\n### {} ", failure.problem().code);
            assert!(runbook.contains(&heading), "no heading {heading:?}");
        }
    }

    #[test]
    fn the_document_is_the_contracts() {
        assert_eq!(
            Failure::NotProven.problem().to_json(None, None),
            r#"{"type":"urn:signalpost:SP-R101","title":"The request could not be proven authentic.","status":401,"code":"SP-R101"}"#
        );
    }

    #[test]
    fn whoever_may_come_back_is_told_when() {
        for failure in Failure::ALL {
            let response = failure.into_response();
            let told = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(told, matches!(response.status().as_u16(), 429 | 503));
        }
    }
}
