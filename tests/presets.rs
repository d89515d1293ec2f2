//! GitHub, Standard Webhooks, tokens, passwords and a scheme of one's own through the real binary, as senders write them.

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
    // As the vendors' libraries do: what is no entry is skipped.
    let beside = |good: String| format!("nonsense v1 {good} v1,?? v2");
    assert_eq!(standard(&gateway, "msg_0", body, beside).await.status, 200);
    let bad: [fn(String) -> String; 5] = [
        |good| good.replace("v1,", "v2,"),
        |good| good.replace("v1,", "v1, "),
        |good| good.replace("v1,", ""),
        |good| good.replace('=', ""),
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

const CREDENTIALS: &str = r#"
[sources.sensor]
provider = "token"
secrets  = ["env:TOKEN"]
header   = "X-Sensor-Token"
prefix   = "Token "

[sources.shop]
provider = "basic"
secrets  = ["env:PAIR"]
event    = { key = "body.id" }

[sources.bank]
provider  = "hmac"
secrets   = ["env:KEY"]
signature = { header = "X-Bank", algorithm = "sha256", encoding = "base64", key = "hex", id_header = "X-Bank-Id", signed = "{id}.{timestamp}.{body}", list = { tag = "v1", separator = ";", timestamp = "t" } }
timestamp = { unit = "iso" }
event     = { key = "headers['x-bank-id']" }
"#;

const TOKEN: &str = "a token of the sensor's";
const PAIR: &str = "shop:a password of the shop's";
const BANK: &str = "44782def547aaa06c910c43932b1eb0c";

async fn credentials() -> Gateway {
    Setup::new(CREDENTIALS, "127.0.0.1:1")
        .env("TOKEN", TOKEN)
        .env("PAIR", PAIR)
        .env("KEY", BANK)
        .start()
        .await
}

#[tokio::test]
async fn a_token_is_taken_from_its_header_and_kept_as_a_fingerprint() {
    let gateway = credentials().await;
    let url = format!("{}/hooks/sensor", gateway.public());
    let good = format!("Token {TOKEN}");
    let first = post(&url, &[("X-Sensor-Token", &good)], "{}").await;
    assert_eq!(first.status, 200, "{}", first.text);
    let again = post(&url, &[("X-Sensor-Token", &good)], "{}").await;
    assert_eq!(again.body["status"], "duplicate");
    let (status, kept) = gateway
        .get(&format!("/v1/events/{}?body=true", first.event()))
        .await;
    assert_eq!(status, 200);
    assert!(!kept.to_string().contains("of the sensor"), "{kept}");
    let headers = kept["headers"].as_array().unwrap();
    let token = headers
        .iter()
        .find(|pair| pair[0] == "x-sensor-token")
        .unwrap();
    assert_eq!(token[1].as_str().unwrap().len(), 8);
    for bad in [
        TOKEN,
        "Token ",
        "token a token of the sensor's",
        "Token a token",
    ] {
        assert_eq!(
            post(&url, &[("X-Sensor-Token", bad)], "{}").await.status,
            401,
            "{bad}"
        );
    }
    assert_eq!(
        post(&url, &[("Authorization", &good)], "{}").await.status,
        401
    );
}

#[tokio::test]
async fn a_user_and_a_password_are_read_exactly_or_refused() {
    let gateway = credentials().await;
    let url = format!("{}/hooks/shop", gateway.public());
    let encoded = STANDARD.encode(PAIR);
    let answer = post(
        &url,
        &[("Authorization", &format!("Basic {encoded}"))],
        r#"{"id":"1"}"#,
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(shown(&gateway, &answer).await["key"], "1");
    for bad in [
        format!("Basic {PAIR}"),
        format!("Basic {encoded}="),
        format!("Basic  {encoded}"),
        format!("Bearer {encoded}"),
        format!("Basic {}", STANDARD.encode("shop:")),
        format!("Basic {}", STANDARD.encode("shop")),
        "Basic".to_owned(),
    ] {
        let answer = post(&url, &[("Authorization", &bad)], r#"{"id":"2"}"#).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (401, &json!("SP-R101")),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_scheme_of_ones_own_has_ids_lists_keys_in_hex_and_iso_times() {
    let gateway = credentials().await;
    let url = format!("{}/hooks/bank", gateway.public());
    let now = signalpost::clock::now().to_rfc3339();
    let signature = STANDARD.encode(mac(
        &hex::decode(BANK).unwrap(),
        format!("e-7.{now}.{{}}").as_bytes(),
    ));
    let other = STANDARD.encode([0; 32]);
    let list = format!("t={now};v1={other};v2=x;v1={signature}");
    let answer = post(&url, &[("X-Bank", &list), ("X-Bank-Id", "e-7")], "{}").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(shown(&gateway, &answer).await["key"], "e-7");
    let seconds = signalpost::clock::now().seconds();
    for (list, id) in [
        (list.as_str(), "e-8"),
        (&format!("v1={signature}"), "e-7"),
        (&format!("t={seconds};v1={signature}"), "e-7"),
    ] {
        let answer = post(&url, &[("X-Bank", list), ("X-Bank-Id", id)], "{}").await;
        assert_eq!(answer.status, 401, "{list}");
    }
}
