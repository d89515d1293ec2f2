//! The record of who did what: in a file, whole, found again, and what happens where it cannot be written.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::signalpost;
use crate::support::exchange::{get, post, stripe};
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::NO_TEMPORAL;
use crate::support::{sender, until};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "every"
source   = "stripe"
workflow = "w-${body.id}"
signal   = "s"
"#;

fn setup(audit: &str) -> Setup {
    Setup::new(ROUTES, NO_TEMPORAL)
        .env("SECRET", sender::STRIPE_SECRET)
        .flag("--audit", audit)
}

/// Every line of a file; each must be JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("an audit file");
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is whole"
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON")))
        .collect()
}

async fn events(gateway: &Gateway) -> usize {
    let (_, page) = gateway.get("/v1/events").await;
    page["events"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn every_access_and_action_is_one_line_of_the_file_and_none_of_the_log() {
    let gateway = setup("file:FOLDER/audit.log").start().await;
    assert_eq!(stripe(&gateway, r#"{"id":"a"}"#).await.status, 200);
    let forged = post(
        &format!("{}/hooks/stripe", gateway.public()),
        &[("Stripe-Signature", "t=1,v1=00")],
        "{}",
    )
    .await;
    assert_eq!(forged.status, 401);
    let reload = post(
        &format!("{}/v1/config/reload", gateway.ops()),
        &[("content-type", "application/json")],
        "{}",
    )
    .await;
    assert_eq!(reload.status, 200, "{}", reload.text);
    let path = gateway.folder().join("audit.log");
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let told: Vec<_> = lines(&path)
        .iter()
        .map(|line| {
            (
                line["action"].clone(),
                line["outcome"].clone(),
                line["who"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("webhook"), json!("accepted"), json!("127.0.0.1")),
            (json!("webhook"), json!("refused"), json!("127.0.0.1")),
            (json!("reload"), json!("done"), json!("local")),
        ]
    );
    assert!(!gateway.log().contains(r#""target":"audit""#));
}

#[tokio::test]
async fn it_is_begun_anew_by_size_and_found_again_on_sighup() {
    let gateway = setup("file:FOLDER/audit.log,max_size=1KiB,keep=2")
        .start()
        .await;
    for id in 0..30 {
        let answer = stripe(&gateway, format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!(answer.status, 200);
    }
    let files: Vec<_> = std::fs::read_dir(gateway.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("audit.log"))
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        assert!(
            !lines(file).is_empty() && lines(file).len() < 10,
            "{file:?}"
        );
    }

    let path = gateway.folder().join("audit.log");
    let moved = gateway.folder().join("moved");
    std::fs::rename(&path, &moved).expect("a rename");
    gateway.hang_up();
    until("the reload is on record in a new file", || {
        path.exists() && lines(&path).iter().any(|line| line["action"] == "reload")
    })
    .await;
}

#[tokio::test]
async fn where_a_line_is_required_there_is_no_access_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit.log");
    // Every write to it fails as on a full disk.
    symlink("/dev/full", &path).expect("a link");
    let gateway = setup(&format!("file:{},required", path.display()))
        .start()
        .await;

    let first = stripe(&gateway, r#"{"id":"a"}"#).await;
    assert_eq!(
        (first.status, &first.body["code"]),
        (503, &json!("SP-S008"))
    );
    assert_eq!(first.header("retry-after"), "5");
    assert_eq!(
        events(&gateway).await,
        1,
        "the one that found it out was kept"
    );
    for id in ["b", "c"] {
        let next = stripe(&gateway, format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!((next.status, &next.body["code"]), (503, &json!("SP-S008")));
    }
    assert_eq!(events(&gateway).await, 1, "nothing is done any more");
    let query = get(&format!("{}/nothing", gateway.public()), &[]).await;
    assert_eq!(query.status, 503);
    let reload = post(
        &format!("{}/v1/config/reload", gateway.ops()),
        &[("content-type", "application/json")],
        "{}",
    )
    .await;
    assert_eq!(reload.body["code"], "SP-S008");
    let (status, ready) = gateway.get("/ready").await;
    assert_eq!(
        (status, &ready["checks"]["audit"]["ok"]),
        (503, &json!(false))
    );
    let said = gateway
        .log()
        .matches("audit lines cannot be written")
        .count();
    assert_eq!(said, 1, "said once");
    assert!(
        gateway
            .metrics()
            .await
            .contains("signalpost_audit_failures_total")
    );

    std::fs::remove_file(&path).expect("the link goes");
    gateway.hang_up();
    until("the file is begun", || path.exists()).await;
    let again = async || stripe(&gateway, r#"{"id":"a"}"#).await;
    crate::support::eventually("it is well", async || again().await.status == 200).await;
    assert_eq!(again().await.body["status"], "duplicate");
    assert_eq!(gateway.get("/ready").await.0, 200);
    let first = &lines(&path)[0];
    assert_eq!(
        (&first["action"], &first["outcome"]),
        (&json!("audit"), &json!("resumed"))
    );
}

#[tokio::test]
async fn where_it_is_not_required_a_gap_costs_nobody_an_answer() {
    let gateway = setup("file:/dev/full").start().await;
    for id in ["a", "b"] {
        let answer = stripe(&gateway, format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!(answer.status, 200);
    }
    let (status, ready) = gateway.get("/ready").await;
    assert_eq!(
        (status, &ready["checks"]["audit"]["ok"]),
        (200, &json!(false))
    );
}

#[test]
fn a_file_that_cannot_be_opened_stops_the_start() {
    let output = signalpost(&["serve", "--audit", "file:/nowhere/audit.log"])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("--audit: /nowhere/audit.log cannot be opened"),
        "{said}"
    );
}
