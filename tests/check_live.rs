//! `check --live` against a real Temporal: workflows that list their handlers, that do not, and none at all.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::devserver::Observer;
use crate::support::eventually;
use crate::support::handworker::HandWorker;
use crate::support::workflows::{Workflows, unique};

/// A route by the beginning of its workflows' ids, one by the type that it starts, and a query.
fn routes(prefix: &str, workflow_type: &str) -> String {
    format!(
        r#"
[sources.shop]
provider = "stripe"
secrets = ["env:SECRET"]

[[routes]]
name = "by-id"
source = "shop"
workflow = "{prefix}-${{body.id}}"
signal = "payment_received"

[[routes]]
name = "by-type"
source = "shop"
workflow = "start-${{body.id}}"
signal = "refunded"
missing = {{ start = {{ type = "{workflow_type}", task_queue = "q" }} }}

[[queries]]
name = "status"
path = "/orders/{{id}}/status"
workflow = "{prefix}-${{path.id}}"
query = "get_status"
issuer = "keys"
allow = ["*"]

[keys.robot]
hash = "sha256:{}"
"#,
        "0".repeat(64)
    )
}

async fn check(folder: &Path, temporal: &str, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_signalpost"))
        .arg("check")
        .arg(folder.join("routes.toml"))
        .args(["--live", "-o", "json"])
        .args(flags)
        .env("TEMPORAL_ADDRESS", temporal)
        .output()
        .await
        .expect("the binary runs")
}

fn live(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    json["live"].as_array().expect("live").clone()
}

fn verdict<'f>(found: &'f [Value], rule: &str) -> &'f str {
    let of_rule = found.iter().find(|it| it["rule"] == rule);
    of_rule.expect("the rule")["verdict"]
        .as_str()
        .expect("a verdict")
}

fn folder(routes: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("routes.toml"), routes).expect("routes.toml");
    folder
}

#[tokio::test]
async fn a_workflow_that_lists_its_handlers_has_them_or_not() {
    let workflows = Workflows::connect().await;
    let observer = Observer::new().await;
    let (prefix, kind) = (unique("live"), unique("Type"));
    let worker = HandWorker::new(workflows.address(), &unique("queue")).await;
    let workflow = format!("{prefix}-1");
    observer
        .start_on(worker.task_queue(), &kind, &workflow, None)
        .await;
    worker.proceed().await;
    let folder = folder(&routes(&prefix, &kind));
    let metadata = r#"{"definition":{"type":"Order","signalDefinitions":[{"name":"payment_received"}],"queryDefinitions":[{"name":"get_status"}]}}"#;
    let asked = async {
        eventually("visibility knows the workflow", async || {
            let found = live(&check(folder.path(), workflows.address(), &[]).await);
            found.iter().all(|it| it["workflow"] == *workflow)
        })
        .await;
        check(folder.path(), workflows.address(), &[]).await
    };
    let output = tokio::select! {
        output = asked => output,
        () = worker.answer_queries(metadata) => unreachable!("it answers for ever"),
    };
    let found = live(&output);
    assert_eq!(found[0]["kind"], "signal");
    assert_eq!(found[0]["signal"], "payment_received");
    assert_eq!(verdict(&found, "by-id"), "present");
    assert_eq!(verdict(&found, "by-type"), "absent");
    assert_eq!(verdict(&found, "status"), "present");
    assert_eq!(output.status.code(), Some(1), "absent is an error");
}

#[tokio::test]
async fn what_nobody_can_tell_is_a_note() {
    let workflows = Workflows::connect().await;
    let none = folder(&routes(&unique("nobody"), &unique("Nothing")));
    let output = check(none.path(), workflows.address(), &[]).await;
    let found = live(&output);
    assert_eq!(found.len(), 3);
    for finding in &found {
        assert_eq!(finding["verdict"], "unknown");
        assert_eq!(finding["workflow"], json!(null));
        assert_eq!(finding["why"], "no workflow that it could reach is running");
    }
    assert_eq!(output.status.code(), Some(0));
    let output = check(none.path(), workflows.address(), &["--deny-warnings"]).await;
    assert_eq!(output.status.code(), Some(1));

    // Nobody polls for this one.
    let prefix = unique("alone");
    workflows.start(&format!("{prefix}-1")).await;
    let alone = folder(&routes(&prefix, &unique("Nothing")));
    eventually("visibility knows the workflow", async || {
        let output = check(alone.path(), workflows.address(), &[]).await;
        let found = live(&output);
        assert_eq!(verdict(&found, "by-id"), "unknown");
        assert_eq!(output.status.code(), Some(0));
        found[0]["workflow"] == format!("{prefix}-1")
    })
    .await;
}

#[tokio::test]
async fn a_worker_whose_sdk_lists_no_handlers_leaves_it_unknown() {
    let workflows = Workflows::connect().await;
    let prefix = unique("demo");
    let workflow = format!("{prefix}-1");
    workflows.start_with_worker(&workflow, "order").await;
    let folder = folder(&routes(&prefix, &unique("Nothing")));
    eventually("the worker was asked", async || {
        let output = check(folder.path(), workflows.address(), &[]).await;
        let found = live(&output);
        assert_eq!(verdict(&found, "by-id"), "unknown", "{found:?}");
        let why = found[0]["why"].as_str().expect("why");
        why.contains("SDK")
    })
    .await;
}

#[tokio::test]
async fn a_temporal_that_is_away_is_one_sentence_and_exit_code_1() {
    let folder = folder(&routes("a", "B"));
    let output = check(folder.path(), "127.0.0.1:1", &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Temporal cannot be reached"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let wrong = Command::new(env!("CARGO_BIN_EXE_signalpost"))
        .arg("check")
        .arg(folder.path().join("routes.toml"))
        .arg("--live")
        .env("TEMPORAL_ADDRESS", "ftp://t.example")
        .output()
        .await
        .expect("the binary runs");
    assert_eq!(wrong.status.code(), Some(2));
}
