//! Providers that ask whether an endpoint is theirs, through the real binary: answered, on record, and never an event.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::json;

use crate::cli::signalpost;
use crate::support::exchange::{Answer, get, mac, post, send};
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::{self, NO_TEMPORAL};
use crate::support::redis::Redis;
use crate::support::{eventually, within};

const SECRET: &str = "a secret of the asking sender";

const LIKE: [&str; 13] = [
    "slack",
    "zoom",
    "discord",
    "line",
    "azure-event-grid",
    "meta",
    "x",
    "dropbox",
    "okta",
    "microsoft-graph",
    "cloudevents",
    "docusign",
    "aws-sns",
];

/// One source for each provider, with the scheme that the tests sign with.
fn routes() -> String {
    let table = |name: &str| {
        let more = match name {
            "meta" => "verify_token = \"env:TOKEN\"",
            "aws-sns" => "topics = [\"arn:aws:sns:eu-west-1:123456789012:orders\"]",
            "cloudevents" => "rate = \"2/s\"",
            _ => "",
        };
        // What it answers with is nobody else's.
        let old = if name == "x" { "OLD_OF_X" } else { "OLD" };
        format!(
            r#"
[sources.{name}]
provider  = "hmac"
secrets   = ["env:{old}", "env:SECRET"]
signature = {{ header = "X-Signature", algorithm = "sha256", encoding = "hex" }}
handshake = "{name}"
{more}
"#
        )
    };
    LIKE.into_iter().map(table).collect()
}

async fn gateway(redis: Option<&Redis>) -> Gateway {
    let mut setup = Setup::new(&routes(), NO_TEMPORAL)
        .env("SECRET", SECRET)
        .env("OLD", "the secret before the last change")
        .env("OLD_OF_X", "what answers the challenge of X")
        .env("TOKEN", "chosen for the dashboard");
    if let Some(redis) = redis {
        setup = setup.store(PathBuf::from(redis.url()));
    }
    setup.start().await
}

fn hook(gateway: &Gateway, source: &str, query: &str) -> String {
    format!("{}/hooks/{source}{query}", gateway.public())
}

async fn signed(gateway: &Gateway, source: &str, body: &str) -> Answer {
    let signature = hex::encode(mac(SECRET.as_bytes(), body.as_bytes()));
    let headers = [
        ("X-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    post(&hook(gateway, source, ""), &headers, body).await
}

async fn proven_ones(gateway: &Gateway) {
    let slack = r#"{"type":"url_verification","challenge":"3eZbrw<b>"}"#;
    let answer = signed(gateway, "slack", slack).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "3eZbrw<b>"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let headers = [("Content-Type", "application/json")];
    let forged = post(&hook(gateway, "slack", ""), &headers, slack).await;
    assert_eq!(forged.status, 401, "the proof comes first");

    let zoom =
        r#"{"event":"endpoint.url_validation","payload":{"plainToken":"q9ibPhGeRZ6ayx5WTrXjRw"}}"#;
    let answer = signed(gateway, "zoom", zoom).await;
    let encrypted = hex::encode(mac(SECRET.as_bytes(), b"q9ibPhGeRZ6ayx5WTrXjRw"));
    assert_eq!(
        answer.body,
        json!({ "plainToken": "q9ibPhGeRZ6ayx5WTrXjRw", "encryptedToken": encrypted }),
        "with the secret that matched, which is the second"
    );
    let answer = signed(gateway, "discord", r#"{"type":1}"#).await;
    assert_eq!((answer.status, answer.body), (200, json!({ "type": 1 })));
    let answer = signed(gateway, "line", r#"{"destination":"U","events":[]}"#).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let grid = r#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d"}}]"#;
    let answer = signed(gateway, "azure-event-grid", grid).await;
    assert_eq!(answer.body, json!({ "validationResponse": "512d" }));
    let sns = r#"{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:eu-west-1:123456789012:other","SubscribeURL":"https://127.0.0.1/"}"#;
    let answer = signed(gateway, "aws-sns", sns).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (403, &json!("SP-R104"))
    );
    let sns = sns.replace(":other", ":orders");
    let answer = signed(gateway, "aws-sns", &sns).await;
    assert_eq!(
        answer.status, 400,
        "nobody but SNS is called: {}",
        answer.text
    );
}

async fn unproven_ones(gateway: &Gateway) {
    let meta = |token: &str| {
        let query = format!("?hub.mode=subscribe&hub.challenge=115820&hub.verify_token={token}");
        hook(gateway, "meta", &query)
    };
    let answer = get(&meta("chosen+for+the+dashboard"), &[]).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "115820"));
    let wrong = get(&meta("guessed"), &[]).await;
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (403, &json!("SP-R104"))
    );
    let answer = get(&hook(gateway, "x", "?crc_token=abcDEF"), &[]).await;
    let token = answer.body["response_token"].as_str().expect("a token");
    assert!(token.starts_with("sha256="), "{token}");
    let answer = get(&hook(gateway, "dropbox", "?challenge=a%3Cb"), &[]).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "a<b"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let okta = [("X-Okta-Verification-Challenge", "v1")];
    let answer = get(&hook(gateway, "okta", ""), &okta).await;
    assert_eq!(answer.body, json!({ "verification": "v1" }));
    let graph = hook(
        gateway,
        "microsoft-graph",
        "?validationToken=Validation%3A+Testing",
    );
    let answer = post(&graph, &[], "").await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, "Validation: Testing")
    );

    let options = reqwest::Client::new()
        .request(Method::OPTIONS, hook(gateway, "cloudevents", ""))
        .header("WebHook-Request-Origin", "events.example.com");
    let answer = send(options).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("webhook-allowed-origin"),
        "events.example.com"
    );
    assert_eq!(answer.header("webhook-allowed-rate"), "120");
    let head = reqwest::Client::new().head(hook(gateway, "docusign", ""));
    assert_eq!(send(head).await.status, 200);
}

