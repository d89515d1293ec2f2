//! The ops listener: alive, ready, metrics, and where a webhook went.
//!
//! Everything under `/v1` is guarded, the rest is closed to browsers (`guard.rs`). `/ready` says no when the store cannot promise; Temporal
//! being away does not make it say no, because events are still kept.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, middleware};
use axum::{Router, routing::get};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::Failure;
use super::filter::{self, BadParameter, Refusal};
use super::record::{self, Shown};
use super::{Ops, guard};
use crate::clock;
use crate::config::Status;
use crate::event::EventId;
use crate::telemetry::METRICS_MEDIA_TYPE;
use crate::telemetry::report::InboxNumbers;

pub(super) fn router(ops: Ops) -> Router {
    let guarded = Router::new()
        .route("/v1/events", get(events))
        .route("/v1/events/{id}", get(event))
        .route("/v1/config", get(config))
        .route_layer(middleware::from_fn_with_state(ops.clone(), guard::check));
    let open = Router::new()
        .route("/live", get(|| async { "alive\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route_layer(middleware::from_fn_with_state(
            ops.clone(),
            guard::no_browser,
        ));
    open.merge(guarded)
        .fallback(|| async { Failure::OpsNotFound })
        .method_not_allowed_fallback(|| async { Failure::OpsMethod })
        .with_state(ops)
}

async fn ready(State(ops): State<Ops>) -> Response {
    let (store, temporal) = (ops.inbox.stats(), ops.temporal.status());
    let draining = ops.draining.load(std::sync::atomic::Ordering::Relaxed);
    let ready = store.trouble.is_none() && !draining;
    let body = json!({
        "ready": ready,
        "draining": draining,
        "checks": {
            "store": { "ok": store.trouble.is_none(), "trouble": store.trouble, "pending": store.pending, "parked": store.parked, "bytes": store.bytes },
            "temporal": { "ok": temporal.connected, "trouble": temporal.trouble, "server_version": temporal.server_version },
            "config": config_state(&ops.plan.status()),
        }
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let store = ops.inbox.stats();
    ops.telemetry.set_inbox(&InboxNumbers {
        pending: store.pending,
        parked: store.parked,
        delivered: store.delivered,
        dropped: store.dropped,
        oldest: store
            .oldest_pending
            .map(|at| clock::now().since(at))
            .unwrap_or_default(),
        overdue: store.overdue.events,
        bytes: store.bytes,
    });
    (
        [(header::CONTENT_TYPE, METRICS_MEDIA_TYPE)],
        ops.telemetry.render(),
    )
        .into_response()
}

async fn config(State(ops): State<Ops>) -> Json<Value> {
    let status = ops.plan.status();
    let mut shown = config_state(&status);
    shown["last_problem"] = json!(status.last_problem);
    Json(shown)
}

/// As far as anybody may know who can reach the listener: a problem quotes lines of the routing file, and
/// `/ready` asks nobody for a token.
fn config_state(status: &Status) -> Value {
    json!({
        "ok": status.last_problem.is_none(),
        "digest": status.digest,
        "generation": status.generation,
        "loaded_at": status.loaded_at.to_rfc3339(),
    })
}

async fn events(State(ops): State<Ops>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let filter = filter::read(query.as_deref().unwrap_or_default(), clock::now())?;
    let page = ops.inbox.events(filter).await?;
    let list = List {
        events: page.events.iter().map(record::event).collect(),
        next: page.next.as_deref(),
    };
    Ok(Json(list).into_response())
}

/// A page of a list; `next` leads on to the following one.
#[derive(Serialize)]
struct List<'a> {
    events: Vec<Shown<'a>>,
    next: Option<&'a str>,
}

async fn event(
    State(ops): State<Ops>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let id = id.ok().and_then(|Path(id)| id.parse::<EventId>().ok());
    let id = id.ok_or(Failure::OpsNotFound)?;
    let mut with_body = false;
    for (name, value) in form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        match (&*name, &*value) {
            ("body", "true") => with_body = true,
            ("body", "false") => with_body = false,
            _ => return Err(BadParameter("allowed is body=true or body=false").into()),
        }
    }
    let found = ops.inbox.event(id).await?.ok_or(Failure::OpsNotFound)?;
    let shown = if with_body {
        record::event_with_body(&found)
    } else {
        record::event(&found)
    };
    Ok(Json(shown).into_response())
}
