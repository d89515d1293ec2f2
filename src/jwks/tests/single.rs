//! Plaid's way to hand out keys, by a stand-in over https: what it is asked, how often, and what becomes of a webhook.

use std::sync::atomic::AtomicBool;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::site::{Page, Site};
use super::*;
use crate::clock;
use crate::secret::Secret;
use crate::token::{
    self,
    Refusal::{BadSignature, Malformed, NoKeys, UnknownKey},
};
use crate::verify::given::Given;
use crate::verify::providers::{self, SchemeSpec};
use crate::verify::verifier::{Moment, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest};

const KID: &str = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";
const BODY: &str = "{\n  \"webhook_type\": \"TRANSACTIONS\"\n}";

/// Plaid as it is in one test.
struct Plaid {
    key: EcdsaKeyPair,
    down: AtomicBool,
    /// What it takes for the client's secret.
    secret: &'static str,
}

impl Plaid {
    fn new(secret: &'static str) -> Arc<Self> {
        Arc::new(Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            down: AtomicBool::new(false),
            secret,
        })
    }

    async fn start(self: &Arc<Self>) -> Site {
        let plaid = Arc::clone(self);
        Site::start(move |path, body| plaid.answer(path, body)).await
    }

    fn answer(&self, path: &str, body: &str) -> Page {
        let refusal = |code: &str| {
            let text = json!({ "error_type": "INVALID_INPUT", "error_code": code }).to_string();
            Some(("400 Bad Request", "", text))
        };
        if self.down.load(Ordering::SeqCst) {
            return Some(("503 Service Unavailable", "", String::new()));
        }
        match path.strip_suffix("/webhook_verification_key/get") {
            Some("") => {}
            Some("/moved") => {
                let to = "location: /webhook_verification_key/get\r\n";
                return Some(("307 Temporary Redirect", to, String::new()));
            }
            Some("/huge") => {
                let text = json!({ "key": self.jwk(KID), "more": "x".repeat(64 * 1024) });
                return Some(("200 OK", "", text.to_string()));
            }
            _ => return None,
        }
        let question: Value = serde_json::from_str(body).unwrap();
        if question["client_id"] != "a-client" || question["secret"] != self.secret {
            return refusal("INVALID_API_KEYS");
        }
        let mut key = self.jwk(question["key_id"].as_str().unwrap());
        if key["kid"] == "expired" {
            key["expired_at"] = json!(1_780_000_000);
        } else if key["kid"] != KID {
            return refusal("INVALID_WEBHOOK_VERIFICATION_KEY_ID");
        }
        let text = json!({ "key": key, "request_id": "RZ6Omi1bzzwDaLo" }).to_string();
        Some(("200 OK", "", text))
    }

    fn jwk(&self, kid: &str) -> Value {
        let point = self.key.public_key().as_ref();
        json!({
            "alg": "ES256", "crv": "P-256", "kid": kid, "kty": "EC", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
            "created_at": 1_560_466_143, "expired_at": null,
        })
    }

    fn webhook(&self, kid: &str) -> WebhookRequest {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let hash = hex::encode(Sha256::digest(BODY));
        let claims = json!({ "iat": clock::now().seconds(), "request_body_sha256": hash });
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        let mut headers = HeaderMap::new();
        headers.insert("plaid-verification", HeaderValue::from_str(&token).unwrap());
        let target = Uri::from_static("/hooks/bank");
        WebhookRequest::new(Method::POST, &target, headers, String::new(), BODY.into())
    }
}

fn source(address: &str, secrets: &[&str]) -> Box<dyn Verifier> {
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    let given = Given {
        name: "bank".to_owned(),
        client_id: Some(secret("a-client")),
        secrets: secrets.iter().map(|text| secret(text)).collect(),
        environment: Some(address.to_owned()),
        ..Given::default()
    };
    let SchemeSpec::Code { build, .. } = providers::find("plaid").unwrap().scheme else {
        panic!("plaid is code");
    };
    build(&given).unwrap()
}

