//! GitHub and Standard Webhooks through the real binary, as their senders write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::exchange::{Answer, mac, post};
use crate::support::gateway::{Gateway, Setup};

const ROUTES: &str = r#"
[sources.github]
provider = "github"
secrets  = ["env:GITHUB"]

[sources.standard]
provider = "standard-webhooks"
secrets  = ["env:STANDARD"]

[[routes]]
name     = "issues"
source   = "github"
on       = ["issues.*", "push"]
workflow = "repo-${body.repository}"
signal   = "github"

[[routes]]
name     = "invoices"
source   = "standard"
on       = "invoice.paid"
workflow = "invoice-${body.data}"
signal   = "paid"
"#;

const GITHUB: &str = "a secret of github's";
const KEY: &[u8] = b"a key of twenty-four byte";

async fn gateway() -> Gateway {
    Setup::new(ROUTES, "127.0.0.1:1")
        .env("GITHUB", GITHUB)
        .env("STANDARD", &format!("whsec_{}", STANDARD.encode(KEY)))
        .start()
        .await
}

async fn github(gateway: &Gateway, event: &str, delivery: &str, body: &str) -> Answer {
    let signature = hex::encode(mac(GITHUB.as_bytes(), body.as_bytes()));
    let headers = [
        ("X-Hub-Signature-256", &*format!("sha256={signature}")),
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", delivery),
        ("Content-Type", "application/json"),
    ];
    post(
        &format!("{}/hooks/github", gateway.public()),
        &headers,
        body,
    )
    .await
}

async fn shown(gateway: &Gateway, answer: &Answer) -> Value {
    gateway
        .get(&format!("/v1/events/{}", answer.event()))
        .await
        .1
}

#[tokio::test]
async fn github_events_have_a_type_of_event_and_action() {
    let gateway = gateway().await;
    for (event, body, kind, status) in [
        (
            "issues",
            r#"{"action":"opened","repository":"r"}"#,
            "issues.opened",
            "accepted",
        ),
        (
            "push",
            r#"{"ref":"refs/heads/main","repository":"r"}"#,
            "push",
            "accepted",
        ),
        ("ping", r#"{"zen":"z"}"#, "ping", "unrouted"),
    ] {
        let answer = github(&gateway, event, "d-1", body).await;
        assert_eq!(answer.body["status"], status, "{}", answer.text);
        assert_eq!(shown(&gateway, &answer).await["type"], kind);
    }
}

#[tokio::test]
async fn a_captured_github_request_is_a_duplicate_whatever_its_unsigned_headers_say() {
    let gateway = gateway().await;
    let body = r#"{"action":"opened","repository":"r"}"#;
    let first = github(&gateway, "issues", "d-1", body).await;
    let replayed = github(&gateway, "issues", "d-2", body).await;
    assert_eq!(
        replayed.body,
        json!({ "status": "duplicate", "event": first.event() })
    );
    let relabelled = github(&gateway, "push", "d-3", body).await;
    assert_eq!(relabelled.body["status"], "duplicate");
    assert_eq!(shown(&gateway, &first).await["duplicates"], 2);
}

/// Signed now, under `id`; `change` is the last word on the signature.
async fn standard(gateway: &Gateway, id: &str, body: &str, change: fn(String) -> String) -> Answer {
    let now = signalpost::clock::now().seconds().to_string();
    let signed = mac(KEY, format!("{id}.{now}.{body}").as_bytes());
    let signature = change(format!("v1,{}", STANDARD.encode(signed)));
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &now),
        ("webhook-signature", &signature),
        ("Content-Type", "application/json"),
    ];
    post(
        &format!("{}/hooks/standard", gateway.public()),
        &headers,
        body,
    )
    .await
}

#[tokio::test]
async fn standard_webhooks_are_told_apart_by_their_signed_id() {
    let gateway = gateway().await;
    let body = r#"{"type":"invoice.paid","data":"i-1"}"#;
    let same = |signature| signature;
    let first = standard(&gateway, "msg_1", body, same).await;
    assert_eq!(first.body["status"], "accepted", "{}", first.text);
    let event = shown(&gateway, &first).await;
    assert_eq!(
        (&event["key"], &event["type"]),
        (&json!("msg_1"), &json!("invoice.paid"))
    );
    assert_eq!(event["deliveries"][0]["workflow"], "invoice-i-1");
    let repeat = standard(&gateway, "msg_1", body, same).await;
    assert_eq!(repeat.body["status"], "duplicate");
    let other = r#"{"type":"invoice.paid","data":"i-2"}"#;
    let conflict = standard(&gateway, "msg_1", other, same).await;
    assert_eq!(
        conflict.body,
        json!({ "status": "duplicate", "event": first.event() })
    );
    assert_eq!(
        shown(&gateway, &first).await["conflicts"],
        1,
        "marked on the first"
    );
    assert_eq!(
        standard(&gateway, "msg_2", body, same).await.body["status"],
        "accepted"
    );
}

#[tokio::test]
async fn standard_webhooks_take_a_list_with_a_good_entry_and_nothing_less() {
    let gateway = gateway().await;
    let body = r#"{"type":"invoice.paid","data":"i-1"}"#;
    let rotated = |good: String| format!("v1,{} {good} v1a,AAAA", STANDARD.encode([0; 32]));
    assert_eq!(standard(&gateway, "msg_1", body, rotated).await.status, 200);
    let bad: [fn(String) -> String; 6] = [
        |good| good.replace("v1,", "v2,"),
        |good| good.replace("v1,", "v1, "),
        |good| good.replace("v1,", ""),
        |good| good.replace('=', ""),
        |good| format!("{good} nonsense"),
        |_| String::new(),
    ];
    for change in bad {
        let answer = standard(&gateway, "msg_2", body, change).await;
        assert_eq!(answer.status, 401, "{}", change("v1,good=".to_owned()));
    }
    // A dot in the id could be read as the end of it: what is signed would no longer be one thing.
    assert_eq!(
        standard(&gateway, "msg.3", body, |good| good).await.status,
        401
    );
}
