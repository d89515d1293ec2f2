//! `POST /hooks/{source}`: the whole life of a webhook up to the yes, told in one place.
//!
//! Each stage is called here and gives a value back; none calls the next. What happens after the yes
//! is `delivery`'s affair, which this module does not know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::Failure;
use super::fresh_keys::{self, Doubt};
use super::limits::{Realm, Shown};
use super::refused::Refused;
use super::request_id::RequestId;
use super::{Public, body};
use crate::clock;
use crate::config::Plan;
use crate::event::{Delivery, Event, State};
use crate::inbox::{Acceptance, Receipt};
use crate::telemetry::audit::{self, Subject};
use crate::telemetry::report::WebhookOutcome;
use crate::token::{self, Speaker};
use crate::verify::{self, Source, WebhookRequest};

/// Who sent it and where it goes, as far as it came: for the audit line of a refusal too.
#[derive(Default)]
struct Record {
    /// A token's issuer and subject; else the peer's address stands for the sender.
    who: Option<String>,
    /// Where all deliveries go to one workflow.
    workflow: Option<String>,
}

pub(super) async fn receive(
    Shared(gateway): Shared<Public>,
    name: Result<Path<String>, PathRejection>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let plan = gateway.plan.current();
    // A name that is no UTF-8 names no source.
    let source = name.ok().and_then(|Path(name)| plan.sources.get(&*name));
    let source = source.map(AsRef::as_ref);
    let id = RequestId::of(request.extensions());
    let mut record = Record::default();
    let result = handle(&gateway, &plan, source, peer, request, &mut record).await;

    let source = source.map(|source| &*source.name);
    let outcome = outcome(&result);
    let telemetry = &gateway.telemetry;
    telemetry.webhook_answered(source, outcome, started.elapsed());
    let refused = result.as_ref().err();
    if let Some(refused) = refused {
        telemetry.webhook_refused(source, outcome, refused.reason, &refused.detail);
    }
    let recorded = telemetry.audit(audit::Entry {
        request: &id,
        action: "webhook",
        outcome: outcome.label(),
        who: &record.who.unwrap_or_else(|| peer.ip().to_string()),
        subject: Subject::Source(source.unwrap_or("unknown")),
        workflow: record.workflow.as_deref(),
        reason: refused.map(|refused| refused.reason),
    });
    if !recorded {
        // What was accepted stays so; the provider comes again and is told that it is a duplicate.
        return Failure::AuditAway.into_response();
    }
    match result {
        Ok(receipt) => answer(&receipt),
        Err(refused) => refused.into_response(),
    }
}

fn outcome(result: &Result<Receipt, Refused>) -> WebhookOutcome {
    match result {
        Ok(Receipt::Accepted { .. }) => WebhookOutcome::Accepted,
        Ok(Receipt::Unrouted { .. }) => WebhookOutcome::Unrouted,
        Ok(Receipt::Duplicate { .. }) => WebhookOutcome::Duplicate,
        Err(refused) if refused.is_failure() => WebhookOutcome::Failed,
        Err(_) => WebhookOutcome::Refused,
    }
}

async fn handle(
    gateway: &Public,
    plan: &Plan,
    source: Option<&Source>,
    peer: SocketAddr,
    request: Request,
    record: &mut Record,
) -> Result<Receipt, Refused> {
    let source = source.ok_or(Refused::new(Failure::UnknownSource, "unknown_source"))?;
    if !source.takes_from(peer.ip()) {
        return Err(Refused::new(Failure::WebhookAddress, "address"));
    }
    if request.method() != Method::POST {
        return Err(Refused::new(Failure::WebhookMethod, "method"));
    }
    // Held to the end; taken before the body, which a stranger may send as slowly as the limits let him.
    let share = gateway.in_flight.share(&source.name);
    let _share = share.ok_or(Refused::new(Failure::SourceBusy, "source_busy"))?;
    let shown = stranger(gateway, source, peer, request.headers())?;
    let request = read(gateway, source, peer, request).await?;
    let event = prove(gateway, source, &request, shown).await?;
    gateway
        .rates
        .event(source, Instant::now())
        .map_err(|limit| Refused::too_often(Failure::SourceRate, "rate", limit))?;
    let speaker = source.speaker(&event);
    record.who = speaker.as_ref().map(Speaker::to_string);
    let roles = speaker.map_or_else(Vec::new, |speaker| speaker.roles);
    let deliveries = plan.routes.resolve(&event, &roles)?;
    record.fill(&deliveries);
    if deliveries.is_empty() && source.refuse_unrouted {
        return Err(Refused::new(Failure::UnroutedRefused, "unrouted"));
    }
    let ended = ended_at_birth(&deliveries);
    let receipt = gateway
        .inbox
        .accept(Acceptance { event, deliveries })
        .await?;
    if matches!(receipt, Receipt::Accepted { .. }) {
        for delivery in &ended {
            gateway.telemetry.delivery_settled_at_birth(delivery);
        }
    }
    Ok(receipt)
}

/// Those that will never be attempted, so that nobody but us can report them.
fn ended_at_birth(deliveries: &[Delivery]) -> Vec<Delivery> {
    let ended = |delivery: &&Delivery| delivery.state != State::Pending;
    deliveries.iter().filter(ended).cloned().collect()
}

impl Record {
    fn fill(&mut self, deliveries: &[Delivery]) {
        let mut workflows = deliveries.iter().map(|delivery| &delivery.target.workflow);
        if let Some(first) = workflows.next()
            && !first.is_empty()
            && workflows.all(|other| other == first)
        {
            self.workflow = Some(first.clone());
        }
    }
}

/// A token is not looked at where too many bad ones came from its address.
fn stranger(
    gateway: &Public,
    source: &Source,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<Option<Shown>, Refused> {
    let (Some(_), Ok(bearer)) = (source.trust(), token::bearer(headers)) else {
        return Ok(None);
    };
    let realm = Realm::Source(Arc::clone(&source.name));
    let shown = gateway
        .rates
        .token(peer.ip(), realm, bearer, Instant::now());
    shown.map_err(|limit| Refused::too_often(Failure::WebhookGuessing, "guessing", limit))
}

async fn read(
    gateway: &Public,
    source: &Source,
    peer: SocketAddr,
    request: Request,
) -> Result<WebhookRequest, Refused> {
    let (parts, body) = request.into_parts();
    let most = gateway.body.max_bytes;
    let limits = body::Options {
        max_bytes: source.max_body.map_or(most, |own| own.min(most)),
        ..gateway.body
    };
    let bytes = body::read(body, limits)
        .await
        .map_err(|error| Refused::webhook_body(&error))?;
    Ok(WebhookRequest::new(
        parts.method,
        &parts.uri,
        parts.headers,
        peer.ip().to_string(),
        bytes,
    ))
}

async fn prove(
    gateway: &Public,
    source: &Source,
    request: &WebhookRequest,
    shown: Option<Shown>,
) -> Result<Event, Refused> {
    let proof = || verify::authenticate(source, request, clock::now());
    let proven = fresh_keys::prove(
        &gateway.jwks,
        || verify::keys_for(source, request),
        proof,
        verify::Refusal::wants_keys,
    )
    .await;
    let doubtful = matches!(&proven, Err(Doubt::Refused(refusal)) if refusal.class() == verify::Class::Unauthorized);
    if !matches!(proven, Err(Doubt::KeysAway)) {
        gateway.rates.judged(shown, !doubtful, Instant::now());
    }
    proven.map_err(|doubt| match doubt {
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