async fn handshakes_are_answered_and_no_events(redis: Option<&Redis>) {
    let gateway = gateway(redis).await;
    proven_ones(&gateway).await;
    unproven_ones(&gateway).await;
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]));
    let lines = operator::audit(&gateway, "handshake", 15).await;
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line["outcome"] != "answered")
        .collect();
    assert_eq!(refused.len(), 3, "{refused:#?}");
    assert_eq!(refused[2]["reason"], "handshake_token");
    let metrics = gateway.metrics().await;
    for line in [
        "signalpost_handshakes_total{source=\"slack\",outcome=\"answered\"} 1\n",
        "signalpost_handshakes_total{source=\"meta\",outcome=\"answered\"} 1\n",
        "signalpost_handshakes_total{source=\"meta\",outcome=\"refused\"} 1\n",
        "signalpost_webhooks_total{source=\"slack\",outcome=\"refused\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
    // What is no handshake is an event as ever.
    let event = signed(&gateway, "slack", r#"{"type":"event_callback"}"#).await;
    assert_eq!(event.body["status"], "unrouted", "{}", event.text);
}

#[tokio::test]
async fn handshakes_are_answered_and_no_events_with_a_file() {
    handshakes_are_answered_and_no_events(None).await;
}

#[tokio::test]
async fn handshakes_are_answered_and_no_events_with_redis() {
    let redis = Redis::start().await;
    handshakes_are_answered_and_no_events(Some(&redis)).await;
}

#[tokio::test]
async fn other_methods_are_taken_only_where_a_handshake_uses_them() {
    let gateway = gateway(None).await;
    for (source, method, allow) in [
        ("slack", Method::GET, "POST"),
        ("meta", Method::OPTIONS, "GET, POST"),
        ("cloudevents", Method::GET, "OPTIONS, POST"),
        ("docusign", Method::GET, "HEAD, POST"),
        ("dropbox", Method::PUT, "GET, POST"),
    ] {
        let request = reqwest::Client::new().request(method, hook(&gateway, source, ""));
        let answer = send(request).await;
        assert_eq!(answer.status, 405, "{source}");
        assert_eq!(answer.header("allow"), allow, "{source}");
    }
    let bare = get(&hook(&gateway, "dropbox", ""), &[]).await;
    assert_eq!((bare.status, &bare.body["code"]), (400, &json!("SP-R201")));
}

const ASANA: &str = r#"
[sources.tasks]
provider  = "hmac"
secrets   = ["file:FOLDER/asana-secret"]
signature = { header = "X-Hook-Signature", algorithm = "sha256", encoding = "hex" }
handshake = "asana"
"#;

const HANDED_OVER: &str = "b537207f20cbfa02357cf448134da559";

async fn hand_over(gateway: &Gateway, secret: &str) -> Answer {
    post(
        &hook(gateway, "tasks", ""),
        &[("X-Hook-Secret", secret)],
        "",
    )
    .await
}

fn open(gateway: &Gateway, args: &[&str]) -> std::process::Output {
    let mut command = signalpost(&["handshake", "open", "tasks", "--ops-url", gateway.ops()]);
    command.args(args).output().expect("the binary runs")
}

#[tokio::test]
async fn a_secret_is_taken_over_once_and_only_while_an_operator_waits_for_it() {
    let gateway = Setup::new(ASANA, NO_TEMPORAL).start().await;
    let file = gateway.folder().join("asana-secret");
    let early = hand_over(&gateway, HANDED_OVER).await;
    assert_eq!(
        (early.status, &early.body["code"]),
        (403, &json!("SP-R104"))
    );
    assert!(!file.exists());

    let too_long = open(&gateway, &["--for", "2h"]);
    assert_eq!(too_long.status.code(), Some(1));
    let opened = open(&gateway, &["--for", "10m", "--note", "registering"]);
    let said = String::from_utf8_lossy(&opened.stdout).into_owned();
    assert!(
        opened.status.success() && said.starts_with("open until "),
        "{said}"
    );
    let answer = hand_over(&gateway, HANDED_OVER).await;
    assert_eq!(
        (answer.status, answer.header("x-hook-secret")),
        (200, HANDED_OVER)
    );
    assert_eq!(
        std::fs::read_to_string(&file).expect("the file"),
        HANDED_OVER
    );
    let mode = std::fs::metadata(&file)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = hand_over(&gateway, "another secret, of someone else").await;
    assert_ne!(second.status, 200);
    let again = open(&gateway, &[]);
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && why.contains("SP-S208"), "{why}");
    assert_eq!(
        std::fs::read_to_string(&file).expect("the file"),
        HANDED_OVER
    );

    let body = r#"{"events":[]}"#;
    let signature = hex::encode(mac(HANDED_OVER.as_bytes(), body.as_bytes()));
    let headers = [
        ("X-Hook-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    let event = post(&hook(&gateway, "tasks", ""), &headers, body).await;
    assert_eq!(
        event.status, 200,
        "the secret is in use at once: {}",
        event.text
    );
    assert!(
        !gateway.log().contains(HANDED_OVER),
        "the secret is nowhere else"
    );
    let lines = operator::audit(&gateway, "handshake", 6).await;
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str()).collect();
    let expected = [
        "refused", "refused", "done", "answered", "refused", "refused",
    ];
    assert_eq!(outcomes, expected.map(Some), "{lines:#?}");
    assert_eq!(lines[2]["reason"], "registering");
}

#[tokio::test]
async fn a_secret_that_appears_by_itself_ends_the_wait() {
    let gateway = Setup::new(ASANA, NO_TEMPORAL).start().await;
    assert!(open(&gateway, &[]).status.success());
    gateway.replace("asana-secret", "put here by hand, not by a call");
    let patience = std::time::Duration::from_secs(30);
    within(patience, "the wait is over", || async {
        !open(&gateway, &[]).status.success()
    })
    .await;
    assert_eq!(hand_over(&gateway, HANDED_OVER).await.status, 403);
    eventually("it is still ready", || async {
        gateway.get("/ready").await.0 == 200
    })
    .await;
}

#[tokio::test]
async fn what_x_has_signed_for_anybody_is_no_event() {
    let gateway = gateway(None).await;
    let token = "YzM5ZGQ5ZmYtY2Y5Mg";
    let asked = hook(&gateway, "x", &format!("?crc_token={token}"));
    let answer = get(&asked, &[]).await;
    assert_eq!(answer.status, 200);
    let signature = hex::encode(mac(SECRET.as_bytes(), token.as_bytes()));
    let headers = [("X-Signature", &*signature), ("Content-Type", "text/plain")];
    let answer = post(&hook(&gateway, "x", ""), &headers, token).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    assert_eq!(
        signed(&gateway, "x", r#"{"for_user_id":"1"}"#).await.status,
        200
    );
}

#[tokio::test]
async fn a_source_without_a_signature_makes_the_handshakes_that_need_none() {
    let routes = r#"
[sources.grid]
provider  = "token"
secrets   = ["env:SECRET"]
header    = "X-Token"
event     = { key = "body[0].id" }
handshake = "azure-event-grid"
"#;
    let setup = Setup::new(routes, NO_TEMPORAL).env("SECRET", SECRET);
    let gateway = setup.start().await;
    let asked = r#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d"}}]"#;
    let url = hook(&gateway, "grid", "");
    let json = ("Content-Type", "application/json");
    let answer = post(&url, &[json, ("X-Token", SECRET)], asked).await;
    assert_eq!(answer.body, json!({ "validationResponse": "512d" }));
    assert_eq!(post(&url, &[json], asked).await.status, 401);
    let consent = reqwest::Client::new().request(Method::OPTIONS, &url);
    let consent = send(consent.header("WebHook-Request-Origin", "eventgrid.azure.net")).await;
    assert_eq!(consent.status, 200);
}
