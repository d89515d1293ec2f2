//! Stopping while the world goes on: unready at once, then late, then gone; nothing lost.

use tokio::io::AsyncWriteExt;

use crate::support::exchange::{connect, rest, stripe, stripe_signature};
use crate::support::gateway::{Gateway, Setup};
use crate::support::{eventually, sender};

pub(crate) const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["file:FOLDER/secret"]

[[routes]]
name     = "every"
source   = "stripe"
workflow = "w-${body.id}"
signal   = "s"
"#;

pub(crate) fn setup() -> Setup {
    Setup::new(ROUTES, "127.0.0.1:1").file("secret", sender::STRIPE_SECRET)
}

async fn ready(gateway: &Gateway) -> u16 {
    gateway.get("/ready").await.0
}

#[tokio::test]
async fn sigterm_makes_it_unready_goes_on_accepting_and_finishes_what_is_in_flight() {
    let mut gateway = setup()
        .flag("--drain-delay", "2s")
        .flag("--drain", "30s")
        .start()
        .await;
    let body = br#"{"id":"in_flight"}"#;
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(sender::STRIPE_SECRET, &now, body);
    let head = format!(
        "POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut slow = connect(&gateway, head.as_bytes()).await;
    slow.write_all(&body[..4]).await.expect("the first half");

    gateway.terminate();
    eventually("/ready says no", async || ready(&gateway).await == 503).await;
    let late = stripe(&gateway, r#"{"id":"late"}"#).await;
    assert_eq!(late.status, 200, "still accepting: {}", late.text);
    let public = gateway.public().trim_start_matches("http://").to_owned();
    eventually("the listener closes", async || {
        tokio::net::TcpStream::connect(&public).await.is_err()
    })
    .await;
    slow.write_all(&body[4..]).await.expect("the second half");
    let answer = rest(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(gateway.exited().await.success());

    gateway.restart().await;
    for key in ["in_flight", "late"] {
        let (_, page) = gateway.get(&format!("/v1/events?key={key}")).await;
        assert_eq!(page["events"][0]["state"], "pending", "{key}");
    }
}

#[tokio::test]
async fn a_second_sigterm_does_not_wait_for_load_balancers() {
    let mut gateway = setup().flag("--drain-delay", "1h").start().await;
    gateway.terminate();
    eventually("/ready says no", async || ready(&gateway).await == 503).await;
    gateway.terminate();
    assert!(gateway.exited().await.success());
    let log = gateway.log();
    assert!(
        !log.contains("cannot promise"),
        "an orderly end is no trouble: {log}"
    );
}
