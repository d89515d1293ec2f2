//! The outside world of the demo: a payment provider, a carrier, a forger and people with tokens.

use std::error::Error;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use signalpost::clock;

pub(crate) const STRIPE_SECRET: &str = "whsec_demo_stripe_secret";
pub(crate) const CARRIER_SECRET: &str = "demo-carrier-secret";

/// What came back: status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length (RFC 2104)"
)]
fn mac(secret: &str, signed: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(signed.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The `Stripe-Signature` header for `body`, signed at `time` (Unix seconds).
pub(crate) fn stripe_signature(secret: &str, time: i64, body: &str) -> String {
    format!("t={time},v1={}", mac(secret, &format!("{time}.{body}")))
}

/// A payment event as Stripe sends it.
pub(crate) fn payment(order: &str, event: &str, amount: u64) -> String {
    json!({
        "id": event,
        "type": "payment_intent.succeeded",
        "data": { "object": { "id": format!("pi_{event}"), "amount": amount, "metadata": { "order_id": order } } }
    })
    .to_string()
}

/// A carrier's message about a parcel.
pub(crate) fn parcel(order: &str, event: &str) -> String {
    json!({
        "id": event,
        "event": "parcel.in_transit",
        "parcel": { "reference": order, "tracking": format!("TRK-{order}") }
    })
    .to_string()
}

/// Posts as Stripe would, signed now with `secret`.
pub(crate) async fn stripe(base: &str, secret: &str, body: &str) -> Result<Answer, Box<dyn Error>> {
    let signature = stripe_signature(secret, clock::now().seconds(), body);
    post(
        &format!("{base}/hooks/stripe"),
        &[("Stripe-Signature", signature)],
        body,
    )
    .await
}

/// Posts as the carrier would.
pub(crate) async fn carrier(base: &str, body: &str) -> Result<Answer, Box<dyn Error>> {
    let time = clock::now().seconds().to_string();
    let signature = format!("sha256={}", mac(CARRIER_SECRET, &format!("{time}.{body}")));
    let headers = [
        ("X-Carrier-Timestamp", time),
        ("X-Carrier-Signature", signature),
    ];
    post(&format!("{base}/hooks/carrier"), &headers, body).await
}

/// Posts `body` with these headers beside its content type.
pub(crate) async fn post(
    url: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Result<Answer, Box<dyn Error>> {
    let mut request = reqwest::Client::new()
        .post(url)
        .header("Content-Type", "application/json")
        .body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    answer(request.send().await?).await
}

/// Asks for an order's status with a token.
pub(crate) async fn ask(base: &str, order: &str, token: &str) -> Result<Answer, Box<dyn Error>> {
    let url = format!("{base}/orders/{order}/status");
    answer(
        reqwest::Client::new()
            .get(url)
            .bearer_auth(token)
            .send()
            .await?,
    )
    .await
}

async fn answer(response: reqwest::Response) -> Result<Answer, Box<dyn Error>> {
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok(Answer {
        status,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    })
}

/// The shop's identity provider: one key, tokens on request.
pub(crate) struct IdentityProvider {
    key: EcdsaKeyPair,
}

impl IdentityProvider {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        Ok(Self { key })
    }

    /// The public half, as a JWKS document.
    pub(crate) fn jwks(&self) -> Result<String, Box<dyn Error>> {
        // An uncompressed point: 0x04, then x and y of 32 bytes each.
        let point = self.key.public_key().as_ref();
        let (x, y) = point
            .get(1..)
            .and_then(|xy| xy.split_at_checked(32))
            .ok_or("the key is no P-256 point")?;
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "demo",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)
        });
        Ok(json!({ "keys": [key] }).to_string())
    }

    /// A token for `subject` with `role`, good for an hour.
    pub(crate) fn token(&self, subject: &str, role: &str) -> Result<String, Box<dyn Error>> {
        let now = clock::now().seconds();
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "demo" });
        let claims = json!({
            "iss": "https://shop.example/", "aud": "signalpost", "sub": subject, "roles": [role],
            "iat": now, "exp": now + 3600
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
