//! Who comes too often is told so: addresses, callers, sources, strangers with bad tokens; and nobody else.
//!
//! Rates of one an hour, so that no clock decides.

use serde_json::json;

use crate::audit::lines;
use crate::support::exchange::{Answer, get, post, stripe};
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::NO_TEMPORAL;
use crate::support::sender::{self, IdentityProvider};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]
rate     = "1/h"

[sources.carrier]
provider  = "hmac"
secrets   = ["env:CARRIER"]
signature = { header = "X-Carrier-Signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", signed = "{timestamp}.{body}" }
timestamp = { header = "X-Carrier-Timestamp" }
event     = { key = "body.id" }

[sources.people]
provider = "jwt"
issuer   = "shop"

[issuers.shop]
issuer     = "https://shop.example/"
audience   = "signalpost"
jwks       = "file:FOLDER/jwks.json"
algorithms = ["ES256"]
roles      = "claims.roles"

[[queries]]
name     = "status"
path     = "/orders/{order_id}/status"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "shop"
allow    = ["support"]

[[queries]]
name     = "rare"
path     = "/orders/{order_id}/rare"
workflow = "order-${path.order_id}"
query    = "get_rare"
issuer   = "shop"
allow    = ["support"]
rate     = "1/h"
"#;

/// Temporal is away, so that a caller who may ask is told that.
const LET_THROUGH: &str = "SP-Q307";

fn setup(idp: &IdentityProvider) -> Setup {
    Setup::new(ROUTES, NO_TEMPORAL)
        .env("SECRET", sender::STRIPE_SECRET)
        .env("CARRIER", sender::CARRIER_SECRET)
        .file("jwks.json", &idp.jwks().expect("keys"))
        .flag("--audit", "file:FOLDER/audit.log")
}

async fn ask(gateway: &Gateway, path: &str, token: &str, from: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-for", from),
    ];
    get(&format!("{}{path}", gateway.public()), &headers).await
}

fn code(answer: &Answer) -> &str {
    answer.body["code"].as_str().unwrap_or_default()
}

fn waits(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().expect("seconds")
}

