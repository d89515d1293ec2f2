//! What a source lets in before the proof, and when it is missed: `allow_ips`, `max_body`, `silence`.

use serde_json::json;

use crate::support::eventually;
use crate::support::exchange::{Answer, post, stripe, stripe_signature};
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::NO_TEMPORAL;
use crate::support::sender;

fn setup(keys: &str) -> Setup {
    let routes = format!(
        r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]
{keys}

[[routes]]
name     = "every"
source   = "stripe"
workflow = "w-${{body.id}}"
signal   = "s"
"#
    );
    Setup::new(&routes, NO_TEMPORAL).env("SECRET", sender::STRIPE_SECRET)
}

/// A good webhook as a proxy hands it on for `client`.
async fn by(gateway: &Gateway, client: &str) -> Answer {
    let body = r#"{"id":"a"}"#;
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(sender::STRIPE_SECRET, &now, body.as_bytes());
    let headers = [
        ("Stripe-Signature", signature.as_str()),
        ("X-Forwarded-For", client),
    ];
    post(
        &format!("{}/hooks/stripe", gateway.public()),
        &headers,
        body,
    )
    .await
}

#[tokio::test]
async fn an_address_that_a_source_does_not_name_is_403_whatever_it_shows() {
    let gateway = setup("allow_ips = [\"192.0.2.0/24\", \"2001:db8::/32\"]")
        .flag("--trusted-proxies", "127.0.0.1")
        .start()
        .await;
    for (client, status) in [
        ("198.51.100.1", 403),
        ("192.0.2.7", 200),
        ("::ffff:192.0.2.7", 200),
        ("2001:db8::7", 200),
        ("2001:db9::7", 403),
        ("192.0.2.7, 198.51.100.1", 403),
    ] {
        assert_eq!(by(&gateway, client).await.status, status, "{client}");
    }
    let refused = stripe(&gateway, r#"{"id":"b"}"#).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("SP-R103"))
    );
    let line = gateway
        .says(&[r#""action":"webhook""#, r#""reason":"address""#])
        .await;
    assert!(line.contains(r#""who":"198.51.100.1""#), "{line}");
    let metrics = gateway.metrics().await;
    assert!(
        metrics
            .contains(r#"signalpost_webhook_refusals_total{source="stripe",reason="address"} 4"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn whom_a_stranger_claims_to_speak_for_is_nobody() {
    let named = "allow_ips = [\"192.0.2.0/24\"]";
    // Nobody is trusted; somebody else is; the one who is trusted is so for another header.
    let gateways = [
        setup(named),
        setup(named).flag("--trusted-proxies", "192.0.2.0/24,::1"),
        setup(named)
            .flag("--trusted-proxies", "127.0.0.1")
            .flag("--trusted-proxy-header", "Forwarded"),
    ];
    for setup in gateways {
        let gateway = setup.start().await;
        assert_eq!(by(&gateway, "192.0.2.7").await.status, 403);
        gateway.says(&["\"audit\"", "\"who\":\"127.0.0.1\""]).await;
    }
}

#[tokio::test]
async fn what_a_proxy_says_of_scheme_and_host_is_never_read() {
    let fixture = include_str!("fixtures/providers/twilio/valid.http");
    let (head, body) = fixture.split_once("\n\n").expect("head and body");
    let signature = head.split_once("X-Twilio-Signature: ").expect("one").1;
    let routes = "[sources.twilio]\nprovider = \"twilio\"\nsecrets = [\"env:SECRET\"]\n";
    let start = async |public: &str| {
        let setup = Setup::new(routes, NO_TEMPORAL)
            .env("SECRET", "0b7f3c9d2e5a48416f9b1c7d8e2a5f30")
            .flag("--trusted-proxies", "127.0.0.1")
            .flag("--public-url", public);
        setup.start().await
    };
    let claimed = async |gateway: &Gateway, host: &str, scheme: &str| {
        let headers = [
            ("X-Twilio-Signature", signature),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Host", host),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Proto", scheme),
        ];
        let url = format!("{}/hooks/twilio", gateway.public());
        post(&url, &headers, body).await.status
    };
    let right = start("https://hooks.example.com").await;
    assert_eq!(claimed(&right, "evil.example", "http").await, 200);
    let wrong = start("http://other.example").await;
    assert_eq!(claimed(&wrong, "hooks.example.com", "https").await, 401);
}

#[tokio::test]
async fn a_source_can_lower_the_size_of_bodies_and_not_raise_it() {
    let body = |size: usize| {
        let frame = r#"{"id":"a","p":""}"#.len();
        format!(r#"{{"id":"a","p":"{}"}}"#, "x".repeat(size - frame))
    };
    let lowered = setup("max_body = \"1KiB\"").start().await;
    assert_eq!(stripe(&lowered, body(1024)).await.status, 200);
    let over = stripe(&lowered, body(1025)).await;
    assert_eq!((over.status, &over.body["code"]), (413, &json!("SP-R204")));

    let raised = setup("max_body = \"1MiB\"")
        .flag("--max-body", "1KiB")
        .start()
        .await;
    assert_eq!(stripe(&raised, body(1025)).await.status, 413);
    raised.says(&["SP-C035"]).await;
}

fn gauge(metrics: &str, name: &str) -> Option<f64> {
    let line = format!("signalpost_{name}{{source=\"stripe\"}} ");
    let found = metrics.lines().find_map(|it| it.strip_prefix(&line));
    found.map(|value| value.parse().expect("a number"))
}

#[tokio::test]
async fn a_source_that_falls_silent_is_said_once_and_known_again_when_it_sends() {
    let gateway = setup("silence = \"4s\"").start().await;
    let silent = async || gauge(&gateway.metrics().await, "source_silent");
    eventually("it is watched", async || silent().await == Some(0.0)).await;
    assert_eq!(
        gauge(&gateway.metrics().await, "source_silence_seconds"),
        Some(4.0)
    );
    eventually("it is silent", async || silent().await == Some(1.0)).await;
    assert_eq!(stripe(&gateway, r#"{"id":"a"}"#).await.status, 200);
    eventually("it is heard", async || silent().await == Some(0.0)).await;
    gateway.says(&["sends again"]).await;
    let said = |log: &str| log.matches("sent nothing for longer").count();
    assert_eq!(said(&gateway.log()), 1);
}

#[tokio::test]
async fn a_restart_does_not_forget_when_a_source_last_sent() {
    let mut gateway = setup("silence = \"1h\"").start().await;
    assert_eq!(stripe(&gateway, r#"{"id":"a"}"#).await.status, 200);
    let last = async |gateway: &Gateway| {
        gauge(
            &gateway.metrics().await,
            "source_last_event_timestamp_seconds",
        )
    };
    let before = last(&gateway).await.expect("it has sent");
    gateway.restart().await;
    eventually("the store was asked", async || {
        last(&gateway).await.is_some()
    })
    .await;
    let after = last(&gateway).await.expect("it has sent");
    assert!((before - after).abs() < 1.5, "{before} {after}");
}
