//! The operators' listener from outside: filters, pages, tokens, and who is kept out.

use serde_json::json;

use crate::cli::signalpost;
use crate::support::exchange::{Answer, get, post, send, stripe};
use crate::support::gateway::{Gateway, Setup};
use crate::support::sender;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[sources.carrier]
provider  = "hmac"
secrets   = ["env:CARRIER"]
signature = { header = "X-Carrier-Signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", signed = "{timestamp}.{body}" }
timestamp = { header = "X-Carrier-Timestamp", unit = "s", tolerance = "5m" }
event     = { key = "body.id", type = "body.event" }

[[routes]]
name     = "orders"
source   = ["stripe", "carrier"]
on       = ["order.*", "parcel.*"]
workflow = "order-${body.order}"
signal   = "moved"

[[routes]]
name   = "noise"
source = "stripe"
on     = "noise"
drop   = true
"#;

fn setup() -> Setup {
    Setup::new(ROUTES, "127.0.0.1:1")
        .env("SECRET", sender::STRIPE_SECRET)
        .env("CARRIER", sender::CARRIER_SECRET)
}

/// One event of each state that needs no Temporal: pending, parked, dropped, unrouted; and one of the carrier.
async fn filled() -> (Gateway, Vec<String>) {
    let gateway = setup().start().await;
    let mut ids = Vec::new();
    for body in [
        r#"{"id":"evt_pending","type":"order.paid","order":"7"}"#,
        r#"{"id":"evt_parked","type":"order.paid"}"#,
        r#"{"id":"evt_dropped","type":"noise"}"#,
        r#"{"id":"evt_unrouted","type":"other"}"#,
    ] {
        ids.push(stripe(&gateway, body).await.event().to_owned());
    }
    let body = r#"{"id":"mv","event":"parcel.sent","order":"8"}"#;
    let answer = sender::carrier(gateway.public(), body)
        .await
        .expect("an answer");
    ids.push(answer.body["event"].as_str().expect("an id").to_owned());
    (gateway, ids)
}

async fn list(gateway: &Gateway, query: &str) -> Answer {
    get(&format!("{}/v1/events?{query}", gateway.ops()), &[]).await
}

fn ids(answer: &Answer) -> Vec<&str> {
    let events = answer.body["events"].as_array();
    let events = events.unwrap_or_else(|| panic!("events in {}", answer.text));
    events
        .iter()
        .filter_map(|event| event["id"].as_str())
        .collect()
}

