//! The routing file that is served: what it is, and reading it anew.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Ops;
use super::super::error::Failure;
use super::super::guard::{Caller, Deed};
use super::input::{self, Input};
use super::refusal::Refusal;
use crate::config::Status;
use crate::inbox::{Replica, Shared};
use crate::telemetry::audit::Subject;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Input for Nothing {
    const MEMBERS: &str = "nothing";
}

pub(super) async fn show(State(ops): State<Ops>) -> Json<Value> {
    let mut shown = whole(&ops.plan.status());
    if let Some(shared) = ops.inbox.stats().shared {
        add_replicas(&mut shown, &shared);
    }
    Json(shown)
}

/// Where replicas share a store: what each of them serves, as of its last sign of life, and whether that is the same.
fn add_replicas(shown: &mut Value, shared: &Shared) {
    let digest = |replica: &Replica| replica.about["config"].clone();
    let first = shared.replicas.first().map(digest);
    let agree = shared.replicas.iter().all(|it| Some(digest(it)) == first);
    let replicas = shared.replicas.iter().map(|replica| {
        json!({
            "id": replica.id,
            "host": replica.about["host"],
            "digest": digest(replica),
            "seen": replica.seen.to_rfc3339(),
        })
    });
    shown["replicas"] = replicas.collect();
    shown["replicas_agree"] = json!(agree);
}

/// As far as anybody may know who can reach the listener: a problem quotes lines of the routing file, and
/// `/ready` asks nobody for a token.
pub(super) fn public(status: &Status) -> Value {
    json!({
        "ok": status.last_problem.is_none(),
        "digest": status.digest,
        "generation": status.generation,
        "loaded_at": status.loaded_at.to_rfc3339(),
    })
}

fn whole(status: &Status) -> Value {
    let mut shown = public(status);
    shown["last_problem"] = json!(status.last_problem);
    shown["last_change"] = json!(status.last_change);
    shown
}

/// Reads the file now. Refused, the plan before stays (P8) and every problem is in the answer.
pub(super) async fn reload(
    State(ops): State<Ops>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let reloaded = match input::read::<Nothing>(request).await {
        Ok(Nothing {}) => reload_now(&ops).await,
        Err(refusal) => Err(refusal),
    };
    let deed = Deed {
        action: "reload",
        outcome: if reloaded.is_ok() { "done" } else { "refused" },
        subject: Subject::Process {},
        workflow: None,
        reason: reloaded.as_ref().err().map(Refusal::code),
    };
    caller.did(&ops.telemetry, deed);
    reloaded.map(Json)
}

async fn reload_now(ops: &Ops) -> Result<Value, Refusal> {
    let plan = Arc::clone(&ops.plan);
    let read = tokio::task::spawn_blocking(move || plan.reload());
    match read.await.map_err(|_| Failure::Internal)? {
        Ok(warnings) => {
            let mut answer = whole(&ops.plan.status());
            answer["warnings"] = json!(warnings);
            Ok(answer)
        }
        Err(problems) => {
            Err(Refusal::new(Failure::ConfigRefused).with("problems", json!(problems)))
        }
    }
}
