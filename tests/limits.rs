//! That `serve` applies the limits it was given: sizes, times, connections, requests, the backlog.
//!
//! What each limit does in detail is tested at the listener itself.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::eventually;
use crate::support::exchange::{connect, get, rest, stripe};
use crate::support::gateway::Setup;
use crate::support::sender;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[sources.carrier]
provider  = "hmac"
secrets   = ["env:CARRIER"]
signature = { header = "X-Carrier-Signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", signed = "{timestamp}.{body}" }
timestamp = { header = "X-Carrier-Timestamp" }
event     = { key = "body.id" }

[[routes]]
name     = "every"
source   = ["stripe", "carrier"]
workflow = "w-${body.id}"
signal   = "s"
"#;

fn setup() -> Setup {
    Setup::new(ROUTES, "127.0.0.1:1")
        .env("SECRET", sender::STRIPE_SECRET)
        .env("CARRIER", sender::CARRIER_SECRET)
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_at_it_is_taken() {
    let gateway = setup().flag("--max-body", "1KiB").start().await;
    let body = |size: usize| {
        let frame = r#"{"id":"","p":""}"#.len();
        let id = format!("{size:04}");
        format!(
            r#"{{"id":"{id}","p":"{}"}}"#,
            "x".repeat(size - frame - id.len())
        )
    };
    assert_eq!(stripe(&gateway, body(1024)).await.status, 200);
    let over = stripe(&gateway, body(1025)).await;
    assert_eq!((over.status, &over.body["code"]), (413, &json!("SP-R204")));
}

#[tokio::test]
async fn a_slow_head_is_cut_and_a_slow_body_is_408() {
    let gateway = setup()
        .flag("--header-timeout", "300ms")
        .flag("--body-timeout", "400ms")
        .start()
        .await;
    let silent = connect(&gateway, b"POST /hooks/stripe HTTP/1.1\r\nHost").await;
    assert_eq!(rest(silent).await, "");
    let half = b"POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{";
    let answer = rest(connect(&gateway, half).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("SP-R205"),
        "{answer}"
    );
}

#[tokio::test]
async fn beyond_the_requests_in_flight_or_connections_the_answer_is_503_with_retry_after() {
    let gateway = setup()
        .flag("--max-in-flight", "2")
        .flag("--max-connections", "4")
        .start()
        .await;
    let half = b"POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{";
    let carrier = b"POST /hooks/carrier HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{";
    let held = [
        connect(&gateway, half).await,
        connect(&gateway, carrier).await,
    ];
    eventually("both places are taken", async || {
        let answer = stripe(&gateway, r#"{"id":"a"}"#).await;
        answer.status == 503
            && answer.body["code"] == "SP-S001"
            && answer.header("retry-after") == "5"
    })
    .await;
    assert!(
        gateway
            .metrics()
            .await
            .contains("signalpost_overloaded_total")
    );

    let idle = [connect(&gateway, b"").await, connect(&gateway, b"").await];
    eventually("no connection is left", async || {
        let answer = stripe(&gateway, r#"{"id":"a"}"#).await;
        answer.status == 503 && answer.body["code"] == "SP-S002"
    })
    .await;
    assert_eq!(
        get(&format!("{}/ready", gateway.ops()), &[]).await.status,
        200,
        "operators get in"
    );
    drop((held, idle));
    eventually("it is over", async || {
        stripe(&gateway, r#"{"id":"a"}"#).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn slow_senders_to_one_source_leave_half_of_the_places_to_the_others() {
    let gateway = setup().flag("--max-in-flight", "4").start().await;
    let half = b"POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{";
    let held = [connect(&gateway, half).await, connect(&gateway, half).await];
    eventually("the source has its share", async || {
        let answer = stripe(&gateway, r#"{"id":"a"}"#).await;
        answer.status == 429
            && answer.body["code"] == "SP-R403"
            && answer.header("retry-after") == "5"
    })
    .await;
    let other = sender::carrier(gateway.public(), r#"{"id":"a"}"#).await;
    assert_eq!(other.expect("an answer").status, 200);
    drop(held);
    eventually("it is over", async || {
        stripe(&gateway, r#"{"id":"a"}"#).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn three_hundred_connections_at_once_are_all_served() {
    let gateway = setup().start().await;
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(
            connect(
                &gateway,
                b"GET /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n",
            )
            .await,
        );
    }
    for mut stream in streams {
        stream
            .write_all(b"\r\n")
            .await
            .expect("the end of the head");
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
}

#[tokio::test]
async fn a_source_may_fill_half_of_the_backlog_and_all_of_them_the_whole() {
    let gateway = setup().flag("--max-backlog", "4").start().await;
    for id in ["1", "2"] {
        assert_eq!(
            stripe(&gateway, format!(r#"{{"id":"{id}"}}"#)).await.status,
            200
        );
    }
    let own = stripe(&gateway, r#"{"id":"3"}"#).await;
    assert_eq!((own.status, &own.body["code"]), (429, &json!("SP-R401")));
    assert_eq!(own.header("retry-after"), "5");
    for id in ["1", "2"] {
        let answer = sender::carrier(gateway.public(), &format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!(
            answer.expect("an answer").status,
            200,
            "a flood of one starves no other"
        );
    }
    let answer = sender::carrier(gateway.public(), r#"{"id":"3"}"#)
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("SP-S003"))
    );
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(
        page["events"].as_array().map(Vec::len),
        Some(4),
        "what was refused is not kept"
    );
}
