//! `GET /v1/events` and one of them: where a webhook went.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;

use super::super::Ops;
use super::super::error::Failure;
use super::super::guard::{Caller, Deed};
use super::super::record::{self, Shown};
use super::filter::{self, Paging};
use super::refusal::Refusal;
use super::{input, proof};
use crate::clock;
use crate::event::EventId;
use crate::telemetry::audit::Subject;

/// A page of a list; `next` leads on to the following one.
#[derive(Serialize)]
struct List<'a> {
    events: Vec<Shown<'a>>,
    next: Option<&'a str>,
}

pub(super) async fn list(
    State(ops): State<Ops>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let filter = filter::events(pairs, Paging::Allowed, clock::now())?;
    let page = ops.inbox.events(filter).await?;
    let list = List {
        events: page.events.iter().map(record::event).collect(),
        next: page.next.as_deref(),
    };
    Ok(Json(list).into_response())
}

const WANTED: &str = "The parameters are body and proof, each true or false.";

/// What is wanted beside the event itself.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    body: bool,
    proof: bool,
}

/// One event. Who saw its body is on record.
pub(super) async fn one(
    State(ops): State<Ops>,
    path: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let wanted = wanted(query.as_deref().unwrap_or_default())?;
    let id: EventId = input::id(path)?;
    let found = ops.inbox.event(id).await?.ok_or(Failure::OpsNotFound)?;
    let shown = if wanted.body {
        let deed = Deed {
            action: "body",
            outcome: "done",
            subject: Subject::Event(&id.to_string()),
            workflow: None,
            reason: None,
        };
        if !caller.did(&ops.telemetry, deed) {
            return Err(Failure::AuditAway.into());
        }
        record::event_with_body(&found)
    } else {
        record::event(&found)
    };
    let shown = if wanted.proof {
        shown.proven(proof::of(&ops, &found).await)
    } else {
        shown
    };
    Ok(Json(shown).into_response())
}

fn wanted(query: &str) -> Result<Wanted, Refusal> {
    let mut wanted = Wanted::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let part = match &*name {
            "body" => &mut wanted.body,
            "proof" => &mut wanted.proof,
            _ => return Err(Refusal::parameter(WANTED)),
        };
        *part = value.parse().map_err(|_| Refusal::parameter(WANTED))?;
    }
    Ok(wanted)
}
