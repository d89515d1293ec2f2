//! Stripe's signature header, written in every way that it should not be; and what still counts.

use serde_json::json;

use crate::support::exchange::{mac, post, stripe_signature};
use crate::support::sender;
use crate::webhooks::gateway;

const BODY: &str = r#"{"id":"evt_1","type":"none"}"#;

fn now() -> String {
    signalpost::clock::now().seconds().to_string()
}

/// The signature of the body now, in hex.
fn signed(now: &str) -> String {
    let text = format!("{now}.{BODY}");
    hex::encode(mac(sender::STRIPE_SECRET.as_bytes(), text.as_bytes()))
}

#[tokio::test]
async fn a_signature_header_is_read_exactly_or_refused() {
    let gateway = gateway("127.0.0.1:1").await;
    let url = format!("{}/hooks/stripe", gateway.public());
    let (t, v) = (now(), signed(&now()));
    let short = v.get(..62).expect("hex");
    for header in [
        format!("t={t},t={t},v1={v}"),
        format!("t={t}, v1={v}"),
        format!("t = {t},v1 = {v}"),
        format!("t={t};v1={v}"),
        format!("t={t},v1={short}"),
        format!("t={t},v1={v}00"),
        format!("t={t},v1={v}0"),
        format!("t={t},v1="),
        format!("t={t},v1==  {v}"),
        format!("t={t},v1=0x{v}"),
        format!("t={t}"),
        format!("v1={v}"),
        format!("T={t},V1={v}"),
        ",".repeat(8192),
        "=".repeat(8192),
        v.clone(),
    ] {
        let answer = post(&url, &[("Stripe-Signature", &header)], BODY).await;
        let shown = header.get(..90).unwrap_or(&header);
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (401, &json!("SP-R101")),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_good_signature_counts_among_others_in_any_order() {
    let gateway = gateway("127.0.0.1:1").await;
    let url = format!("{}/hooks/stripe", gateway.public());
    let (t, v) = (now(), signed(&now()));
    let others = format!("v1={},", "0".repeat(64)).repeat(99);
    for header in [
        format!("v1={v},t={t}"),
        format!("t={t},{others}v1={v}"),
        format!("t={t},v0=abc,v1={v},v2=xyz"),
        // What is no entry spoils no good one: Stripe's own libraries skip it.
        format!("t={t},v1={v},"),
        format!(",,,t={t},v1={v}"),
        format!("t={t},v1={v},garbage"),
        format!("t={t},v1={v},scheme={}", "x".repeat(8192)),
        // Either case of hex says the same bytes.
        format!("t={t},v1={}", v.to_ascii_uppercase()),
    ] {
        let answer = post(&url, &[("Stripe-Signature", &header)], BODY).await;
        let shown = header.get(..90).unwrap_or(&header);
        assert_eq!(answer.status, 200, "{shown}: {}", answer.text);
    }
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(
        page["events"].as_array().map(Vec::len),
        Some(1),
        "one event, however it was signed"
    );
}

#[tokio::test]
async fn a_signed_time_is_plain_digits_near_now() {
    let gateway = gateway("127.0.0.1:1").await;
    let url = format!("{}/hooks/stripe", gateway.public());
    let t = now();
    let millis = format!("{t}000");
    for time in [
        &format!("+{t}"),
        &format!("{t}.0"),
        &format!(" {t}"),
        "-1",
        "0",
        "",
        "9223372036854775807",
        "99999999999999999999999",
        &millis,
    ] {
        let header = stripe_signature(sender::STRIPE_SECRET, time, BODY.as_bytes());
        let answer = post(&url, &[("Stripe-Signature", &header)], BODY).await;
        assert_eq!(answer.status, 401, "{time:?}: {}", answer.text);
    }
    // The text that was signed is what counts: a zero before it changes nothing of what it says.
    let header = stripe_signature(sender::STRIPE_SECRET, &format!("0{t}"), BODY.as_bytes());
    assert_eq!(
        post(&url, &[("Stripe-Signature", &header)], BODY)
            .await
            .status,
        200
    );
}
