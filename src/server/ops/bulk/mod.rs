//! The same actions on everything that a filter fits: counted first, paced, and gone on with by a cursor.
//!
//! A request does a part of the work and says where the next one goes on. What has been done stays done:
//! the same request without a cursor counts and does what is left. Deliveries and events go oldest
//! first, so that they leave in the order in which they came.

mod deliveries;
mod events;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::Ops;
use super::super::error::Failure;
use super::super::guard::{Caller, Deed};
use super::actions::Verb;
use super::input::Input;
use super::refusal::Refusal;
use crate::clock::{self, Timestamp};
use crate::inbox;
use crate::telemetry::audit::Subject;

/// At most 500 actions a second: acceptance has the store first.
const PACE: Duration = Duration::from_millis(2);
/// A request ends at the page in which it has done so many, or taken so long.
const MAX_ACTIONS: u64 = 1000;
const MAX_TIME: Duration = Duration::from_secs(10);
const PAGE: usize = 100;

/// A bulk action. `cursor` is the `next` of the answer before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    filter: BTreeMap<String, String>,
    expect_count: Option<u64>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    again: bool,
    note: Option<String>,
    cursor: Option<String>,
}

impl Input for Bulk {
    const MEMBERS: &str = "filter (an object of texts), expect_count (a number), \
                           dry_run (true or false), again (true or false, replay only), \
                           note (text), cursor (text)";
}

/// How far it has come.
#[derive(Debug)]
struct Progress {
    done: u64,
    /// Settled, in flight or gone in the meantime.
    skipped: u64,
    next: Option<String>,
}

/// Where a bulk action goes on, and up to when it looks: what came after the count is not meant.
#[derive(Debug)]
struct Cursor {
    until: Timestamp,
    /// The inbox's own.
    inner: Option<String>,
}

impl Cursor {
    fn read(text: Option<&str>, until: Option<Timestamp>) -> Result<Self, Refusal> {
        let Some(text) = text else {
            let until = until.unwrap_or_else(clock::now);
            return Ok(Self { until, inner: None });
        };
        let parts = text.split_once('.');
        let parsed = parts.and_then(|(until, inner)| Some((until.parse().ok()?, inner)));
        let (millis, inner) = parsed.ok_or_else(|| Refusal::from(inbox::Error::Cursor))?;
        Ok(Self {
            until: Timestamp::from_millis(millis),
            inner: Some(inner.to_owned()),
        })
    }

    fn write(&self, inner: &str) -> String {
        format!("{}.{inner}", self.until.millis())
    }
}

/// Paces the actions of one request and says when it has done its part.
struct Part {
    ticks: Interval,
    started: Instant,
    taken: u64,
}

impl Part {
    fn begin() -> Self {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ticks,
            started: Instant::now(),
            taken: 0,
        }
    }

    async fn step(&mut self) {
        self.ticks.tick().await;
        self.taken += 1;
    }

    fn is_over(&self) -> bool {
        self.taken >= MAX_ACTIONS || self.started.elapsed() >= MAX_TIME
    }
}

pub(super) async fn retry(
    State(ops): State<Ops>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let result = deliveries::act(&ops, &caller, Verb::Retry, request).await;
    concluded(&ops, &caller, "retry", result)
}

pub(super) async fn drop(
    State(ops): State<Ops>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let result = deliveries::act(&ops, &caller, Verb::Drop, request).await;
    concluded(&ops, &caller, "drop", result)
}

pub(super) async fn replay(
    State(ops): State<Ops>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let result = events::replay(&ops, &caller, request).await;
    concluded(&ops, &caller, "replay", result)
}

/// Each single action is on record by itself; the request as a whole only where it was refused.
fn concluded(
    ops: &Ops,
    caller: &Caller,
    action: &'static str,
    result: Result<Response, Refusal>,
) -> Result<Response, Refusal> {
    if let Err(refusal) = &result {
        let deed = Deed {
            action,
            outcome: "refused",
            subject: Subject::Process {},
            workflow: None,
            reason: Some(refusal.code()),
        };
        caller.did(&ops.telemetry, deed);
    }
    result
}

/// A bulk action on everything that there is is never meant.
fn narrowing(bulk: &Bulk) -> Result<&BTreeMap<String, String>, Refusal> {
    if bulk.filter.is_empty() {
        return Err(Refusal::parameter("`filter` has at least one member."));
    }
    Ok(&bulk.filter)
}

/// The answer, where it is the count alone; or that another was expected.
fn counted(bulk: &Bulk, count: u64) -> Result<Option<Response>, Refusal> {
    if bulk.dry_run {
        return Ok(Some(Json(json!({ "count": count })).into_response()));
    }
    match bulk.expect_count {
        Some(expected) if expected == count => Ok(None),
        Some(_) => Err(Refusal::new(Failure::CountDiffers).with("count", json!(count))),
        None => Err(Refusal::parameter(
            "`expect_count` is the number that the filter fits; dry_run tells it.",
        )),
    }
}

/// Something that has changed since it was listed is passed over; a store that fails ends the request.
fn went_well(result: Result<(), Refusal>) -> Result<bool, Refusal> {
    match result {
        Ok(()) => Ok(true),
        Err(refusal) if refusal.is_of_the_subject() => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

fn shown(progress: &Progress) -> Response {
    Json(json!({
        "done": progress.done,
        "skipped": progress.skipped,
        "next": progress.next,
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_keeps_its_limit_in_time() {
        let until = Timestamp::from_millis(1_785_585_600_123);
        let text = Cursor { until, inner: None }.write("0a.b");
        let read = Cursor::read(Some(&text), None).unwrap();
        assert_eq!((read.until, read.inner.as_deref()), (until, Some("0a.b")));
        for bad in ["", "0a", "x.0a"] {
            assert!(Cursor::read(Some(bad), None).is_err(), "{bad}");
        }
    }
}
