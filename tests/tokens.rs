//! Webhooks that carry a token, and where the keys for it come from: fetched, rotated, away.

use serde_json::json;

use crate::support::eventually;
use crate::support::exchange::{Answer, post};
use crate::support::gateway::{Gateway, Setup};
use crate::support::issuer::{ISSUER, Issuer};

const ROUTES: &str = r#"
[issuers.corp]
issuer   = "https://idp.example/"
audience = "signalpost"
jwks     = "JWKS"

[sources.approvals]
provider = "jwt"
issuer   = "corp"
event    = { type = "body.type" }

[[routes]]
name     = "approval"
source   = "approvals"
on       = "approval.*"
workflow = "order-${body.order}"
signal   = "approved"
args     = [{ by = "${claims.sub}" }]
"#;

const BODY: &str = r#"{"type":"approval.given","order":"7"}"#;

async fn gateway(jwks: &str) -> Gateway {
    Setup::new(&ROUTES.replace("JWKS", jwks), "127.0.0.1:1")
        .start()
        .await
}

async fn approve(gateway: &Gateway, token: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    headers.extend(more);
    let url = format!("{}/hooks/approvals", gateway.public());
    post(&url, &headers, body).await
}

#[tokio::test]
async fn a_token_is_accepted_and_an_event_without_a_route_is_refused_and_not_kept() {
    let issuer = Issuer::start().await;
    let gateway = gateway(issuer.address()).await;
    let token = issuer.token("first", "ada");
    let accepted = approve(&gateway, &token, &[], BODY).await;
    assert_eq!(
        (accepted.status, &accepted.body["deliveries"]),
        (200, &json!(1)),
        "{}",
        accepted.text
    );
    let repeat = approve(&gateway, &token, &[], BODY).await;
    assert_eq!(
        repeat.body,
        json!({ "status": "duplicate", "event": accepted.event() })
    );
    let other = approve(&gateway, &issuer.token("first", "bob"), &[], BODY).await;
    assert_eq!(
        other.body["status"], "accepted",
        "another caller's is another event"
    );
    gateway.says(&[r#""who":"corp:bob""#]).await;

    let unrouted = r#"{"type":"other"}"#;
    for _ in 0..2 {
        let answer = approve(&gateway, &token, &[], unrouted).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("SP-R302"))
        );
    }
    let (_, page) = gateway.get("/v1/events?state=unrouted").await;
    assert_eq!(page["events"], json!([]), "no event, no key taken");
}

#[tokio::test]
async fn an_idempotency_key_with_another_body_is_a_conflict() {
    let issuer = Issuer::start().await;
    let gateway = gateway(issuer.address()).await;
    let token = issuer.token("first", "ada");
    let key = [("Idempotency-Key", "k-1")];
    let first = approve(&gateway, &token, &key, BODY).await;
    assert_eq!(first.body["status"], "accepted", "{}", first.text);
    let again = approve(&gateway, &token, &key, BODY).await;
    assert_eq!(
        again.body,
        json!({ "status": "duplicate", "event": first.event() })
    );
    let changed = BODY.replace('7', "8");
    let conflict = approve(&gateway, &token, &key, &changed).await;
    assert_eq!(
        (conflict.status, &conflict.body["code"]),
        (409, &json!("SP-R301")),
        "{}",
        conflict.text
    );
    let other = approve(&gateway, &issuer.token("first", "bob"), &key, &changed).await;
    assert_eq!(
        other.body["status"], "accepted",
        "the key counts per caller"
    );
    let two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    assert_eq!(approve(&gateway, &token, &two, BODY).await.status, 400);
}

#[tokio::test]
async fn every_bad_token_is_refused_with_the_same_words() {
    let mut issuer = Issuer::start().await;
    let gateway = gateway(issuer.address()).await;
    let now = signalpost::clock::now().seconds();
    let good = json!({ "iss": ISSUER, "aud": "signalpost", "sub": "ada", "exp": now + 60 });
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        issuer.token_with("first", &claims)
    };
    let mut bad = vec![
        with("exp", json!(now - 31)),
        with("exp", json!("soon")),
        with("exp", json!(null)),
        with("nbf", json!(now + 90)),
        with("iss", json!("https://other.example/")),
        with("iss", json!(null)),
        with("aud", json!("other")),
        with("aud", json!([])),
        with("aud", json!({ "signalpost": true })),
        with("sub", json!(7)),
        String::new(),
        "a.b.c".to_owned(),
    ];
    let token = issuer.token_with("first", &good);
    let parts: Vec<&str> = token.split('.').collect();
    // alg none, with and without the rest of a signature.
    bad.push(format!("eyJhbGciOiJub25lIn0.{}.", parts[1]));
    bad.push(format!("eyJhbGciOiJub25lIn0.{}.{}", parts[1], parts[2]));
    bad.push(format!("{}.{}.", parts[0], parts[1]));
    bad.push(format!("{token}."));
    issuer.make_key("hidden");
    bad.push(issuer.token("hidden", "ada"));
    for token in &bad {
        let answer = approve(&gateway, token, &[], BODY).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (401, &json!("SP-R101")),
            "{token}"
        );
    }
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]));
    assert_eq!(
        approve(&gateway, &token, &[], BODY).await.status,
        200,
        "the good one is good"
    );
    let url = format!("{}/hooks/approvals?access_token={token}", gateway.public());
    assert_eq!(
        post(&url, &[], BODY).await.status,
        401,
        "only the header is read"
    );
}

#[tokio::test]
async fn keys_are_fetched_at_start_and_again_for_an_unknown_one_and_kept_while_the_issuer_is_down()
{
    let mut issuer = Issuer::start().await;
    let gateway = gateway(issuer.address()).await;
    eventually("the keys are fetched at start", async || issuer.asked() > 0).await;
    assert_eq!(
        approve(&gateway, &issuer.token("first", "ada"), &[], BODY)
            .await
            .status,
        200
    );

    issuer.publish("second");
    let token = issuer.token("second", "eve");
    eventually("a token under a new key is taken", async || {
        approve(&gateway, &token, &[], BODY).await.status == 200
    })
    .await;
    let asked = issuer.asked();
    assert!(
        asked <= 3,
        "asked {asked} times: strangers cannot make it ask at will"
    );

    issuer.go_down();
    issuer.make_key("third");
    let unknown = issuer.token("third", "eve");
    eventually(
        "an unknown key proves nothing while the issuer is down",
        async || {
            let answer = approve(&gateway, &unknown, &[], BODY).await;
            answer.status == 503 && answer.header("retry-after") == "5"
        },
    )
    .await;
    let kept = approve(&gateway, &issuer.token("first", "kim"), &[], BODY).await;
    assert_eq!(kept.status, 200, "the last good keys go on: {}", kept.text);
}

#[tokio::test]
async fn keys_that_were_never_had_are_503_and_never_401() {
    let issuer = Issuer::start().await;
    let gateway = gateway("http://127.0.0.1:1/jwks").await;
    let answer = approve(&gateway, &issuer.token("first", "ada"), &[], BODY).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("SP-R402")),
        "{}",
        answer.text
    );
    assert_eq!(answer.header("retry-after"), "5");
    // What is no token at all needs no keys to be refused.
    assert_eq!(approve(&gateway, "x", &[], BODY).await.status, 401);
}
