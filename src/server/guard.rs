//! Who may use the ops listener: an operator's token where there are any, else a program on this
//! machine that is no browser.
//!
//! Whoever is let in goes on as a [`Caller`], under whose name every action is put on record. Every
//! refusal is on record too.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Ops;
use super::error::Failure;
use super::operators::{LOCAL, Operator, Operators, Role, Stranger};
use super::request_id::RequestId;
use crate::clock;
use crate::telemetry::Telemetry;
use crate::telemetry::audit::{Entry, Subject};
use crate::token;

/// Whoever was let in; a request extension.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) who: Arc<str>,
    pub(super) request: RequestId,
}

/// What an operator did, or did not get done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed<'a> {
    pub(super) action: &'static str,
    pub(super) outcome: &'static str,
    pub(super) subject: Subject<'a>,
    pub(super) workflow: Option<&'a str>,
    /// The operator's note, or why not.
    pub(super) reason: Option<&'a str>,
}

impl Caller {
    /// Puts it on record (P9). False: it is not, and had to be; what is done is done all the same.
    pub(super) fn did(&self, telemetry: &Telemetry, deed: Deed<'_>) -> bool {
        telemetry.audit(Entry {
            request: &self.request.to_string(),
            action: deed.action,
            outcome: deed.outcome,
            who: &self.who,
            subject: deed.subject,
            workflow: deed.workflow,
            events: None,
            reason: deed.reason,
        })
    }
}

pub(super) async fn check(
    State(ops): State<Ops>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    if needed(&request) == Role::Act && !ops.telemetry.may_be_recorded() {
        return Failure::AuditAway.into_response();
    }
    ops.operators.refresh().await;
    let id = request.extensions().get::<RequestId>().copied();
    let request_id = id.unwrap_or_else(|| RequestId::at(clock::now()));
    let (who, failure) = match admit(&ops.operators, peer.ip(), &request) {
        Ok(operator) if operator.role >= needed(&request) => {
            request.extensions_mut().insert(Caller {
                who: operator.name,
                request: request_id,
            });
            return next.run(request).await;
        }
        Ok(operator) => (operator.name, Failure::OpsReadOnly),
        Err(failure) => (Arc::from(peer.ip().to_string()), failure),
    };
    let caller = Caller {
        who,
        request: request_id,
    };
    let deed = Deed {
        action: action(&request),
        outcome: "refused",
        subject: Subject::Process {},
        workflow: None,
        reason: Some(failure.problem().code),
    };
    if !caller.did(&ops.telemetry, deed) {
        return Failure::AuditAway.into_response();
    }
    failure.into_response()
}

fn admit(operators: &Operators, peer: IpAddr, request: &Request) -> Result<Operator, Failure> {
    if !operators.have_tokens() {
        local_program(request.method(), request.headers())?;
        return Ok(Operator {
            name: Arc::from(LOCAL),
            role: Role::Act,
        });
    }
    let token = token::bearer(request.headers()).map_err(|_| Failure::OpsUnauthorized)?;
    operators
        .admit(token.as_bytes(), peer, Instant::now())
        .map_err(|stranger| match stranger {
            Stranger::WrongToken => Failure::OpsUnauthorized,
            Stranger::LockedOut => Failure::OpsLockedOut,
        })
}

/// Actions, and the bodies of events.
fn needed(request: &Request) -> Role {
    let query = request.uri().query().unwrap_or_default();
    let body = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "body" && value != "false");
    if request.method() == Method::POST || body {
        Role::Act
    } else {
        Role::Read
    }
}

/// The last word of an action's path is its name.
fn action(request: &Request) -> &'static str {
    if request.method() != Method::POST {
        return "ops";
    }
    match request.uri().path().rsplit('/').next() {
        Some("retry") => "retry",
        Some("drop") => "drop",
        Some("replay") => "replay",
        Some("erase") => "erase",
        Some("reload") => "reload",
        Some("handshake") => "handshake",
        _ => "ops",
    }
}

/// For what asks nobody for a token: with none set at all, no page in a browser reads it either. A probe may leave
/// the `Host` out, a browser never does.
pub(super) async fn no_browser(State(ops): State<Ops>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let browser = headers.contains_key(header::ORIGIN)
        || (headers.contains_key(header::HOST) && !names_loopback(headers));
    if !ops.operators.have_tokens() && browser {
        return Failure::OpsForbidden.into_response();
    }
    next.run(request).await
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
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
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
    fn actions_and_bodies_need_the_right_to_act() {
        let request = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri);
            request.body(Body::empty()).unwrap()
        };
        assert_eq!(needed(&request("GET", "/v1/events/1")), Role::Read);
        assert_eq!(
            needed(&request("GET", "/v1/events/1?body=false")),
            Role::Read
        );
        assert_eq!(needed(&request("GET", "/v1/events/1?body=true")), Role::Act);
        assert_eq!(
            needed(&request("GET", "/v1/events/1?%62ody=true")),
            Role::Act
        );
        assert_eq!(needed(&request("POST", "/v1/config/reload")), Role::Act);
    }
}
