//! Plaid's own endpoint for keys, by a stand-in on loopback: what senders hear, and that no credential is in the log.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post as on_post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signalpost::clock;

use crate::support::eventually;
use crate::support::exchange::{Answer, post};
use crate::support::gateway::{Gateway, Setup};

const CLIENT: &str = "a-client-of-plaids";
const SECRET: &str = "the-secret-of-today";
const KID: &str = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";
const ROUTES: &str = r#"
[sources.bank]
provider    = "plaid"
client_id   = "env:CLIENT"
secrets     = ["env:SECRET"]
environment = "PLAID"
"#;

struct Plaid {
    key: EcdsaKeyPair,
    /// What it takes for the client's secret; none: it is down.
    takes: Mutex<Option<&'static str>>,
    asked: AtomicUsize,
}

impl Plaid {
    async fn start(takes: Option<&'static str>) -> (Arc<Self>, String) {
        let plaid = Arc::new(Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
            takes: Mutex::new(takes),
            asked: AtomicUsize::new(0),
        });
        let own = Arc::clone(&plaid);
        let answer = async move |body: String| own.answer(&body);
        let router = Router::new().route("/webhook_verification_key/get", on_post(answer));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = format!("http://{}", socket.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(socket, router).await });
        (plaid, address)
    }

    fn answer(&self, body: &str) -> (StatusCode, String) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let question: Value = serde_json::from_str(body).expect("a question in JSON");
        let Some(secret) = *self.takes.lock().expect("takes") else {
            return (StatusCode::BAD_GATEWAY, String::new());
        };
        let refused = |code| {
            let body = json!({ "error_type": "INVALID_INPUT", "error_code": code });
            (StatusCode::BAD_REQUEST, body.to_string())
        };
        if question["client_id"] != CLIENT || question["secret"] != secret {
            return refused("INVALID_API_KEYS");
        }
        if question["key_id"] != KID {
            return refused("INVALID_WEBHOOK_VERIFICATION_KEY_ID");
        }
        let point = self.key.public_key().as_ref();
        let key = json!({
            "alg": "ES256", "crv": "P-256", "kid": KID, "kty": "EC", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
            "created_at": 1_560_466_143, "expired_at": null,
        });
        (StatusCode::OK, json!({ "key": key }).to_string())
    }

    fn take(&self, secret: Option<&'static str>) {
        *self.takes.lock().expect("takes") = secret;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A webhook signed under `kid`.
    async fn send(&self, gateway: &Gateway, kid: &str) -> Answer {
        let body = r#"{"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE"}"#;
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
        let hash = hex::encode(Sha256::digest(body));
        let claims = json!({ "iat": clock::now().seconds(), "request_body_sha256": hash });
        let signed = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = self.key.sign(&random, signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.expect("a signature"));
        let token = format!("{signed}.{signature}");
        let url = format!("{}/hooks/bank", gateway.public());
        post(&url, &[("Plaid-Verification", token.as_str())], body).await
    }
}

async fn gateway(address: &str) -> Gateway {
    Setup::new(&ROUTES.replace("PLAID", address), "127.0.0.1:1")
        .env("CLIENT", CLIENT)
        .env("SECRET", SECRET)
        .start()
        .await
}

#[tokio::test]
async fn a_key_is_asked_for_by_the_first_webhook_and_a_made_up_one_once() {
    let (plaid, address) = Plaid::start(Some(SECRET)).await;
    let gateway = gateway(&address).await;
    assert_eq!(plaid.asked(), 0, "nothing is asked before it is needed");
    for _ in 0..3 {
        let taken = plaid.send(&gateway, KID).await;
        assert_eq!(taken.status, 200, "{}", taken.text);
    }
    assert_eq!(plaid.asked(), 1);
    for _ in 0..3 {
        let unknown = plaid.send(&gateway, "made-up").await;
        assert_eq!(
            (unknown.status, &unknown.body["code"]),
            (401, &json!("SP-R101"))
        );
    }
    assert_eq!(plaid.asked(), 2);
}

#[tokio::test]
async fn refused_credentials_are_loud_in_the_log_and_secret_and_the_sender_comes_again() {
    let (plaid, address) = Plaid::start(Some("the-secret-of-yesterday")).await;
    let gateway = gateway(&address).await;
    let early = plaid.send(&gateway, KID).await;
    assert_eq!(
        (early.status, &early.body["code"]),
        (503, &json!("SP-R402"))
    );
    assert!(!early.header("retry-after").is_empty());
    let line = gateway.says(&["refuses `client_id`", "bank"]).await;
    assert!(line.to_ascii_lowercase().contains("error"), "{line}");
    plaid.take(None);
    plaid.send(&gateway, KID).await;
    plaid.take(Some(SECRET));
    eventually("the webhook is taken", async || {
        plaid.send(&gateway, KID).await.status == 200
    })
    .await;
    let log = gateway.log();
    for secret in [CLIENT, SECRET] {
        assert!(!log.contains(secret), "{log}");
    }
}
