//! Providers that publish the keys they sign with: fetched before the first webhook, and what callers hear while they are away.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::eventually;
use crate::support::exchange::{Answer, post};
use crate::support::gateway::{Gateway, Setup};
use crate::support::issuer::Issuer;

const ROUTES: &str = r#"
[sources.people]
provider = "fusionauth"
jwks     = "JWKS"
"#;

async fn gateway(issuer: &Issuer) -> Gateway {
    Setup::new(&ROUTES.replace("JWKS", issuer.address()), "127.0.0.1:1")
        .start()
        .await
}

/// Signed by `kid` for the body `signed`, sent with another or the same.
async fn send(gateway: &Gateway, issuer: &Issuer, kid: &str, signed: &str, body: &str) -> Answer {
    let hash = STANDARD.encode(Sha256::digest(signed));
    let token = issuer.token_with(kid, &json!({ "request_body_sha256": hash }));
    let headers = [("X-FusionAuth-Signature-JWT", token.as_str())];
    let url = format!("{}/hooks/people", gateway.public());
    post(&url, &headers, body).await
}

fn event(id: &str) -> String {
    json!({ "event": { "id": id, "type": "user.create" } }).to_string()
}

#[tokio::test]
async fn keys_are_at_hand_before_the_first_webhook() {
    let mut issuer = Issuer::start().await;
    let gateway = gateway(&issuer).await;
    let body = event("e-1");
    eventually("the webhook is taken", async || {
        send(&gateway, &issuer, "first", &body, &body).await.status == 200
    })
    .await;
    let asked = issuer.asked();
    let forged = send(&gateway, &issuer, "first", &body, &event("e-2")).await;
    assert_eq!(
        (forged.status, &forged.body["code"]),
        (401, &json!("SP-R101"))
    );
    issuer.make_key("unpublished");
    for _ in 0..20 {
        let unknown = send(&gateway, &issuer, "unpublished", &body, &body).await;
        assert_eq!(unknown.status, 401, "{}", unknown.text);
    }
    assert!(issuer.asked() <= asked + 1, "strangers do not make us ask");
}

#[tokio::test]
async fn keys_that_are_away_are_no_fault_of_the_sender() {
    let mut issuer = Issuer::start().await;
    issuer.go_down();
    let gateway = gateway(&issuer).await;
    let body = event("e-1");
    let early = send(&gateway, &issuer, "first", &body, &body).await;
    assert_eq!(
        (early.status, &early.body["code"]),
        (503, &json!("SP-R402"))
    );
    assert!(!early.header("retry-after").is_empty());
    issuer.publish("second");
    eventually("the webhook is taken", async || {
        send(&gateway, &issuer, "second", &body, &body).await.status == 200
    })
    .await;
}
