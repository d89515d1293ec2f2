//! A caller's question to a workflow: rule, token, permit, query, answer.
//!
//! Everything that is not `/hooks/…` comes here; which paths exist is the plan's affair, so that they
//! change with a reload. Only a `Permit` runs a query, and only `access` makes one.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::Failure;
use super::{Public, body};
use crate::access::{self, Asked, Principal, Rule};
use crate::clock;
use crate::event::Content;
use crate::expr::Body;
use crate::token::{self, Token};

const ALLOWED: &str = "GET, HEAD, POST";

pub(super) async fn answer(State(gateway): State<Public>, request: Request) -> Response {
    let started = Instant::now();
    let plan = gateway.plan.current();
    let Some((rule, path)) = plan.queries.find(request.uri().path()) else {
        return Failure::NoSuchPath.into_response();
    };
    let mut caller = None;
    let result = ask(&gateway, rule, &path, request, &mut caller).await;
    let outcome = result.as_ref().map_or_else(Failure::reason, |_| "answered");
    gateway.telemetry.query_answered(&rule.name, caller.as_deref(), outcome, started.elapsed());
    match result {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], json).into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// `caller` is filled as soon as it is known who asks, for the audit line of a refusal too.
async fn ask(
    gateway: &Public,
    rule: &Rule,
    path: &[(String, String)],
    request: Request,
    caller: &mut Option<String>,
) -> Result<String, Failure> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return Err(Failure::WrongQueryMethod { allow: ALLOWED });
    }
    let token = authenticate(gateway, rule, request.headers()).await?;
    let principal = Principal::new(&rule.issuer, token);
    *caller = Some(format!("{}:{}", principal.issuer, principal.subject));
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let posted = posted(gateway, request).await?;
    let body = posted.as_ref().map(|(content, raw)| Body { content, raw });
    let permit = access::permit(rule, &principal, Asked { path, query: &query, body })?;
    Ok(gateway.temporal.query(&permit).await?)
}

/// A good token, asking the issuer for its keys once where the token names one that is not known yet.
async fn authenticate(gateway: &Public, rule: &Rule, headers: &HeaderMap) -> Result<Token, Failure> {
    let bearer = bearer(headers).ok_or(Failure::NoToken)?;
    match token::verify(bearer, &rule.issuer, clock::now()) {
        Err(refusal) if refusal.wants_keys() => {
            gateway.jwks.refresh(&rule.issuer.keys).await;
            token::verify(bearer, &rule.issuer, clock::now()).map_err(Failure::QueryToken)
        }
        other => other.map_err(Failure::QueryToken),
    }
}

/// The one `Authorization: Bearer`; a second header of that name is no token at all.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (all.next()?, all.next());
    if second.is_some() {
        return None;
    }
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The JSON body of a POST; GET and HEAD have none.
async fn posted(gateway: &Public, request: Request) -> Result<Option<(Content, Vec<u8>)>, Failure> {
    if request.method() != Method::POST {
        return Ok(None);
    }
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, &parts.headers, &gateway.limits.body).await.map_err(Failure::QueryBody)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| Failure::QueryNotJson)?;
    Ok(Some((Content::Json(value), bytes.to_vec())))
}
