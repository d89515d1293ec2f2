//! `POST /hooks/{source}`: the whole life of a webhook up to the yes, told in one place.
//!
//! Each stage is called here and gives a value back; none calls the next. What happens after the yes
//! is `delivery`'s affair, which this module does not know.

use std::net::SocketAddr;
use std::time::Instant;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::Failure;
use super::fresh_keys::{self, Doubt};
use super::refused::Refused;
use super::{Public, body};
use crate::clock;
use crate::config::Plan;
use crate::event::Event;
use crate::inbox::{Acceptance, Receipt};
use crate::telemetry::report::WebhookOutcome;
use crate::verify::{self, Source, WebhookRequest};

pub(super) async fn receive(
    State(gateway): State<Public>,
    Path(name): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let plan = gateway.plan.current();
    let source = plan.sources.get(name.as_str()).map(AsRef::as_ref);
    let result = handle(&gateway, &plan, source, peer, request).await;

    let source = source.map(|source| &*source.name);
    let outcome = match &result {
        Ok(Receipt::Accepted { .. }) => WebhookOutcome::Accepted,
        Ok(Receipt::Unrouted { .. }) => WebhookOutcome::Unrouted,
        Ok(Receipt::Duplicate { .. }) => WebhookOutcome::Duplicate,
        Err(refused) if refused.is_failure() => WebhookOutcome::Failed,
        Err(_) => WebhookOutcome::Refused,
    };
    gateway
        .telemetry
        .webhook_answered(source, outcome, started.elapsed());
    match result {
        Ok(receipt) => answer(&receipt),
        Err(refused) => {
            gateway
                .telemetry
                .webhook_refused(source, refused.reason, &refused.detail);
            refused.into_response()
        }
    }
}

async fn handle(
    gateway: &Public,
    plan: &Plan,
    source: Option<&Source>,
    peer: SocketAddr,
    request: Request,
) -> Result<Receipt, Refused> {
    let source = source.ok_or(Refused::new(Failure::UnknownSource, "unknown_source"))?;
    if request.method() != Method::POST {
        return Err(Refused::new(Failure::WebhookMethod, "method"));
    }
    let request = read(gateway, peer, request).await?;
    let event = prove(gateway, source, &request).await?;
    let deliveries = plan.routes.resolve(&event);
    if deliveries.is_empty() && source.refuse_unrouted {
        return Err(Refused::new(Failure::UnroutedRefused, "unrouted"));
    }
    Ok(gateway
        .inbox
        .accept(Acceptance { event, deliveries })
        .await?)
}

async fn read(
    gateway: &Public,
    peer: SocketAddr,
    request: Request,
) -> Result<WebhookRequest, Refused> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, gateway.body)
        .await
        .map_err(|error| Refused::webhook_body(&error))?;
    let query = parts.uri.query().unwrap_or_default().to_owned();
    Ok(WebhookRequest::new(
        parts.headers,
        query,
        peer.ip().to_string(),
        bytes,
    ))
}

async fn prove(
    gateway: &Public,
    source: &Source,
    request: &WebhookRequest,
) -> Result<Event, Refused> {
    let proof = || verify::authenticate(source, request, clock::now());
    let Some(issuer) = source.issuer() else {
        return Ok(proof()?);
    };
    fresh_keys::prove(
        &gateway.jwks,
        &issuer.keys,
        proof,
        verify::Refusal::wants_keys,
    )
    .await
    .map_err(|doubt| match doubt {
        Doubt::Refused(refusal) => refusal.into(),
        Doubt::KeysAway => Refused::new(Failure::WebhookKeysAway, "no_keys"),
    })
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<usize>,
}

/// 200, not 202: several providers take nothing else for a yes.
fn answer(receipt: &Receipt) -> Response {
    let (status, event, deliveries) = match receipt {
        Receipt::Accepted { event, deliveries } => ("accepted", event, Some(*deliveries)),
        Receipt::Unrouted { event } => ("unrouted", event, None),
        Receipt::Duplicate { first, .. } => ("duplicate", first, None),
    };
    let event = event.to_string();
    Json(Answer {
        status,
        event,
        deliveries,
    })
    .into_response()
}
