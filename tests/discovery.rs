//! Issuers of which only the name is known: keys found by their metadata, and what is refused there.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::exchange::{Answer, post};
use crate::support::gateway::{Gateway, Setup};
use crate::support::issuer::Issuer;

const ROUTES: &str = r#"
[issuers.corp]
issuer   = "ISSUER"
audience = "signalpost"

[sources.approvals]
provider = "jwt"
issuer   = "corp"
unrouted = "keep"
"#;

const OIDC: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

async fn gateway(issuer: &str) -> Gateway {
    Setup::new(&ROUTES.replace("ISSUER", issuer), "127.0.0.1:1")
        .start()
        .await
}

/// Metadata that say the truth.
fn metadata(issuer: &Issuer) -> Value {
    json!({ "issuer": issuer.base(), "jwks_uri": issuer.address() })
}

/// A good token of an issuer that is called by its address.
fn token(issuer: &Issuer, kid: &str) -> String {
    let expires = signalpost::clock::now().seconds() + 3600;
    issuer.token_with(
        kid,
        &json!({ "iss": issuer.base(), "aud": "signalpost", "sub": "ada", "exp": expires }),
    )
}

async fn approve(gateway: &Gateway, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let url = format!("{}/hooks/approvals", gateway.public());
    post(&url, &headers, "{}").await
}

/// Waits for keys, which strangers cannot hurry.
async fn until_taken(gateway: &Gateway, token: &str) {
    eventually("the token is taken", async || {
        approve(gateway, token).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn the_name_of_an_issuer_is_enough() {
    let issuer = Issuer::start().await;
    issuer.serve(OIDC, &metadata(&issuer));
    let gateway = gateway(issuer.base()).await;
    until_taken(&gateway, &token(&issuer, "first")).await;
    let asked = issuer.asked();
    for _ in 0..20 {
        approve(&gateway, &token(&issuer, "first")).await;
    }
    assert_eq!(
        issuer.asked(),
        asked,
        "keys that are held are not asked for"
    );
}

#[tokio::test]
async fn where_there_is_no_document_of_oidc_that_of_oauth_is_read() {
    let issuer = Issuer::start().await;
    issuer.serve(OAUTH, &metadata(&issuer));
    let gateway = gateway(issuer.base()).await;
    until_taken(&gateway, &token(&issuer, "first")).await;
}

#[tokio::test]
async fn metadata_of_another_or_unsafe_ones_are_503_and_never_401() {
    let issuer = Issuer::start().await;
    let elsewhere = "http://192.0.2.1/jwks";
    let bad = [
        json!({ "issuer": "https://other.example/", "jwks_uri": issuer.address() }),
        json!({ "issuer": format!("{}/", issuer.base()), "jwks_uri": issuer.address() }),
        json!({ "issuer": issuer.base(), "jwks_uri": elsewhere }),
        json!({ "issuer": issuer.base(), "jwks_uri": "file:/etc/passwd" }),
        json!({ "issuer": issuer.base() }),
        json!("nothing"),
    ];
    for document in bad {
        issuer.serve(OIDC, &document);
        let gateway = gateway(issuer.base()).await;
        let answer = approve(&gateway, &token(&issuer, "first")).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (503, &json!("SP-R402")),
            "{document}: {}",
            answer.text
        );
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert_eq!(issuer.asked(), 0, "no keys were read");
    issuer.remove(OIDC);
    issuer.redirect(OIDC, issuer.address());
    let gateway = gateway(issuer.base()).await;
    let answer = approve(&gateway, &token(&issuer, "first")).await;
    assert_eq!(answer.status, 503, "no redirect is followed");
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn keys_that_have_moved_are_found_anew() {
    let (mut issuer, other) = (Issuer::start().await, Issuer::start().await);
    issuer.serve(OIDC, &metadata(&issuer));
    let gateway = gateway(issuer.base()).await;
    until_taken(&gateway, &token(&issuer, "first")).await;

    // The old place answers no more; the new one is on the same host under another path.
    issuer.make_key("second");
    issuer.go_down();
    issuer.serve("/moved", &issuer.jwks());
    issuer.serve(
        OIDC,
        &json!({ "issuer": issuer.base(), "jwks_uri": format!("{}/moved", issuer.base()) }),
    );
    until_taken(&gateway, &token(&issuer, "second")).await;

    // What a token names is fetched by nobody.
    let expires = signalpost::clock::now().seconds() + 3600;
    let strange = other.token_with(
        "first",
        &json!({ "iss": other.base(), "aud": "signalpost", "sub": "eve", "exp": expires }),
    );
    assert_eq!(approve(&gateway, &strange).await.status, 401);
    assert_eq!(other.asked(), 0);
}
