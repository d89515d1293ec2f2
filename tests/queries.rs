//! Who may ask what: path, token, roles, and the answers of a real workflow.

mod sharing;
mod status;
mod workers;

use serde_json::{Value, json};

use crate::support::exchange::{self, Answer};
use crate::support::gateway::{Gateway, Setup};
use crate::support::sender::{self, IdentityProvider};
use crate::support::workflows::{Workflows, unique};

const ROUTES: &str = r#"
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
allow    = ["support", "ops"]
when     = "'ops' in roles || path.order_id != 'secret'"
timeout  = "5s"

[[queries]]
name     = "patient"
path     = "/orders/{order_id}/patient"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "shop"
allow    = ["*"]
timeout  = "20s"

[[queries]]
name     = "cached"
path     = "/orders/{order_id}/cached"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "shop"
allow    = ["*"]
cache    = "1m"

[[queries]]
name     = "state"
path     = "/orders/{order_id}/state"
workflow = "order-${path.order_id}"
query    = "$status"
issuer   = "shop"
allow    = ["*"]
run      = "run"

[[queries]]
name     = "pinned"
path     = "/orders/{order_id}/pinned"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "shop"
allow    = ["*"]
run      = "run"

[[queries]]
name     = "unknown"
path     = "/orders/{order_id}/unknown"
workflow = "order-${path.order_id}"
query    = "no_such_query"
issuer   = "shop"
allow    = ["*"]
"#;

async fn gateway(idp: &IdentityProvider, temporal: &str) -> Gateway {
    Setup::new(ROUTES, temporal)
        .file("jwks.json", &idp.jwks().expect("keys"))
        .start()
        .await
}

/// Somebody whom every rule with `*` allows. One client for all questions: making one costs more than asking.
struct Alice {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Alice {
    fn at(gateway: &Gateway, idp: &IdentityProvider) -> Self {
        Self {
            client: reqwest::Client::new(),
            base: gateway.public().to_owned(),
            token: idp.token("alice", "support").expect("a token"),
        }
    }

    fn ask(&self, path: &str) -> impl Future<Output = Answer> + use<> {
        let request = self.client.get(format!("{}{path}", self.base));
        exchange::send(request.bearer_auth(&self.token))
    }
}

#[tokio::test]
async fn a_permitted_role_reads_and_everybody_else_is_refused() {
    let workflows = Workflows::connect().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, workflows.address()).await;
    let order = unique("q");
    workflows
        .start_with_worker(&format!("order-{order}"), &order)
        .await;
    gateway.connected().await;
    let token = |role: &str| idp.token("alice", role).expect("a token");

    let answer = sender::ask(gateway.public(), &order, &token("support"))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["order"], json!(order));

    let guest = sender::ask(gateway.public(), &order, &token("guest"))
        .await
        .expect("an answer");
    assert_eq!(guest.status, 403, "{}", guest.body);
    let when = sender::ask(gateway.public(), "secret", &token("support"))
        .await
        .expect("an answer");
    assert_eq!(when.status, 403);
    let unknown = sender::ask(gateway.public(), &unique("nowhere"), &token("ops"))
        .await
        .expect("an answer");
    assert_eq!(unknown.status, 404);
    let stranger = IdentityProvider::new()
        .expect("keys")
        .token("eve", "support")
        .expect("a token");
    assert_eq!(
        sender::ask(gateway.public(), &order, &stranger)
            .await
            .expect("an answer")
            .status,
        401
    );
}

#[tokio::test]
async fn no_token_is_401_with_a_challenge_and_no_rule_is_404() {
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, "127.0.0.1:1").await;
    let response = reqwest::get(format!("{}/orders/1/status", gateway.public()))
        .await
        .expect("an answer");
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    for path in [
        "/orders/1",
        "/orders//status",
        "/",
        "/v1/events",
        "/metrics",
    ] {
        let response = reqwest::get(format!("{}{path}", gateway.public()))
            .await
            .expect("an answer");
        assert_eq!(response.status(), 404, "{path}");
    }
    let delete = reqwest::Client::new().delete(format!("{}/orders/1/status", gateway.public()));
    let response = delete.send().await.expect("an answer");
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, HEAD, POST");
}

#[tokio::test]
async fn temporal_away_is_503_and_an_unknown_query_502_without_the_servers_words() {
    let idp = IdentityProvider::new().expect("keys");
    let away = gateway(&idp, "127.0.0.1:1").await;
    let token = idp.token("alice", "support").expect("a token");
    let answer = sender::ask(away.public(), "1", &token)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 503, "{}", answer.body);

    let workflows = Workflows::connect().await;
    let gateway = gateway(&idp, workflows.address()).await;
    let order = unique("q");
    workflows
        .start_with_worker(&format!("order-{order}"), &order)
        .await;
    gateway.connected().await;
    let url = format!("{}/orders/{order}/unknown", gateway.public());
    let response = reqwest::Client::new()
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 502);
    let text = response.text().await.expect("a body");
    assert!(
        !text.contains("get_status"),
        "the known queries are nobody's business: {text}"
    );
}