#[tokio::test]
async fn a_source_has_its_rate_of_proven_requests_and_junk_uses_none_of_it() {
    let idp = IdentityProvider::new().expect("keys");
    let gateway = setup(&idp).start().await;
    let url = format!("{}/hooks/stripe", gateway.public());
    for _ in 0..20 {
        let junk = post(&url, &[("Stripe-Signature", "t=1,v1=00")], "{}").await;
        assert_eq!(junk.status, 401);
    }
    assert_eq!(stripe(&gateway, r#"{"id":"a"}"#).await.status, 200);
    let more = stripe(&gateway, r#"{"id":"b"}"#).await;
    assert_eq!((more.status, code(&more)), (429, "SP-R404"));
    assert!((3_000..=3_600).contains(&waits(&more)));
    let other = sender::carrier(gateway.public(), r#"{"id":"a"}"#).await;
    assert_eq!(
        other.expect("an answer").status,
        200,
        "another source has no part in it"
    );
    let (_, page) = gateway.get("/v1/events?source=stripe").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn each_caller_has_a_rate_of_its_own_by_rule_and_over_all() {
    let idp = IdentityProvider::new().expect("keys");
    let token = |who: &str, role: &str| idp.token(who, role).expect("a token");
    let gateway = setup(&idp).start().await;
    for who in ["ann", "bob"] {
        let first = ask(&gateway, "/orders/1/rare", &token(who, "support"), "").await;
        assert_eq!(code(&first), LET_THROUGH);
        // Another order, another token of the same caller: the same caller.
        let second = ask(&gateway, "/orders/2/rare", &token(who, "support"), "").await;
        assert_eq!((second.status, code(&second)), (429, "SP-Q401"));
        let other = ask(&gateway, "/orders/2/status", &token(who, "support"), "").await;
        assert_eq!(code(&other), LET_THROUGH);
    }
    let overall = setup(&idp).flag("--query-rate", "1/h").start().await;
    let ann = token("ann", "guest");
    assert_eq!(
        ask(&overall, "/orders/1/status", &ann, "").await.status,
        403
    );
    assert_eq!(ask(&overall, "/orders/1/rare", &ann, "").await.status, 429);
    let bob = ask(&overall, "/orders/1/status", &token("bob", "support"), "").await;
    assert_eq!(code(&bob), LET_THROUGH);
}

#[tokio::test]
async fn an_address_has_a_rate_and_proxies_do_not_hide_it() {
    let idp = IdentityProvider::new().expect("keys");
    let gateway = setup(&idp)
        .flag("--address-rate", "1/h")
        .flag("--trusted-proxies", "127.0.0.0/8")
        .start()
        .await;
    let from = async |address: &str| ask(&gateway, "/nothing", "x", address).await.status;
    assert_eq!(from("192.0.2.1").await, 404);
    assert_eq!(from("192.0.2.1").await, 429);
    assert_eq!(
        from("198.51.100.9, 192.0.2.1").await,
        429,
        "what it says of others is nothing"
    );
    assert_eq!(from("192.0.2.2").await, 404);
    assert_eq!(from("2001:db8::1").await, 404);
    assert_eq!(
        from("2001:db8::2").await,
        429,
        "a network of IPv6 is one address"
    );
    assert_eq!(from("2001:db8:0:1::1").await, 404);
    let refused = ask(&gateway, "/nothing", "x", "192.0.2.1").await;
    assert_eq!(code(&refused), "SP-S007");
    let told: Vec<_> = lines(&gateway.folder().join("audit.log"))
        .iter()
        .map(|line| (line["reason"].clone(), line["who"].clone()))
        .collect();
    let line = |who: &str| (json!("address_rate"), json!(who));
    assert_eq!(
        told,
        [line("192.0.2.1"), line("2001:db8::2")],
        "one line for each address"
    );
    assert!(
        gateway
            .metrics()
            .await
            .contains("signalpost_turned_away_total 4")
    );
}

#[tokio::test]
async fn bad_tokens_shut_out_strangers_of_that_address_alone() {
    let idp = IdentityProvider::new().expect("keys");
    let token = |who: &str| idp.token(who, "support").expect("a token");
    let bad = IdentityProvider::new()
        .expect("keys")
        .token("eve", "support")
        .expect("a token");
    let gateway = setup(&idp)
        .flag("--auth-failures", "3/h")
        .flag("--trusted-proxies", "127.0.0.1")
        .start()
        .await;
    let (office, home) = ("192.0.2.1", "192.0.2.2");
    let status =
        async |token: &str, from: &str| ask(&gateway, "/orders/1/status", token, from).await;
    let ann = token("ann");
    assert_eq!(code(&status(&ann, office).await), LET_THROUGH);
    for _ in 0..3 {
        assert_eq!(status(&bad, office).await.status, 401);
    }
    let shut = status(&bad, office).await;
    assert_eq!((shut.status, code(&shut)), (429, "SP-Q402"));
    assert!((600..=1_200).contains(&waits(&shut)));
    assert_eq!(
        code(&status(&ann, office).await),
        LET_THROUGH,
        "a colleague goes on"
    );
    assert_eq!(status(&bad, home).await.status, 401, "another address");
    assert_eq!(code(&status(&token("bob"), home).await), LET_THROUGH);

    // Elsewhere the address is as good as any: each source counts its own, and signatures are not counted at all.
    let people = format!("{}/hooks/people", gateway.public());
    let bearer = format!("Bearer {bad}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-for", office),
    ];
    for expected in [401, 401, 401, 429] {
        assert_eq!(post(&people, &headers, "{}").await.status, expected);
    }
    let junk = [
        ("stripe-signature", "t=1,v1=00"),
        ("x-forwarded-for", office),
    ];
    let stripe_url = format!("{}/hooks/stripe", gateway.public());
    for _ in 0..20 {
        assert_eq!(post(&stripe_url, &junk, "{}").await.status, 401);
    }
    assert_eq!(stripe(&gateway, r#"{"id":"a"}"#).await.status, 200);
    let record = lines(&gateway.folder().join("audit.log"));
    assert!(
        record
            .iter()
            .any(|line| line["who"] == office && line["reason"] == "guessing")
    );
}
