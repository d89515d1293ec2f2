//! `POST /hooks/{source}`: the whole life of a webhook up to the yes, told in one place.
//!
//! Each stage is called here and gives a value back; none calls the next. A request may hold several events (`each`), or be
//! a handshake, which some providers make by other methods. What happens after the yes is `delivery`'s affair, which this
//! module does not know.

mod answer;
mod span;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::error::Failure;
use super::fresh_keys::{self, Doubt};
use super::limits::{Realm, Shown};
use super::refused::Refused;
use super::request_id::RequestId;
use super::traced::{self, stage};
use super::{Public, body};
use crate::clock;
use crate::config::Plan;
use crate::event::{Delivery, Event, State, TraceContext};
use crate::inbox::{Acceptance, Receipt};
use crate::telemetry::audit::{self, Subject};
use crate::telemetry::report::WebhookOutcome;
use crate::telemetry::trace::Span;
use crate::token::{self, Speaker};
use crate::verify::answers::Answers;
use crate::verify::handshake::{Reply, Unanswered};
use crate::verify::{self, Arrived, Source, WebhookRequest};

/// Of all events of one request: they are one step of the store.
pub const MAX_DELIVERIES: usize = 10_000;

/// What a request came to.
enum Done {
    One(Receipt),
    Several(Vec<Receipt>),
    Handshake(Reply),
}

/// Who sent it and where it goes, as far as it came: for the audit line of a refusal too.
#[derive(Default)]
struct Record {
    /// A token's issuer and subject; else the peer's address stands for the sender.
    who: Option<String>,
    /// Where all deliveries go to one workflow.
    workflow: Option<String>,
    /// How many events a request of several holds.
    events: Option<usize>,
    handshake: bool,
    /// Of the whole request; deliveries go on from it.
    span: Span,
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
    let mut record = Record {
        span: traced::begin(&gateway, &request, "/hooks/{source}"),
        ..Record::default()
    };
    let result = handle(&gateway, &plan, source, peer, request, &mut record).await;

    let answers = source.map_or(Answers::DEFAULT, |source| source.answers);
    let source = source.map(|source| &*source.name);
    span::describe(&mut record, source, peer.ip(), &result);
    report(&gateway, source, &record, &result, started);
    let refused = result.as_ref().err().map(|refused| refused.reason);
    let recorded = gateway.telemetry.audit(audit::Entry {
        request: &id,
        action: if record.handshake {
            "handshake"
        } else {
            "webhook"
        },
        outcome: outcome(&result),
        who: &record.who.unwrap_or_else(|| peer.ip().to_string()),
        subject: Subject::Source(source.unwrap_or("unknown")),
        workflow: record.workflow.as_deref(),
        events: record.events,
        reason: refused,
    });
    if !recorded {
        // What was accepted stays so; the provider comes again and is told that it is a duplicate.
        return Failure::AuditAway.into_response();
    }
    let response = match result {
        Ok(done) => answer::of(done, answers),
        Err(refused) => refused.told(answers).into_response(),
    };
    traced::answered(&mut record.span, response.status(), refused);
    response
}

fn report(
    gateway: &Public,
    source: Option<&str>,
    record: &Record,
    result: &Result<Done, Refused>,
    started: Instant,
) {
    let telemetry = &gateway.telemetry;
    if record.handshake {
        let detail = result.as_ref().err().map(|refused| &*refused.detail);
        return telemetry.handshake_answered(source, outcome(result), detail);
    }
    let outcomes = match result {
        Ok(Done::One(receipt)) => vec![of_event(receipt)],
        Ok(Done::Several(receipts)) => receipts.iter().map(of_event).collect(),
        Ok(Done::Handshake(_)) => Vec::new(),
        Err(refused) => vec![of_refusal(refused)],
    };
    telemetry.webhook_answered(source, &outcomes, started.elapsed());
    if let Err(refused) = result {
        let outcome = of_refusal(refused);
        telemetry.webhook_refused(source, outcome, refused.reason, &refused.detail);
    }
}

/// Of the request: one of several events that is new makes it accepted.
fn outcome(result: &Result<Done, Refused>) -> &'static str {
    let several = |receipts: &[Receipt]| {
        let ranks = [
            WebhookOutcome::Accepted,
            WebhookOutcome::Unrouted,
            WebhookOutcome::Duplicate,
        ];
        let first = ranks
            .into_iter()
            .find(|rank| receipts.iter().any(|receipt| of_event(receipt) == *rank));
        first.unwrap_or(WebhookOutcome::Accepted)
    };
    match result {
        Ok(Done::One(receipt)) => of_event(receipt).label(),
        Ok(Done::Several(receipts)) => several(receipts).label(),
        Ok(Done::Handshake(_)) => "answered",
        Err(refused) => of_refusal(refused).label(),
    }
}

const fn of_event(receipt: &Receipt) -> WebhookOutcome {
    match receipt {
        Receipt::Accepted { .. } => WebhookOutcome::Accepted,
        Receipt::Unrouted { .. } => WebhookOutcome::Unrouted,
        Receipt::Duplicate { .. } => WebhookOutcome::Duplicate,
    }
}

fn of_refusal(refused: &Refused) -> WebhookOutcome {
    if refused.is_failure() {
        WebhookOutcome::Failed
    } else {
        WebhookOutcome::Refused
    }
}

