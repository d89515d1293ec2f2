//! What a request has to do with traces: where its own begins, and a span for each of its stages.
//!
//! A stage is any future that may be refused: it is told by the reason why. With traces off all of this is nothing.

use std::fmt;

use axum::extract::Request;
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::Public;
use super::refused::Refused;
use crate::telemetry::trace::{Incoming, Span};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the peer says of its trace; what is malformed, or said twice, was not said.
pub(super) fn incoming(headers: &HeaderMap, trusted: bool) -> Incoming {
    let mut said = headers.get_all(TRACEPARENT).iter();
    let context = match (said.next(), said.next()) {
        (Some(only), None) => only.to_str().ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    Incoming { context, trusted }
}

/// The span of the request, whose trace its log lines name from now on. `route` is a pattern, no path.
pub(super) fn begin(gateway: &Public, request: &Request, route: impl fmt::Display) -> Span {
    let incoming = request.extensions().get().copied().unwrap_or_default();
    let tracer = gateway.telemetry.tracer();
    let span = tracer.request(method(request.method()), route, incoming);
    if let Some(context) = span.context() {
        tracing::Span::current().record("trace_id", context.trace_id());
    }
    span
}

/// A method as traces name it: what a stranger makes up is not repeated.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

/// The work of one stage, in a span of its own below that of the request.
pub(super) async fn stage<T>(
    request: &Span,
    name: &'static str,
    work: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Refused> {
    let mut span = request.child(name);
    let result = work.await;
    if let Err(refused) = &result {
        span.fail(refused.reason);
    }
    result
}

/// How the request ends. Only what is our fault is an error of the span, as OpenTelemetry has it for servers.
pub(super) fn answered(span: &mut Span, status: StatusCode, refused: Option<&'static str>) {
    span.set("http.response.status_code", i64::from(status.as_u16()));
    match refused {
        Some(reason) if status.is_server_error() => span.fail(reason),
        Some(reason) => span.set("error.type", reason),
        None => {}
    }
}
