//! A caller's question to a workflow: rule, token, permit, query, answer.
//!
//! Everything that is not `/hooks/…` comes here; which paths exist is the plan's affair, so that they
//! change with a reload. Only a `Permit` runs a query, and only `access` makes one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;
use tracing::Instrument;

use super::answers::{Answer, Question};
use super::error::Failure;
use super::fresh_keys::{self, Doubt};
use super::limits::Realm;
use super::refused::Refused;
use super::request_id::RequestId;
use super::traced::{self, stage};
use super::{Public, body};
use crate::access::{self, Asked, Principal, Rule};
use crate::clock;
use crate::config::Plan;
use crate::event::Content;
use crate::expr::Body;
use crate::telemetry::audit::{self, Subject};
use crate::telemetry::report::QueryOutcome;
use crate::telemetry::trace::Span;
use crate::token::{self, Token, Trust};
use crate::verify::verifier::Wanted;

/// Who asked for what, as far as it came: for the audit line of a refusal too.
#[derive(Default)]
struct Record {
    who: Option<String>,
    workflow: Option<String>,
    span: Span,
}

pub(super) async fn answer(State(gateway): State<Public>, request: Request) -> Response {
    let started = Instant::now();
    let plan = gateway.plan.current();
    let Some((rule, path)) = plan.queries.find(request.uri().path()) else {
        return Failure::NoQuery.into_response();
    };
    let id = RequestId::of(request.extensions());
    let peer = address(&request);
    let mut record = Record {
        who: Some(peer.to_string()),
        workflow: None,
        span: traced::begin(&gateway, &request, &rule.path),
    };
    record.span.note("client.address", peer);
    record.span.note("signalpost.query", &rule.name);
    let result = ask(&gateway, &plan, rule, &path, request, &mut record).await;

    let recorded = report(
        &gateway,
        rule,
        &id,
        &record,
        result.as_ref().err(),
        started.elapsed(),
    );
    if !recorded {
        return Failure::AuditAway.into_response();
    }
    if let Some(workflow) = &record.workflow {
        record.span.note("signalpost.workflow_id", workflow);
    }
    let refused = result.as_ref().err().map(|refused| refused.reason);
    let response = match result {
        Ok(answer) => respond(answer, rule.cache.is_some()),
        Err(refused) => refused.into_response(),
    };
    traced::answered(&mut record.span, response.status(), refused);
    response
}

/// The connection's other end, or whom a trusted proxy names.
fn address(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip())
}

/// `no-store` though the gateway itself may keep it: nobody on the way knows who else may see it. How old a kept
/// answer is stands in `Age`.
fn respond(answer: Answer, cached: bool) -> Response {
    let age = answer.asked.elapsed().as_secs();
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (headers, answer.json).into_response();
    if cached {
        response.headers_mut().insert(header::AGE, age.into());
    }
    response
}

/// The log and metrics of the question, and its audit line (P9). False: there is none, and there had to be.
fn report(
    gateway: &Public,
    rule: &Rule,
    request: &str,
    record: &Record,
    refused: Option<&Refused>,
    took: Duration,
) -> bool {
    let (outcome, audited) = match refused {
        None => (QueryOutcome::Answered, "accepted"),
        Some(refused) if refused.is_failure() => (QueryOutcome::Failed, "failed"),
        Some(_) => (QueryOutcome::Refused, "refused"),
    };
    let detail = refused.map(|refused| refused.detail.as_str());
    gateway
        .telemetry
        .query_answered(Some(&*rule.name), outcome, took, detail);
    gateway.telemetry.audit(audit::Entry {
        request,
        action: "query",
        outcome: audited,
        who: record.who.as_deref().unwrap_or("unknown"),
        subject: Subject::Query(&rule.name),
        workflow: record.workflow.as_deref(),
        events: None,
        reason: refused.map(|refused| refused.reason),
    })
}

async fn ask(
    gateway: &Public,
    plan: &Plan,
    rule: &Rule,
    path: &[(String, String)],
    request: Request,
    record: &mut Record,
) -> Result<Answer, Refused> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return Err(Refused::new(Failure::QueryMethod, "method"));
    }
    let peer = address(&request);
    let proving = authenticate(gateway, plan, rule, peer, request.headers());
    let token = stage(&record.span, "verify", proving).await?;
    let principal = Principal::from(token);
    record.who = Some(format!("{}:{}", principal.issuer, principal.subject));
    gateway
        .rates
        .question(rule, &principal, Instant::now())
        .map_err(|limit| Refused::too_often(Failure::QueryRate, "rate", limit))?;

    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
    let posted = posted(gateway, request).await?;
    let body = posted.as_ref().map(|(content, raw)| Body { content, raw });
    let permit = access::permit(
        rule,
        &principal,
        Asked {
            path,
            query: &query,
            body,
        },
    )?;
    record.workflow = Some(permit.workflow().to_owned());
    let question = Question {
        // A view is of one plan: a rule of the same name may ask for something else after a reload.
        key: format!("{} {}", plan.digest, permit.view()),
        timeout: permit.timeout(),
        cache: rule.cache,
    };
    let (temporal, expose) = (gateway.temporal.clone(), permit.expose_errors());
    // The log lines of a question that many share bear the id of the first of them.
    let span = tracing::Span::current();
    let call = move |time| async move { temporal.ask(&permit, time).await }.instrument(span);
    let asking = gateway.answers.ask(question, call);
    stage(&record.span, "ask", async {
        asking.await.map_err(|error| Refused::query(error, expose))
    })
    .await
}

async fn authenticate(
    gateway: &Public,
    plan: &Plan,
    rule: &Rule,
    peer: IpAddr,
    headers: &HeaderMap,
) -> Result<Token, Refused> {
    let bearer =
        token::bearer(headers).map_err(|_| Refused::new(Failure::QueryUnauthorized, "no_token"))?;
    let shown = gateway
        .rates
        .token(peer, Realm::Queries, bearer, Instant::now())
        .map_err(|limit| Refused::too_often(Failure::QueryGuessing, "guessing", limit))?;
    let trust = Trust {
        issuers: &rule.issuers,
        keys: rule.keys.then_some(&*plan.keys),
    };
    let proven = fresh_keys::prove(
        &gateway.jwks,
        || trust.keys_for(bearer).cloned().map(Wanted::Keys),
        || trust.verify(bearer, clock::now()),
        token::Refusal::wants_keys,
    )
    .await;
    if !matches!(proven, Err(Doubt::KeysAway)) {
        gateway.rates.judged(shown, proven.is_ok(), Instant::now());
    }
    proven.map_err(|doubt| match doubt {
        Doubt::Refused(refusal) => Refused::query_token(&refusal),
        Doubt::KeysAway => Refused::new(Failure::QueryKeysAway, "no_keys"),
    })
}

/// The JSON body of a POST; GET and HEAD have none.
async fn posted(gateway: &Public, request: Request) -> Result<Option<(Content, Bytes)>, Refused> {
    if request.method() != Method::POST {
        return Ok(None);
    }
    let bytes = body::read(request.into_body(), gateway.body)
        .await
        .map_err(|error| Refused::query_body(&error))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|_| Refused::new(Failure::QueryUnparsable, "unparsable"))?;
    Ok(Some((Content::Json(value), bytes)))
}