async fn handle(
    gateway: &Public,
    plan: &Plan,
    source: Option<&Source>,
    peer: SocketAddr,
    request: Request,
    record: &mut Record,
) -> Result<Done, Refused> {
    let source = source.ok_or(Refused::new(Failure::UnknownSource, "unknown_source"))?;
    if !source.takes_from(peer.ip()) {
        return Err(Refused::new(Failure::WebhookAddress, "address"));
    }
    if !source.takes(request.method()) {
        return Err(Refused::method(source.methods()));
    }
    // Held to the end; taken before the body, which a stranger may send as slowly as the limits let him.
    let share = gateway.in_flight.share(&source.name);
    let _share = share.ok_or(Refused::new(Failure::SourceBusy, "source_busy"))?;
    let shown = stranger(gateway, source, peer, request.headers())?;
    let reading = read(gateway, source, peer, request);
    let request = stage(&record.span, "read", reading).await?;
    if let Some(reply) = verify::challenge(source, &request) {
        return shake(gateway, source, reply, record).await;
    }
    let proving = prove(gateway, source, &request, shown);
    let events = match stage(&record.span, "verify", proving).await? {
        Arrived::Handshake(reply) => return shake(gateway, source, reply, record).await,
        Arrived::One(event) => vec![*event],
        Arrived::Several(events) => {
            record.events = Some(events.len());
            events
        }
    };
    gateway
        .rates
        .event(source, Instant::now())
        .map_err(|limit| Refused::too_often(Failure::SourceRate, "rate", limit))?;
    let mut receipts = accept(gateway, plan, source, events, record).await?;
    Ok(match (record.events, receipts.pop()) {
        (None, Some(receipt)) => Done::One(receipt),
        (_, last) => {
            receipts.extend(last);
            Done::Several(receipts)
        }
    })
}

/// Routes the events and keeps them, all or none.
async fn accept(
    gateway: &Public,
    plan: &Plan,
    source: &Source,
    events: Vec<Event>,
    record: &mut Record,
) -> Result<Vec<Receipt>, Refused> {
    let speaker = events.first().and_then(|event| source.speaker(event));
    record.who = speaker.as_ref().map(Speaker::to_string);
    let roles = speaker.map_or_else(Vec::new, |speaker| speaker.roles);
    let trace = record.span.context();
    let routing = async { route(plan, events, &roles, trace) };
    let acceptances = stage(&record.span, "route", routing).await?;
    let all = || acceptances.iter().flat_map(|it| &it.deliveries);
    record.fill(all());
    if acceptances.len() > 1 && all().count() > MAX_DELIVERIES {
        return Err(Refused::new(Failure::NoItems, "too_many_deliveries"));
    }
    if source.refuse_unrouted && !acceptances.is_empty() && all().next().is_none() {
        return Err(Refused::new(Failure::UnroutedRefused, "unrouted"));
    }
    let ended: Vec<_> = acceptances
        .iter()
        .map(|it| ended_at_birth(&it.deliveries))
        .collect();
    let keeping = async { Ok(gateway.inbox.accept_all(acceptances).await?) };
    let receipts = stage(&record.span, "accept", keeping).await?;
    for (receipt, ended) in receipts.iter().zip(&ended) {
        if matches!(receipt, Receipt::Accepted { .. }) {
            for delivery in ended {
                gateway.telemetry.delivery_settled_at_birth(delivery);
            }
        }
    }
    Ok(receipts)
}

/// All of them belong to the trace of the request.
fn route(
    plan: &Plan,
    events: Vec<Event>,
    roles: &[String],
    trace: Option<TraceContext>,
) -> Result<Vec<Acceptance>, Refused> {
    let mut acceptances = Vec::with_capacity(events.len());
    for event in events {
        let mut deliveries = plan.routes.resolve(&event, roles)?;
        for delivery in &mut deliveries {
            delivery.trace = trace;
        }
        acceptances.push(Acceptance { event, deliveries });
    }
    Ok(acceptances)
}

/// Does what the answer to a handshake promises; it never becomes an event.
async fn shake(
    gateway: &Public,
    source: &Source,
    reply: Result<Reply, Unanswered>,
    record: &mut Record,
) -> Result<Done, Refused> {
    record.handshake = true;
    let handshakes = &gateway.handshakes;
    let reply = match reply? {
        Reply::Confirm { url } => {
            handshakes.confirm(&url).await?;
            Reply::ok()
        }
        Reply::Adopt { secret, file } => {
            let echo = String::from_utf8_lossy(secret.expose()).into_owned();
            let plan = &gateway.plan;
            handshakes.adopt(plan, &source.name, secret, file).await?;
            Reply::with(vec![("x-hook-secret", echo)])
        }
        other => other,
    };
    Ok(Done::Handshake(reply))
}

/// Those that will never be attempted, so that nobody but us can report them.
fn ended_at_birth(deliveries: &[Delivery]) -> Vec<Delivery> {
    let ended = |delivery: &&Delivery| delivery.state != State::Pending;
    deliveries.iter().filter(ended).cloned().collect()
}

impl Record {
    fn fill<'d>(&mut self, deliveries: impl Iterator<Item = &'d Delivery>) {
        let mut workflows = deliveries.map(|delivery| &delivery.target.workflow);
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
) -> Result<Arrived, Refused> {
    let proof = || verify::receive(source, request, clock::now());
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
