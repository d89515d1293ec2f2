//! `POST /v1/sources/{name}/handshake`: an operator expects a provider that hands its secret over.
//!
//! Only for a source that has no secret yet, and for minutes: whoever comes first in that time is believed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::super::Ops;
use super::super::error::Failure;
use super::super::guard::Caller;
use super::actions;
use super::input::{self, Input};
use super::refusal::Refusal;
use crate::clock::{self, Timestamp};
use crate::duration;
use crate::telemetry::audit::Subject;

const DEFAULT: Duration = Duration::from_mins(10);
const LONGEST: Duration = Duration::from_hours(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    r#for: Option<String>,
    note: Option<String>,
}

impl Input for Window {
    const MEMBERS: &str = "for (a duration up to 1h), note (text)";
}

pub(super) async fn open(
    State(ops): State<Ops>,
    path: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let Ok(Path(name)) = path else {
        return Err(Failure::OpsNotFound.into());
    };
    let mut text = None;
    let result = async {
        let window = input::read::<Window>(request).await?;
        text.clone_from(&input::note(&caller, window.note)?.text);
        until(&ops, &name, window.r#for.as_deref())
    };
    let result: Result<Timestamp, Refusal> = result.await;
    let known = ops.plan.current().sources.contains_key(&*name);
    let subject = Subject::Source(if known { &name } else { "unknown" });
    let deed = actions::deed("handshake", subject, &result, text.as_deref());
    if !caller.did(&ops.telemetry, deed) {
        return Err(Failure::AuditAway.into());
    }
    let until = result?.to_rfc3339();
    Ok(Json(json!({ "source": name, "open_until": until })).into_response())
}

fn until(ops: &Ops, name: &str, span: Option<&str>) -> Result<Timestamp, Refusal> {
    let plan = ops.plan.current();
    let source = plan.sources.get(name).ok_or(Failure::OpsNotFound)?;
    let responder = source.handshake.as_ref();
    if responder.is_none_or(|responder| responder.vacant.is_none()) {
        return Err(Refusal::new(Failure::NothingAwaited)
            .saying("It has its secret, or its provider hands none over."));
    }
    let span = match span.map(duration::parse) {
        None => DEFAULT,
        Some(Ok(span)) if span <= LONGEST => span,
        Some(_) => {
            return Err(Refusal::parameter(
                "`for` is a duration of at most 1h, as 10m.",
            ));
        }
    };
    ops.handshakes
        .open(&Arc::clone(&source.name), Instant::now() + span);
    Ok(clock::now().plus(span))
}
