//! A gateway as its operators meet it: payments sent, routes changed, actions asked for, what is on record.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::gateway::{Gateway, Setup};
use super::{eventually, sender, until};
use crate::webhooks::pay;

const SECRET: &str = sender::STRIPE_SECRET;
/// Nothing listens there.
pub(crate) const NO_TEMPORAL: &str = "127.0.0.1:1";

const SOURCE: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]
"#;

/// A payment's route with its name and the workflow that it names.
pub(crate) fn route(name: &str, workflow: &str) -> String {
    format!(
        r#"
[[routes]]
name     = "{name}"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "{workflow}"
signal   = "payment_received"
args     = [{{ payment = "${{body.data.object.id}}" }}]
missing  = "park"
"#
    )
}

pub(crate) const BY_ORDER: &str = "order-${body.data.object.metadata.order_id}";

pub(crate) fn setup(routes: &str, temporal: &str) -> Setup {
    Setup::new(&format!("{SOURCE}{routes}"), temporal).env("SECRET", SECRET)
}

/// An answer to a POST: status and body.
pub(crate) async fn post(gateway: &Gateway, path: &str, body: &Value) -> (u16, Value) {
    send(gateway, path, body.to_string(), None).await
}

pub(crate) async fn send(
    gateway: &Gateway,
    path: &str,
    body: String,
    token: Option<&str>,
) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(format!("{}{path}", gateway.ops()))
        .header("content-type", "application/json")
        .body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    answer(request).await
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).expect("JSON"))
}

pub(crate) async fn get_as(gateway: &Gateway, path: &str, token: &str) -> (u16, Value) {
    let url = format!("{}{path}", gateway.ops());
    let request = reqwest::Client::new().get(url).bearer_auth(token);
    answer(request).await
}

/// Sends one payment; the event's id.
pub(crate) async fn paid(gateway: &Gateway, order: &str, event: &str) -> String {
    let answer = pay(gateway, order, event).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["event"].as_str().expect("an id").to_owned()
}

pub(crate) async fn event(gateway: &Gateway, id: &str) -> Value {
    let (status, event) = gateway.get(&format!("/v1/events/{id}")).await;
    assert_eq!(status, 200, "{event}");
    event
}

pub(crate) async fn until_state(gateway: &Gateway, id: &str, state: &str) {
    eventually(&format!("{id} is {state}"), || async {
        event(gateway, id).await["state"] == state
    })
    .await;
}

/// Writes other routes and has them read.
pub(crate) async fn reroute(gateway: &Gateway, routes: &str) -> (u16, Value) {
    let file = gateway.folder().join("routes.toml");
    fs::write(file, format!("{SOURCE}{routes}")).expect("routes.toml");
    post(gateway, "/v1/config/reload", &json!({})).await
}

/// The audit lines of an action, once there are so many.
pub(crate) async fn audit(gateway: &Gateway, action: &str, count: usize) -> Vec<Value> {
    let lines = || -> Vec<Value> {
        let log = gateway.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &Value| line["target"] == "audit" && line["action"] == action)
            .collect()
    };
    until(&format!("{count} audit lines of {action}"), || {
        lines().len() >= count
    })
    .await;
    let lines = lines();
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

/// A line of the tokens' file.
pub(crate) fn token_line(name: &str, role: &str, token: &str) -> String {
    let digest = hex::encode(Sha256::digest(token.as_bytes()));
    format!("{name} {role} sha256:{digest}\n")
}
