//! The ops listener: alive, ready, metrics, and where a webhook went.
//!
//! Everything under `/v1` is guarded (`guard.rs`). `/ready` says no when the store cannot promise; Temporal
//! being away does not make it say no, because events are still kept.

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, middleware};
use axum::{Router, routing::get};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::Failure;
use super::record::{self, Shown};
use super::{Ops, guard};
use crate::clock::{self, Timestamp};
use crate::duration;
use crate::event::{EventId, State as DeliveryState};
use crate::inbox::{EventFilter, EventState};
use crate::telemetry::METRICS_MEDIA_TYPE;
use crate::telemetry::report::InboxNumbers;

/// The default and the largest page of a list.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

pub(super) fn router(ops: Ops) -> Router {
    let guarded = Router::new()
        .route("/v1/events", get(events))
        .route("/v1/events/{id}", get(event))
        .route("/v1/config", get(config))
        .route_layer(middleware::from_fn_with_state(ops.clone(), guard::check));
    Router::new()
        .route("/live", get(|| async { "alive\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .merge(guarded)
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
            "config": config_state(&ops),
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
    Json(config_state(&ops))
}

fn config_state(ops: &Ops) -> Value {
    let state = ops.plan.status();
    json!({
        "ok": state.last_problem.is_none(),
        "digest": state.digest,
        "generation": state.generation,
        "loaded_at": state.loaded_at.to_rfc3339(),
        "last_problem": state.last_problem,
    })
}

async fn events(State(ops): State<Ops>, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let filter = filter(query.as_deref().unwrap_or_default(), clock::now())?;
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
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let id: EventId = id.parse().map_err(|_| Failure::OpsNotFound)?;
    let mut with_body = false;
    for (name, value) in form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        match (&*name, &*value) {
            ("body", "true") => with_body = true,
            ("body", "false") => with_body = false,
            _ => return Err(Failure::OpsParameter),
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

/// Reads the list's parameters; a bad or unknown one is named.
fn filter(query: &str, now: Timestamp) -> Result<EventFilter, Failure> {
    let mut filter = EventFilter {
        limit: PAGE,
        ..EventFilter::default()
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let text = || Some(value.clone().into_owned());
        match &*name {
            "source" => filter.source = text(),
            "type" => filter.kind = text(),
            "key" => filter.key = text(),
            "workflow" => filter.workflow = text(),
            "route" => filter.route = text(),
            "cursor" => filter.cursor = text(),
            "state" => filter.state = Some(state(&value).ok_or(Failure::OpsParameter)?),
            "since" => filter.since = Some(moment(&value, now).ok_or(Failure::OpsParameter)?),
            "until" => filter.until = Some(moment(&value, now).ok_or(Failure::OpsParameter)?),
            "limit" => {
                filter.limit = value
                    .parse()
                    .ok()
                    .filter(|n| (1..=MAX_PAGE).contains(n))
                    .ok_or(Failure::OpsParameter)?;
            }
            _ => return Err(Failure::OpsParameter),
        }
    }
    Ok(filter)
}

fn state(text: &str) -> Option<EventState> {
    if text == "unrouted" {
        return Some(EventState::Unrouted);
    }
    DeliveryState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .map(EventState::Of)
}

/// RFC 3339, or an age such as `1h`.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| duration::parse(text).ok().map(|age| now.minus(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_read() {
        let now = Timestamp::from_seconds(10_000);
        let filter = filter(
            "source=s&type=t&key=k&workflow=w%201&route=r&state=parked&since=1h&limit=7&cursor=c",
            now,
        )
        .expect("a good filter");
        assert_eq!(filter.workflow.as_deref(), Some("w 1"));
        assert_eq!(filter.state, Some(EventState::Of(DeliveryState::Parked)));
        assert_eq!(filter.since, Some(Timestamp::from_seconds(6_400)));
        assert_eq!(filter.limit, 7);
    }

    #[test]
    fn bad_and_unknown_parameters_are_refused() {
        let now = Timestamp::from_seconds(10_000);
        for bad in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "state=done",
            "since=5",
            "color=red",
        ] {
            assert!(filter(bad, now).is_err(), "{bad}");
        }
    }
}
