//! Who may use the ops listener: a token where one is set, else a program on this machine that is no browser.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::Ops;
use super::error::Failure;
use super::request_id::RequestId;
use crate::secret::Secret;
use crate::telemetry::audit::{self, Subject};
use crate::token;

pub(super) async fn check(
    State(ops): State<Ops>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let verdict = match &ops.token {
        Some(token) => bearer_matches(request.headers(), token),
        None => local_program(request.method(), request.headers()),
    };
    match verdict {
        Ok(()) => next.run(request).await,
        Err(failure) => {
            ops.telemetry.audit(audit::Entry {
                request: &RequestId::of(request.extensions()),
                action: "ops",
                outcome: "refused",
                who: &peer.ip().to_string(),
                subject: Subject::Process {},
                workflow: None,
                reason: Some(failure.problem().code),
            });
            failure.into_response()
        }
    }
}

/// For what asks nobody for a token: with none set at all, no page in a browser reads it either. A probe may leave
/// the `Host` out, a browser never does.
pub(super) async fn no_browser(State(ops): State<Ops>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let browser = headers.contains_key(header::ORIGIN)
        || (headers.contains_key(header::HOST) && !names_loopback(headers));
    if ops.token.is_none() && browser {
        return Failure::OpsForbidden.into_response();
    }
    next.run(request).await
}

fn bearer_matches(headers: &HeaderMap, token: &Secret) -> Result<(), Failure> {
    let given = token::bearer(headers).map_err(|_| Failure::OpsUnauthorized)?;
    let same: bool = given.as_bytes().ct_eq(token.expose()).into();
    if same {
        Ok(())
    } else {
        Err(Failure::OpsUnauthorized)
    }
}

/// Without a token the listener is on loopback. A page in a browser on this machine could still call it, under
/// a name of its own (DNS rebinding) or with a form: so the `Host` must be loopback, an `Origin` is refused, and
/// a POST must say that it is JSON.
fn local_program(method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    if !names_loopback(headers) || headers.contains_key(header::ORIGIN) {
        return Err(Failure::OpsForbidden);
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| {
            kind.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json")
        });
    if method == Method::POST && !json {
        return Err(Failure::OpsMediaType);
    }
    Ok(())
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    host.is_some_and(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = if let Some(rest) = host.strip_prefix('[') {
        rest.split(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn verdict(method: &Method, pairs: &[(header::HeaderName, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        local_program(method, &headers).is_ok()
    }

    #[test]
    fn programs_on_this_machine_may_and_browsers_may_not() {
        assert!(verdict(&Method::GET, &[(header::HOST, "127.0.0.1:8081")]));
        assert!(verdict(&Method::GET, &[(header::HOST, "[::1]:8081")]));
        assert!(verdict(&Method::GET, &[(header::HOST, "localhost")]));
        assert!(!verdict(
            &Method::GET,
            &[(header::HOST, "evil.example:8081")]
        ));
        assert!(!verdict(
            &Method::GET,
            &[
                (header::HOST, "127.0.0.1"),
                (header::ORIGIN, "http://127.0.0.1")
            ]
        ));
        assert!(!verdict(&Method::POST, &[(header::HOST, "127.0.0.1")]));
        assert!(verdict(
            &Method::POST,
            &[
                (header::HOST, "127.0.0.1"),
                (header::CONTENT_TYPE, "application/json")
            ]
        ));
    }

    #[test]
    fn the_token_must_be_the_token() {
        let token = Secret::new(b"right".to_vec());
        let with = |value| {
            HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
        };
        assert!(bearer_matches(&with("Bearer right"), &token).is_ok());
        assert!(bearer_matches(&with("bearer right"), &token).is_ok());
        assert!(bearer_matches(&with("Basic right"), &token).is_err());
        assert!(bearer_matches(&with("Bearer wrong"), &token).is_err());
        assert!(bearer_matches(&HeaderMap::new(), &token).is_err());
    }
}
