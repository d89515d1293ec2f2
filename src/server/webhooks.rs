//! `POST /hooks/{source}`: the whole life of a webhook up to the yes, told in one place.
//!
//! Each stage is called here and gives a value back; none calls the next. What happens after the
//! yes is `delivery`'s affair, which this module does not know.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::Failure;
use super::listener::Peer;
use super::{Public, body};
use crate::clock;
use crate::config::Plan;
use crate::event::Event;
use crate::inbox::{Acceptance, Receipt};
use crate::verify::{self, Source, WebhookRequest};

pub(super) async fn receive(State(gateway): State<Public>, Path(name): Path<String>, request: Request) -> Response {
    let started = Instant::now();
    let plan = gateway.plan.current();
    let source = plan.sources.get(name.as_str()).map(AsRef::as_ref);
    let result = handle(&gateway, &plan, source, request).await;
    let known = source.map(|source| &*source.name);
    match result {
        Ok(receipt) => {
            gateway.telemetry.webhook_answered(known, outcome(&receipt), started.elapsed());
            answer(&receipt)
        }
        Err(failure) => {
            gateway.telemetry.webhook_refused(known, failure.reason(), &failure.to_string(), started.elapsed());
            failure.into_response()
        }
    }
}

async fn handle(
    gateway: &Public,
    plan: &Plan,
    source: Option<&Source>,
    request: Request,
) -> Result<Receipt, Failure> {
    let source = source.ok_or(Failure::UnknownSource)?;
    if request.method() != Method::POST {
        return Err(Failure::WrongMethod { allow: "POST" });
    }
    let request = read(gateway, request).await?;
    let event = prove(gateway, source, &request).await?;
    let deliveries = plan.routes.resolve(&event);
    if deliveries.is_empty() && source.refuse_unrouted {
        return Err(Failure::Unrouted);
    }
    Ok(gateway.inbox.accept(Acceptance { event, deliveries }).await?)
}

async fn read(gateway: &Public, request: Request) -> Result<WebhookRequest, Failure> {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().map(ToString::to_string).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let bytes = body::read(body, &parts.headers, &gateway.limits.body).await?;
    Ok(WebhookRequest::new(parts.headers, query, peer, bytes))
}

/// Verifies; a token signed with a key that is not known yet is tried once more after its issuer has been asked for its keys.
async fn prove(gateway: &Public, source: &Source, request: &WebhookRequest) -> Result<Event, Failure> {
    let refusal = match verify::authenticate(source, request, clock::now()) {
        Ok(event) => return Ok(event),
        Err(refusal) => refusal,
    };
    let Some(issuer) = source.issuer().filter(|_| refusal.wants_keys()) else {
        return Err(refusal.into());
    };
    gateway.jwks.refresh(&issuer.keys).await;
    Ok(verify::authenticate(source, request, clock::now())?)
}

fn outcome(receipt: &Receipt) -> &'static str {
    match receipt {
        Receipt::Accepted { .. } => "accepted",
        Receipt::Unrouted { .. } => "unrouted",
        Receipt::Duplicate { .. } => "duplicate",
    }
}

/// 200, not 202: several providers take nothing else for a yes.
fn answer(receipt: &Receipt) -> Response {
    let body = match receipt {
        Receipt::Accepted { event, deliveries } => {
            json!({ "status": "accepted", "event": event.to_string(), "deliveries": deliveries })
        }
        Receipt::Unrouted { event } => json!({ "status": "unrouted", "event": event.to_string() }),
        Receipt::Duplicate { first, .. } => json!({ "status": "duplicate", "event": first.to_string() }),
    };
    Json(body).into_response()
}
