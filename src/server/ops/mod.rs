//! The ops listener: alive, ready, metrics, where a webhook went, and what to do about it.
//!
//! Everything under `/v1` is guarded (`guard`), the rest is closed to browsers; what does not succeed is a
//! [`refusal`].
//! `/ready` says no when the store cannot promise; Temporal being away does not make it say no,
//! because events are still kept. An audit file that cannot be written makes it say no where it is required.

mod actions;
mod bulk;
mod config;
mod deliveries;
mod events;
mod filter;
mod handshake;
mod input;
mod proof;
mod refusal;
mod standing;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;

use super::error::Failure;
use super::{Ops, guard};
use crate::clock;
use crate::telemetry::METRICS_MEDIA_TYPE;
use crate::telemetry::report::InboxNumbers;

pub(super) fn router(ops: Ops) -> Router {
    let guarded = Router::new()
        .route("/v1/events", get(events::list))
        .route("/v1/events/replay", post(bulk::replay))
        .route("/v1/events/{id}", get(events::one))
        .route("/v1/events/{id}/replay", post(actions::replay))
        .route("/v1/events/{id}/erase", post(actions::erase))
        .route("/v1/deliveries", get(deliveries::list))
        .route("/v1/deliveries/retry", post(bulk::retry))
        .route("/v1/deliveries/drop", post(bulk::drop))
        .route("/v1/deliveries/{id}/retry", post(actions::retry))
        .route("/v1/deliveries/{id}/drop", post(actions::drop))
        .route("/v1/sources/{name}/handshake", post(handshake::open))
        .route("/v1/config", get(config::show))
        .route("/v1/config/reload", post(config::reload))
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
    let audit = ops.telemetry.audit_standing();
    let refusing = audit.broken && audit.required;
    let ready = store.trouble.is_none() && !refusing && !draining;
    let body = json!({
        "ready": ready,
        "draining": draining,
        "checks": {
            "store": standing::store(&store),
            "temporal": { "ok": temporal.connected, "trouble": temporal.trouble, "server_version": temporal.server_version },
            "audit": { "ok": audit.trouble.is_none(), "required": audit.required, "trouble": audit.trouble },
            "config": config::public(&ops.plan.status()),
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
    let store = standing::counted(&ops.inbox).await;
    standing::report_shared(&ops.telemetry, &store);
    ops.telemetry.set_inbox(&InboxNumbers {
        pending: store.pending,
        parked: store.parked,
        delivered: store.delivered,
        dropped: store.dropped,
        oldest: store
            .oldest_pending
            .map(|at| clock::now().since(at))
            .unwrap_or_default(),
        bytes: store.bytes,
        overdue: store.overdue.events,
        round_trip: store.round_trip,
    });
    (
        [(header::CONTENT_TYPE, METRICS_MEDIA_TYPE)],
        ops.telemetry.render(),
    )
        .into_response()
}