/// Whether a webhook under this key is proven; an error that is none of the sender's is `NoKeys`.
async fn judge(
    jwks: &Jwks,
    source: &dyn Verifier,
    request: &WebhookRequest,
) -> Result<(), token::Refusal> {
    let judged = || {
        let moment = Moment {
            now: clock::now(),
            retention: Duration::from_hours(24),
        };
        match source.verify(request, moment) {
            Ok(_) => Ok(()),
            Err(Refusal::Token(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    };
    let first = judged();
    if !matches!(&first, Err(refusal) if refusal.wants_keys()) {
        return first;
    }
    let Some(Wanted::Key { service, kid }) = source.wants(request) else {
        panic!("a key is wanted");
    };
    assert!(!format!("{service:?}").contains("a-secret"));
    let known = jwks.key(&service, &kid).await;
    let second = judged();
    assert_eq!(known, second != Err(NoKeys));
    second
}

#[tokio::test]
async fn a_key_is_asked_for_once_however_many_webhooks_name_it() {
    let plaid = Plaid::new("a-secret");
    let site = plaid.start().await;
    let jwks = Arc::new(site.keeper(true, Options::default()));
    let source: Arc<dyn Verifier> = source(&site.address, &["a-secret"]).into();
    let mut webhooks = JoinSet::new();
    for _ in 0..50 {
        let (jwks, source, request) = (Arc::clone(&jwks), Arc::clone(&source), plaid.webhook(KID));
        webhooks.spawn(async move { judge(&jwks, source.as_ref(), &request).await });
    }
    while let Some(judged) = webhooks.join_next().await {
        assert_eq!(judged.unwrap(), Ok(()));
    }
    let forged = Plaid::new("a-secret").webhook(KID);
    let judged = judge(&jwks, source.as_ref(), &forged).await;
    assert_eq!(judged, Err(BadSignature));
    assert_eq!(site.asked(), 1);
}

#[tokio::test]
async fn a_key_that_is_unknown_or_expired_is_refused_and_not_asked_for_again() {
    let plaid = Plaid::new("a-secret");
    let site = plaid.start().await;
    let jwks = site.keeper(true, quick());
    let source = source(&site.address, &["a-secret"]);
    for (asked, kid) in ["made-up", "expired"].into_iter().enumerate() {
        for _ in 0..3 {
            let judged = judge(&jwks, source.as_ref(), &plaid.webhook(kid)).await;
            assert_eq!(judged, Err(UnknownKey(kid.to_owned())));
        }
        assert_eq!(site.asked(), asked + 1);
    }
}

#[tokio::test]
async fn a_stranger_cannot_make_us_ask_without_end() {
    let plaid = Plaid::new("a-secret");
    let site = plaid.start().await;
    let jwks = site.keeper(true, quick());
    let source = source(&site.address, &["a-secret"]);
    for kid in ["", "../item/get", "a b", "k\n", "\u{e9}", &"k".repeat(65)] {
        let judged = judge(&jwks, source.as_ref(), &plaid.webhook(kid)).await;
        assert!(matches!(judged, Err(Malformed(_))), "{kid}");
    }
    assert_eq!(site.asked(), 0, "no id of a key");
    let genuine = plaid.webhook(KID);
    assert_eq!(judge(&jwks, source.as_ref(), &genuine).await, Ok(()));
    for number in 0..60 {
        let made_up = plaid.webhook(&format!("made-up-{number}"));
        let refused = judge(&jwks, source.as_ref(), &made_up).await;
        assert!(refused.is_err());
    }
    assert_eq!(site.asked(), 20);
    assert_eq!(judge(&jwks, source.as_ref(), &genuine).await, Ok(()));
}

#[tokio::test]
async fn while_plaid_is_down_the_sender_is_to_come_again() {
    let plaid = Plaid::new("a-secret");
    let site = plaid.start().await;
    let source = source(&site.address, &["a-secret"]);
    let webhook = plaid.webhook(KID);
    plaid.down.store(true, Ordering::SeqCst);
    let patient = site.keeper(true, Options::default());
    for _ in 0..3 {
        let judged = judge(&patient, source.as_ref(), &webhook).await;
        assert_eq!(judged, Err(NoKeys));
    }
    assert_eq!(site.asked(), 1, "once in ten seconds");
    plaid.down.store(false, Ordering::SeqCst);
    let jwks = site.keeper(true, quick());
    assert_eq!(judge(&jwks, source.as_ref(), &webhook).await, Ok(()));
}

#[tokio::test]
async fn credentials_are_tried_in_turn_and_refused_ones_are_no_fault_of_the_sender() {
    let plaid = Plaid::new("a-secret-of-now");
    let site = plaid.start().await;
    let jwks = site.keeper(true, Options::default());
    let webhook = plaid.webhook(KID);
    let wrong = source(&site.address, &["a-secret"]);
    let judged = judge(&jwks, wrong.as_ref(), &webhook).await;
    assert_eq!(judged, Err(NoKeys));
    let jwks = site.keeper(true, Options::default());
    let rotated = source(&site.address, &["a-secret", "a-secret-of-now"]);
    assert_eq!(judge(&jwks, rotated.as_ref(), &webhook).await, Ok(()));
    assert_eq!(site.asked(), 3);
}

#[tokio::test]
async fn redirects_floods_silence_and_strange_hosts_give_no_key() {
    let plaid = Plaid::new("a-secret");
    let site = plaid.start().await;
    let options = Options {
        timeout: Duration::from_millis(500),
        ..Options::default()
    };
    let webhook = plaid.webhook(KID);
    for (asked, path) in ["/moved", "/huge", "/silent"].into_iter().enumerate() {
        let jwks = site.keeper(true, options.clone());
        let source = source(&format!("{}{path}", site.address), &["a-secret"]);
        let judged = judge(&jwks, source.as_ref(), &webhook).await;
        assert_eq!(judged, Err(NoKeys), "{path}");
        assert_eq!(site.asked(), asked + 1, "{path}");
    }
    let jwks = site.keeper(false, options);
    let source = source(&site.address, &["a-secret"]);
    let judged = judge(&jwks, source.as_ref(), &webhook).await;
    assert_eq!(judged, Err(NoKeys), "its certificate is nobody's");
    assert_eq!(site.asked(), 3);
}
