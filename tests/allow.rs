//! Routes for some roles only: what a caller without them gets, and what is left of the event.

use serde_json::{Value, json};

use crate::support::exchange::{Answer, post};
use crate::support::gateway::{Gateway, Setup};
use crate::support::issuer::{ISSUER, Issuer};

const ROUTES: &str = r#"
[issuers.corp]
issuer   = "https://idp.example/"
audience = "signalpost"
jwks     = "JWKS"
roles    = "claims.roles"

[sources.approvals]
provider = "jwt"
issuer   = "corp"
event    = { type = "body.type" }

[[routes]]
name     = "only-managers"
source   = "approvals"
on       = "order.*"
workflow = "order-${body.order}"
signal   = "approved"
allow    = ["manager", "director"]
stop     = true

[[routes]]
name     = "noted"
source   = "approvals"
on       = "order.noted"
workflow = "notes"
signal   = "noted"
"#;

async fn gateway(issuer: &Issuer) -> Gateway {
    Setup::new(&ROUTES.replace("JWKS", issuer.address()), "127.0.0.1:1")
        .start()
        .await
}

async fn send(gateway: &Gateway, issuer: &Issuer, roles: Value, kind: &str) -> Answer {
    let now = signalpost::clock::now().seconds();
    let token = issuer.token_with(
        "first",
        &json!({ "iss": ISSUER, "aud": "signalpost", "sub": "ada", "exp": now + 600, "roles": roles }),
    );
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", kind),
    ];
    let url = format!("{}/hooks/approvals", gateway.public());
    let body = json!({ "type": kind, "order": "7" }).to_string();
    post(&url, &headers, body).await
}

async fn routes_of(gateway: &Gateway, event: &str) -> Vec<Value> {
    let (_, event) = gateway.get(&format!("/v1/events/{event}")).await;
    let deliveries = event["deliveries"].as_array().expect("deliveries");
    deliveries.iter().map(|it| it["route"].clone()).collect()
}

#[tokio::test]
async fn without_a_role_nothing_is_kept_and_no_key_is_taken() {
    let issuer = Issuer::start().await;
    let gateway = gateway(&issuer).await;
    for roles in [
        json!([]),
        json!(["clerk"]),
        json!("Manager"),
        json!(7),
        json!(["*"]),
    ] {
        let refused = send(&gateway, &issuer, roles, "order.approved").await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (403, &json!("SP-R102")),
            "{}",
            refused.text
        );
        assert!(!refused.text.contains("manager"), "{}", refused.text);
    }
    gateway
        .says(&[
            r#""target":"audit""#,
            r#""outcome":"refused""#,
            r#""who":"corp:ada""#,
            r#""reason":"role""#,
        ])
        .await;
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]));

    let accepted = send(&gateway, &issuer, json!("clerk manager"), "order.approved").await;
    assert_eq!(
        (accepted.status, &accepted.body["status"]),
        (200, &json!("accepted")),
        "{}",
        accepted.text
    );
    assert_eq!(
        routes_of(&gateway, accepted.event()).await,
        ["only-managers"]
    );
    let unrouted = send(&gateway, &issuer, json!([]), "else").await;
    assert_eq!(
        unrouted.body["code"], "SP-R302",
        "no route matches: that is no 403"
    );
}

#[tokio::test]
async fn of_several_routes_those_deliver_that_allow_the_caller() {
    let issuer = Issuer::start().await;
    let gateway = gateway(&issuer).await;
    let clerk = send(&gateway, &issuer, json!([]), "order.noted").await;
    assert_eq!(routes_of(&gateway, clerk.event()).await, ["noted"]);

    // A replay asks anew, with the roles that the event came with.
    let url = format!("{}/v1/events/{}/replay", gateway.ops(), clerk.event());
    let json = [("Content-Type", "application/json")];
    let replayed = post(&url, &json, "{}").await;
    assert_eq!(replayed.status, 200, "{}", replayed.text);
    let deliveries = replayed.body["deliveries"].as_array().expect("a list");
    assert!(!deliveries.is_empty());
    assert!(deliveries.iter().all(|it| it["route"] == "noted"));
    assert!(
        !replayed.text.contains("only-managers"),
        "{}",
        replayed.text
    );
}
