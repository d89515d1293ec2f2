//! `schema` on routes, through the real binary: what is sent, parked, refused, compensated, and judged anew.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::exchange::stripe;
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::{NO_TEMPORAL, post};
use crate::support::sender;
use crate::support::workflows::{Workflows, unique};

const SCHEMA: &str =
    r#"{"type":"object","required":["amount"],"properties":{"amount":{"type":"number"}}}"#;

fn routes(invalid: &str) -> String {
    format!(
        r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "plain"
source   = "stripe"
on       = "both"
workflow = "plain-${{body.order}}"
signal   = "seen"
missing  = "park"

[[routes]]
name     = "paid"
source   = "stripe"
workflow = "order-${{body.order}}"
signal   = "payment_received"
args     = [{{ amount = "${{body.amount}}" }}]
missing  = "park"
schema   = "order.schema.json"
{invalid}
"#
    )
}

async fn gateway(invalid: &str, temporal: &str) -> Gateway {
    Setup::new(&routes(invalid), temporal)
        .env("SECRET", sender::STRIPE_SECRET)
        .file("order.schema.json", SCHEMA)
        .start()
        .await
}

fn event(kind: &str, order: &str, amount: &str) -> String {
    format!(r#"{{"id":"evt-{kind}-{order}","type":"{kind}","order":"{order}","amount":{amount}}}"#)
}

async fn deliveries(gateway: &Gateway, id: &str) -> Value {
    let (_, event) = gateway.get(&format!("/v1/events/{id}")).await;
    event["deliveries"].clone()
}

#[tokio::test]
async fn what_does_not_fit_is_parked_and_replayed_under_a_new_schema() {
    let gateway = gateway("", NO_TEMPORAL).await;
    let id = stripe(&gateway, event("t", "1", r#""hush""#))
        .await
        .event()
        .to_owned();
    let parked = deliveries(&gateway, &id).await;
    assert_eq!(parked[0]["state"], "parked");
    assert_eq!(parked[0]["reason"], "SP-D105");
    assert_eq!(parked[0]["workflow"], "order-1");
    let error = parked[0]["last_error"].as_str().expect("an error");
    assert!(error.contains("order.schema.json: /amount"), "{error}");
    assert!(!gateway.log().contains("hush") && !error.contains("hush"));
    let retry = format!("/v1/deliveries/{}/retry", parked[0]["id"].as_str().unwrap());
    let (status, problem) = post(&gateway, &retry, &json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("SP-S203")));

    let before = gateway.get("/v1/config").await.1["digest"].clone();
    gateway.replace("order.schema.json", r#"{"type":"object"}"#);
    eventually("the new schema is served", async || {
        gateway.get("/v1/config").await.1["generation"] == 2
    })
    .await;
    let after = gateway.get("/v1/config").await.1["digest"].clone();
    assert_ne!(before, after, "the schema is part of the digest");
    let metrics = gateway.metrics().await;
    assert!(metrics.contains(after.as_str().unwrap()), "{metrics}");

    let path = format!("/v1/events/{id}/replay");
    let (status, replayed) = post(&gateway, &path, &json!({})).await;
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["deliveries"].as_array().map(Vec::len), Some(2));
    let ends: Vec<_> = (0..2)
        .map(|at| &replayed["deliveries"][at]["state"])
        .collect();
    assert!(ends.contains(&&json!("pending")) && ends.contains(&&json!("dropped")));
}

#[tokio::test]
async fn refuse_is_400_on_record_without_event_or_key_and_goes_for_all_routes() {
    let gateway = gateway("invalid = \"refuse\"", NO_TEMPORAL).await;
    let refused = stripe(&gateway, event("both", "1", "\"hush\"")).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("SP-R207"))
    );
    assert!(!refused.text.contains("amount") && !refused.text.contains("hush"));
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]));
    let line = gateway.says(&[r#""action":"webhook""#, "refused"]).await;
    assert!(line.contains(r#""reason":"schema""#), "{line}");
    // The key was not taken: the same event, once it is right, is no duplicate.
    let accepted = stripe(&gateway, event("both", "1", "7")).await;
    assert_eq!(
        (accepted.status, &accepted.body["deliveries"]),
        (200, &json!(2))
    );
    assert_eq!(accepted.body["status"], "accepted");

    // What was kept before cannot be refused any more.
    gateway.replace("order.schema.json", r#"{"required":["more"]}"#);
    eventually("the new schema is served", async || {
        gateway.get("/v1/config").await.1["generation"] == 2
    })
    .await;
    let path = format!("/v1/events/{}/replay", accepted.event());
    let (status, replayed) = post(&gateway, &path, &json!({})).await;
    assert_eq!(status, 200, "{replayed}");
    let reasons = replayed["deliveries"].to_string();
    assert!(reasons.contains("SP-D105"), "{reasons}");
}

#[tokio::test]
async fn a_compensating_signal_reaches_the_workflow_in_the_lane_of_the_others() {
    let workflows = Workflows::connect().await;
    let gateway = gateway(
        "invalid = { signal = \"payment_rejected\" }",
        workflows.address(),
    )
    .await;
    let order = unique("o");
    workflows.start(&format!("order-{order}")).await;
    let exact = "12345678901234567890.10";
    let bad = event("a", &order, r#""none""#);
    for body in [
        event("z", &order, exact),
        bad.clone(),
        event("b", &order, "1"),
    ] {
        assert_eq!(stripe(&gateway, body).await.status, 200);
    }
    gateway.settled().await;
    let signals = workflows.signals(&format!("order-{order}"), 3).await;
    let names: Vec<_> = signals.iter().map(|signal| signal.name.as_str()).collect();
    assert_eq!(
        names,
        ["payment_received", "payment_rejected", "payment_received"]
    );
    let exactly = format!(r#"{{"amount":{exact}}}"#);
    assert_eq!(signals[0].args, [exactly], "numbers keep their text");
    let rejected = &signals[1].args;
    assert_eq!(rejected[1], bad, "the body as sent");
    let complaint: Value = serde_json::from_str(&rejected[0]).unwrap();
    assert_eq!(complaint["errors"][0]["path"], "/amount");
    assert_eq!(complaint["reason"], "the arguments do not fit the schema");
}

#[tokio::test]
async fn a_bad_schema_keeps_the_plan_that_runs() {
    let gateway = gateway("", NO_TEMPORAL).await;
    gateway.replace("order.schema.json", r#"{"type":"nothing"}"#);
    eventually("the bad schema is refused", async || {
        gateway.get("/v1/config").await.1["ok"] == false
    })
    .await;
    let problem = gateway.get("/v1/config").await.1["last_problem"].clone();
    assert!(problem.as_str().unwrap().contains("SP-C034"), "{problem}");
    let id = stripe(&gateway, event("t", "1", "7"))
        .await
        .event()
        .to_owned();
    assert_eq!(deliveries(&gateway, &id).await[0]["state"], "pending");
}
