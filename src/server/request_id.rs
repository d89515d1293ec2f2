//! Every request gets an id of ours: in its extensions, its log lines and its answer.
//!
//! The id is a UUIDv7 as 32 hex digits. One that a client sends is not believed and not kept: it
//! would let strangers choose what stands in our log. As the outermost layer this is also where a
//! [`Failure`] gets its body, which quotes the id.

use std::fmt;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::task::Poll;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use super::error::Failure;
use crate::clock::{self, Timestamp};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request at hand; a request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.uuid())
    }

    /// As text, for an audit line; empty where no layer has given one.
    pub(super) fn of(extensions: &http::Extensions) -> String {
        let id = extensions.get::<Self>();
        id.map(ToString::to_string).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

/// For [`axum::middleware::from_fn`], outside of all other layers.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let id = RequestId::at(clock::now());
    request.extensions_mut().insert(id);
    // At the error level, so that no filter takes the id away from the lines that it lets through.
    // The others are for traces, and stay empty where there are none.
    let span = tracing::error_span!("request", request = %id, trace_id = Empty, event = Empty);
    let mut response = answered(next.run(request)).instrument(span).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        failure.write_body(&mut response, id);
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// A handler's panic is its own request's end and nobody else's: the caller is told, with the id that
/// stands in the log beside it.
async fn answered(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    poll_fn(|cx| {
        let polled = panic::catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            tracing::error!("a handler panicked");
            Poll::Ready(Failure::Internal.into_response())
        })
    })
    .await
}