#[tokio::test]
async fn every_filter_selects_what_it_names() {
    let (gateway, all) = filled().await;
    let [pending, parked, dropped, unrouted, carrier] = all.as_slice() else {
        panic!("five events");
    };
    for (query, expected) in [
        ("source=carrier", vec![carrier]),
        ("type=order.paid", vec![parked, pending]),
        ("key=evt_dropped", vec![dropped]),
        ("workflow=order-7", vec![pending]),
        ("route=orders&source=stripe", vec![parked, pending]),
        ("route=noise", vec![dropped]),
        ("state=pending", vec![carrier, pending]),
        ("state=parked", vec![parked]),
        ("state=dropped", vec![dropped]),
        ("state=unrouted", vec![unrouted]),
        ("state=delivered", vec![]),
        (
            "since=1h&limit=1000",
            vec![carrier, unrouted, dropped, parked, pending],
        ),
        ("since=2099-01-01T00:00:00Z", vec![]),
        ("until=1h", vec![]),
        (
            "until=2099-01-01T00:00:00%2B02:00&source=carrier",
            vec![carrier],
        ),
        ("source=nobody", vec![]),
    ] {
        let answer = list(&gateway, query).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        assert_eq!(ids(&answer), expected, "{query}");
        assert_eq!(answer.body["next"], json!(null), "{query}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_newest_first_and_end() {
    let (gateway, mut all) = filled().await;
    all.reverse();
    let mut found = Vec::new();
    let mut cursor = String::new();
    for _ in 0..10 {
        let answer = list(&gateway, &format!("limit=2{cursor}")).await;
        assert!(ids(&answer).len() <= 2);
        found.extend(ids(&answer).into_iter().map(str::to_owned));
        let Some(next) = answer.body["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn a_bad_parameter_is_400_and_the_answer_says_what_is_right() {
    let gateway = setup().start().await;
    for (query, says) in [
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("state=done", "unrouted"),
        ("state=", "unrouted"),
        ("since=yesterday", "RFC 3339"),
        ("until=5", "RFC 3339"),
        ("cursor=zz", "next"),
        ("colour=red", "workflow"),
        ("source=a&source=b", "once"),
    ] {
        let answer = list(&gateway, query).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("SP-S103")),
            "{query}"
        );
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{query}: {}", answer.text);
    }
    let one = format!(
        "{}/v1/events/{}",
        gateway.ops(),
        signalpost::clock::now().uuid()
    );
    assert_eq!(get(&one, &[]).await.status, 404);
    assert_eq!(get(&format!("{one}?body=maybe"), &[]).await.status, 400);
}

#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem_like_any_other() {
    let gateway = setup().start().await;
    let hook = post(&format!("{}/hooks/%ff", gateway.public()), &[], "{}").await;
    assert_eq!(
        (hook.status, &hook.body["code"]),
        (404, &json!("SP-R001")),
        "{}",
        hook.text
    );
    let event = get(&format!("{}/v1/events/%ff", gateway.ops()), &[]).await;
    assert_eq!(
        (event.status, &event.body["code"]),
        (404, &json!("SP-S101")),
        "{}",
        event.text
    );
}

#[tokio::test]
async fn with_a_token_set_only_its_bearer_sees_events_and_config() {
    let gateway = setup()
        .flag("--ops-token", "an-operators-token")
        .start()
        .await;
    for path in ["/v1/events", "/v1/events/x", "/v1/config"] {
        let url = format!("{}{path}", gateway.ops());
        for headers in [
            &[][..],
            &[("Authorization", "Bearer another-token")],
            &[("Authorization", "Basic an-operators-token")],
            &[("Authorization", "an-operators-token")],
        ] {
            let answer = get(&url, headers).await;
            assert_eq!(
                (answer.status, &answer.body["code"]),
                (401, &json!("SP-S104")),
                "{path}"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        let answer = get(&url, &[("Authorization", "Bearer an-operators-token")]).await;
        assert_ne!(answer.status, 401, "{path}");
    }
    // With a token, another name and a browser are no matter.
    let headers = [
        ("Authorization", "Bearer an-operators-token"),
        ("Host", "gateway.internal"),
        ("Origin", "https://console.internal"),
    ];
    assert_eq!(
        get(&format!("{}/v1/events", gateway.ops()), &headers)
            .await
            .status,
        200
    );
    for path in ["/live", "/ready", "/metrics"] {
        assert_eq!(
            get(&format!("{}{path}", gateway.ops()), &[]).await.status,
            200,
            "{path}"
        );
    }
    gateway
        .says(&[r#""action":"ops","outcome":"refused""#])
        .await;
}

#[tokio::test]
async fn without_a_token_neither_a_browser_nor_another_name_gets_in() {
    let gateway = setup().start().await;
    for path in ["/v1/events", "/ready", "/metrics"] {
        let url = format!("{}{path}", gateway.ops());
        only_local_programs(&url).await;
    }
    let url = format!("{}/v1/events", gateway.ops());
    let posted = post(&url, &[("Content-Type", "text/plain")], "x").await;
    assert!(matches!(posted.status, 405 | 415), "{}", posted.text);
}

async fn only_local_programs(url: &str) {
    for headers in [
        [("Host", "rebound.example")],
        [("Host", "127.0.0.1.example")],
        [("Host", "localhost.example:80")],
        [("Origin", "http://127.0.0.1:8081")],
        [("Origin", "null")],
    ] {
        let answer = get(url, &headers).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (403, &json!("SP-S105")),
            "{headers:?}"
        );
    }
    for host in ["localhost:1", "127.0.0.1", "[::1]:8081"] {
        assert_eq!(get(url, &[("Host", host)]).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn the_public_listener_serves_nothing_of_the_operators() {
    let gateway = setup().start().await;
    for path in [
        "/live",
        "/ready",
        "/metrics",
        "/v1/events",
        "/v1/config",
        "/v1/events/x",
    ] {
        for method in [
            reqwest::Method::GET,
            reqwest::Method::POST,
            reqwest::Method::HEAD,
        ] {
            let url = format!("{}{path}", gateway.public());
            let answer = send(reqwest::Client::new().request(method, url)).await;
            assert_eq!(answer.status, 404, "{path}");
        }
    }
    let hooks = post(&format!("{}/hooks/stripe", gateway.ops()), &[], "{}").await;
    assert_eq!(hooks.status, 404);
}

#[test]
fn off_loopback_the_operators_listener_needs_a_token() {
    let output = signalpost(&["serve", "--ops-listen", "0.0.0.0:0"])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--ops-token-file"), "{said}");
}

#[tokio::test]
async fn what_is_parked_or_dropped_at_once_is_counted_like_what_is_later() {
    let (gateway, _) = filled().await;
    let metrics = gateway.metrics().await;
    for line in [
        r#"signalpost_deliveries_total{route="orders",outcome="parked"} 1"#,
        r#"signalpost_deliveries_total{route="noise",outcome="dropped"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    // A duplicate settles nothing a second time.
    stripe(&gateway, r#"{"id":"evt_parked","type":"order.paid"}"#).await;
    let metrics = gateway.metrics().await;
    assert!(metrics.contains(r#"signalpost_deliveries_total{route="orders",outcome="parked"} 1"#));
}

#[tokio::test]
async fn every_webhook_leaves_an_audit_line() {
    let gateway = setup().start().await;
    let good = stripe(&gateway, r#"{"id":"e","type":"order.paid","order":"7"}"#).await;
    let bad = post(&format!("{}/hooks/stripe", gateway.public()), &[], "{}").await;
    let line = async |answer: &Answer| {
        let request = format!("\"request\":\"{}\"", answer.header("x-request-id"));
        gateway.says(&[r#""target":"audit""#, &request]).await
    };
    let accepted = line(&good).await;
    for part in [
        r#""action":"webhook""#,
        r#""outcome":"accepted""#,
        r#""who":"127.0.0.1""#,
        r#""source":"stripe""#,
        r#""workflow":"order-7""#,
    ] {
        assert!(accepted.contains(part), "{part} in {accepted}");
    }
    let refused = line(&bad).await;
    assert!(
        refused.contains(r#""outcome":"refused""#)
            && refused.contains(r#""reason":"missing_header""#)
    );
}
