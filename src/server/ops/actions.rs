//! What an operator does about one delivery or one event. Each is on record, done or refused.

use std::collections::HashSet;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::super::Ops;
use super::super::error::Failure;
use super::super::guard::{Caller, Deed};
use super::super::record;
use super::input::{self, Input, Noted};
use super::refusal::Refusal;
use crate::clock;
use crate::event::{Delivery, DeliveryId, EventId, Reason, State as DeliveryState};
use crate::inbox::{ActionError, Note};
use crate::routing;
use crate::telemetry::audit::Subject;

/// What can be done about an unfinished delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Retry,
    Drop,
}

impl Verb {
    pub(super) const fn action(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Drop => "drop",
        }
    }

    pub(super) async fn apply(
        self,
        ops: &Ops,
        id: DeliveryId,
        note: Note,
    ) -> Result<Delivery, ActionError> {
        match self {
            Self::Retry => ops.inbox.retry(id, note).await,
            Self::Drop => {
                let delivery = ops.inbox.drop_delivery(id, note).await?;
                let reason = Reason::OperatorDropped;
                ops.telemetry.delivery_dropped(&delivery, reason, "");
                Ok(delivery)
            }
        }
    }
}

pub(super) async fn retry(
    State(ops): State<Ops>,
    path: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    on_delivery(&ops, &caller, Verb::Retry, path, request).await
}

pub(super) async fn drop(
    State(ops): State<Ops>,
    path: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    on_delivery(&ops, &caller, Verb::Drop, path, request).await
}

async fn on_delivery(
    ops: &Ops,
    caller: &Caller,
    verb: Verb,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let id: DeliveryId = input::id(path)?;
    let mut text = None;
    let result = async {
        let note = input::note(caller, input::read::<Noted>(request).await?.note)?;
        text.clone_from(&note.text);
        Ok(verb.apply(ops, id, note).await?)
    };
    let result: Result<Delivery, Refusal> = result.await;
    let workflow = result.as_ref().ok().map(|d| d.target.workflow.as_str());
    let subject = id.to_string();
    let deed = deed(
        verb.action(),
        Subject::Delivery(&subject),
        &result,
        text.as_deref(),
    );
    caller.did(&ops.telemetry, Deed { workflow, ..deed });
    result.map(|delivery| Json(record::delivery(&delivery)).into_response())
}

/// What `replay` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    #[serde(default)]
    again: bool,
    note: Option<String>,
}

impl Input for Replay {
    const MEMBERS: &str = "again (true or false), note (text)";
}

pub(super) async fn replay(
    State(ops): State<Ops>,
    path: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let id: EventId = input::id(path)?;
    let mut text = None;
    let result = async {
        let asked = input::read::<Replay>(request).await?;
        let note = input::note(&caller, asked.note)?;
        text.clone_from(&note.text);
        replay_event(&ops, id, asked.again, note).await
    };
    let result: Result<Vec<Delivery>, Refusal> = result.await;
    let subject = id.to_string();
    let deed = deed("replay", Subject::Event(&subject), &result, text.as_deref());
    caller.did(&ops.telemetry, deed);
    let deliveries = result?;
    let shown: Vec<_> = deliveries.iter().map(record::delivery).collect();
    Ok(Json(json!({ "event": subject, "deliveries": shown })).into_response())
}

/// Routes the stored event by the plan of now. `again`: what was delivered is delivered once more, under request ids
/// that Temporal has not seen.
pub(super) async fn replay_event(
    ops: &Ops,
    id: EventId,
    again: bool,
    note: Note,
) -> Result<Vec<Delivery>, Refusal> {
    let found = ops.inbox.event(id).await?.ok_or(Failure::OpsNotFound)?;
    if found.erased_at.is_some() {
        return Err(Failure::EventErased.into());
    }
    let mut deliveries = ops.plan.current().route_kept(&found.event);
    // What is sent anew is still because of that webhook.
    let trace = found.deliveries.iter().find_map(|known| known.trace);
    for delivery in &mut deliveries {
        delivery.trace = trace;
    }
    if again {
        let nonce = clock::now().uuid().to_string();
        for delivery in &mut deliveries {
            delivery.request_id = routing::renewed(&delivery.request_id, &nonce);
        }
    }
    let fresh: HashSet<DeliveryId> = deliveries.iter().map(|delivery| delivery.id).collect();
    let unfinished: HashSet<DeliveryId> = found
        .deliveries
        .iter()
        .filter(|delivery| {
            matches!(
                delivery.state,
                DeliveryState::Pending | DeliveryState::Parked
            )
        })
        .map(|delivery| delivery.id)
        .collect();
    let deliveries = ops.inbox.replay(id, deliveries, again, note).await?;
    for delivery in &deliveries {
        if fresh.contains(&delivery.id) {
            ops.telemetry.delivery_settled_at_birth(delivery);
        } else if unfinished.contains(&delivery.id) && delivery.state == DeliveryState::Dropped {
            let reason = Reason::Superseded;
            ops.telemetry.delivery_dropped(delivery, reason, "");
        }
    }
    Ok(deliveries)
}

/// Body and headers for good; what became of the event stays.
pub(super) async fn erase(
    State(ops): State<Ops>,
    path: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let id: EventId = input::id(path)?;
    let mut text = None;
    let result = async {
        let note = input::note(&caller, input::read::<Noted>(request).await?.note)?;
        text = note.text;
        ops.inbox.erase(id).await?;
        Ok(ops.inbox.event(id).await?.ok_or(Failure::OpsNotFound)?)
    };
    let result: Result<_, Refusal> = result.await;
    let subject = id.to_string();
    let deed = deed("erase", Subject::Event(&subject), &result, text.as_deref());
    caller.did(&ops.telemetry, deed);
    result.map(|found| Json(record::event(&found)).into_response())
}

/// For the record: the note of what was done, the code of what was not.
pub(super) fn deed<'a, T>(
    action: &'static str,
    subject: Subject<'a>,
    result: &Result<T, Refusal>,
    note: Option<&'a str>,
) -> Deed<'a> {
    Deed {
        action,
        outcome: if result.is_ok() { "done" } else { "refused" },
        subject,
        workflow: None,
        reason: match result {
            Ok(_) => note,
            Err(refusal) => Some(refusal.code()),
        },
    }
}
