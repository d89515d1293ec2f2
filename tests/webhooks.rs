//! From a signed request to a signal in a real workflow's history, through the real binary.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::gateway::{Gateway, Setup};
use crate::support::sender::{self, Answer};
use crate::support::workflows::{Workflows, unique};

const SECRET: &str = sender::STRIPE_SECRET;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:OLD_SECRET", "env:SECRET"]

[sources.carrier]
provider  = "hmac"
secrets   = ["env:CARRIER"]
signature = { header = "X-Carrier-Signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", signed = "{timestamp}.{body}" }
timestamp = { header = "X-Carrier-Timestamp", unit = "s", tolerance = "5m" }
event     = { key = "body.id", type = "body.event" }

[[routes]]
name     = "payment"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"
args     = [{ payment = "${body.data.object.id}", amount = "${body.data.object.amount}" }]
missing  = { wait = "1h", then = "park" }

[[routes]]
name     = "parcel"
source   = "carrier"
on       = "parcel.*"
workflow = "order-${body.parcel.reference}"
signal   = "shipment_update"
missing  = "park"
"#;

pub(crate) async fn gateway(temporal: &str) -> Gateway {
    Setup::new(ROUTES, temporal)
        .env("SECRET", SECRET)
        .env("OLD_SECRET", "whsec_the_one_before")
        .env("CARRIER", sender::CARRIER_SECRET)
        .start()
        .await
}

pub(crate) async fn pay(gateway: &Gateway, order: &str, event: &str) -> Answer {
    sender::stripe(
        gateway.public(),
        SECRET,
        &sender::payment(order, event, 4999),
    )
    .await
    .expect("an answer")
}

#[tokio::test]
async fn a_signed_webhook_is_one_signal_with_its_arguments_header_and_request_id() {
    let workflows = Workflows::connect().await;
    let gateway = gateway(workflows.address()).await;
    let order = unique("o");
    workflows.start(&format!("order-{order}")).await;

    let body = json!({
        "id": "evt_1", "type": "payment_intent.succeeded",
        "data": { "object": { "id": "pi_1", "metadata": { "order_id": order } } }
    })
    .to_string()
    .replace(
        "\"id\":\"pi_1\"",
        "\"id\":\"pi_1\",\"amount\":12345678901234567890.10",
    );
    let answer = sender::stripe(gateway.public(), SECRET, &body)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["status"], "accepted");
    assert_eq!(answer.body["deliveries"], 1);

    let signals = workflows.signals(&format!("order-{order}"), 1).await;
    assert_eq!(signals.len(), 1);
    assert_eq!(signals[0].name, "payment_received");
    assert_eq!(
        signals[0].args,
        [r#"{"payment":"pi_1","amount":12345678901234567890.10}"#],
        "as it was sent"
    );
    assert!(
        signals[0].identity.starts_with("signalpost@"),
        "{}",
        signals[0].identity
    );

    gateway.settled().await;
    let id = answer.body["event"].as_str().expect("an id");
    let (status, event) = gateway.get(&format!("/v1/events/{id}")).await;
    assert_eq!(
        (status, &event["state"]),
        (200, &json!("delivered")),
        "{event:#}"
    );
    let delivery = &event["deliveries"][0];
    assert_eq!(signals[0].header["signalpost-event"], format!("\"{id}\""));
    assert_eq!(
        signals[0].header["signalpost-delivery"],
        delivery["id"].to_string()
    );
    assert_eq!(delivery["request_id"].as_str().map(str::len), Some(32));
    assert_eq!(delivery["attempts"], 1);
}

#[tokio::test]
async fn the_same_event_signed_again_is_a_duplicate_and_no_second_signal() {
    let workflows = Workflows::connect().await;
    let gateway = gateway(workflows.address()).await;
    let order = unique("o");
    workflows.start(&format!("order-{order}")).await;

    let first = pay(&gateway, &order, "evt_1").await;
    let mut copies = Vec::new();
    for _ in 0..50 {
        copies.push(pay(&gateway, &order, "evt_1"));
    }
    for copy in futures_util::future::join_all(copies).await {
        assert_eq!(copy.status, 200);
        assert_eq!(
            copy.body,
            json!({ "status": "duplicate", "event": first.body["event"] })
        );
    }
    pay(&gateway, &order, "evt_2").await;
    let signals = workflows.signals(&format!("order-{order}"), 2).await;
    assert_eq!(signals.len(), 2, "evt_1 once, evt_2 once, in this order");
    assert!(signals[0].args[0].contains("pi_evt_1") && signals[1].args[0].contains("pi_evt_2"));
}

#[tokio::test]
async fn fifty_copies_at_once_are_one_signal() {
    let workflows = Workflows::connect().await;
    let gateway = gateway(workflows.address()).await;
    let order = unique("o");
    workflows.start(&format!("order-{order}")).await;
    let answers =
        futures_util::future::join_all((0..50).map(|_| pay(&gateway, &order, "evt_1"))).await;
    let accepted = answers
        .iter()
        .filter(|answer| answer.body["status"] == "accepted")
        .count();
    assert_eq!(accepted, 1);
    assert!(answers.iter().all(|answer| answer.status == 200));
    gateway.settled().await;
    assert_eq!(
        workflows.signals(&format!("order-{order}"), 1).await.len(),
        1
    );
}

#[tokio::test]
async fn every_forgery_is_refused_with_the_same_words() {
    let gateway = gateway("127.0.0.1:1").await;
    let body = sender::payment("1", "evt_1", 1);
    let now = signalpost::clock::now().seconds();
    let good = |time: i64, body: &str| sender::stripe_signature(SECRET, time, body);
    let forgeries = [
        (
            "changed byte",
            Some(good(now, &body.replace("evt_1", "evt_2"))),
        ),
        (
            "wrong secret",
            Some(sender::stripe_signature("whsec_other", now, &body)),
        ),
        ("old", Some(good(now - 301, &body))),
        ("future", Some(good(now + 302, &body))),
        ("missing", None),
        ("malformed", Some("t=,v1=zz".to_owned())),
        ("only v0", Some(good(now, &body).replace("v1=", "v0="))),
    ];
    let mut words = Vec::new();
    for (what, signature) in forgeries {
        let headers: Vec<_> = signature
            .into_iter()
            .map(|s| ("Stripe-Signature", s))
            .collect();
        let answer = sender::post(
            &format!("{}/hooks/stripe", gateway.public()),
            &headers,
            &body,
        )
        .await
        .expect("an answer");
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        let mut said = answer.body;
        said.as_object_mut()
            .expect("problem JSON")
            .remove("request");
        words.push(said);
    }
    assert!(
        words.windows(2).all(|pair| pair[0] == pair[1]),
        "{words:#?}"
    );
    assert_eq!(words[0]["type"], "urn:signalpost:SP-R101");
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]), "nothing unproven is kept");
    let (_, metrics) = gateway.get("/metrics").await;
    let metrics = metrics.as_str().expect("text");
    for reason in ["bad_signature", "stale", "missing_header"] {
        assert!(
            metrics.contains(&format!("reason=\"{reason}\"")),
            "{reason}: {metrics}"
        );
    }
}

#[tokio::test]
async fn bad_requests_have_their_own_answers() {
    let gateway = gateway("127.0.0.1:1").await;
    let hooks = |name: &str| format!("{}/hooks/{name}", gateway.public());
    let unknown = sender::post(&hooks("nobody"), &[], "{}")
        .await
        .expect("an answer");
    assert_eq!(
        (unknown.status, &unknown.body["code"]),
        (404, &json!("SP-R001"))
    );

    let get = reqwest::get(hooks("stripe")).await.expect("an answer");
    assert_eq!(get.status(), 405);
    assert_eq!(get.headers()["allow"], "POST");
    assert!(get.headers().contains_key("x-request-id"));

    let broken = sender::stripe(gateway.public(), SECRET, "{\"id\":")
        .await
        .expect("an answer");
    assert_eq!(broken.status, 400, "{}", broken.body);
    let keyless = sender::stripe(gateway.public(), SECRET, "{\"type\":\"x\"}")
        .await
        .expect("an answer");
    assert_eq!(keyless.status, 400, "{}", keyless.body);
    assert_ne!(broken.body["code"], keyless.body["code"]);

    let time = signalpost::clock::now().seconds();
    let twice = sender::stripe_signature(SECRET, time, "{\"id\":\"e\"}");
    let headers = [
        ("Stripe-Signature", twice.clone()),
        ("Stripe-Signature", twice),
    ];
    let doubled = sender::post(&hooks("stripe"), &headers, "{\"id\":\"e\"}")
        .await
        .expect("an answer");
    assert_eq!(doubled.status, 401);
}

#[tokio::test]
async fn an_event_without_a_route_is_kept_and_says_so() {
    let gateway = gateway("127.0.0.1:1").await;
    let body = r#"{"id":"evt_9","type":"invoice.paid"}"#;
    let answer = sender::stripe(gateway.public(), SECRET, body)
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("unrouted"))
    );
    let id = answer.body["event"].as_str().expect("an id");
    let (_, event) = gateway.get(&format!("/v1/events/{id}?body=true")).await;
    assert_eq!(event["state"], "unrouted");
    assert_eq!(event["type"], "invoice.paid");
    assert_eq!(event["body"], body, "the exact bytes");
    let (_, page) = gateway.get("/v1/events?state=unrouted").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_template_that_finds_nothing_parks_with_the_reason() {
    let gateway = gateway("127.0.0.1:1").await;
    let body = r#"{"id":"evt_3","type":"payment_intent.succeeded","data":{"object":{"id":"pi","amount":1,"metadata":{}}}}"#;
    let answer = sender::stripe(gateway.public(), SECRET, body)
        .await
        .expect("an answer");
    assert_eq!(answer.body["status"], "accepted");
    let id = answer.body["event"].as_str().expect("an id");
    let (_, event) = gateway.get(&format!("/v1/events/{id}")).await;
    assert_eq!(event["state"], "parked");
    assert_eq!(event["deliveries"][0]["reason"], "SP-D101");
    let error = event["deliveries"][0]["last_error"]
        .as_str()
        .expect("the reason");
    assert!(error.contains("order_id"), "{error}");
}

#[tokio::test]
async fn a_missing_workflow_waits_or_parks_as_its_route_says() {
    let workflows = Workflows::connect().await;
    let gateway = gateway(workflows.address()).await;
    let order = unique("late");
    let parked = sender::carrier(gateway.public(), &sender::parcel(&unique("never"), "mv_1"))
        .await
        .expect("an answer");
    let waiting = pay(&gateway, &order, "evt_1").await;

    let id = parked.body["event"].as_str().expect("an id").to_owned();
    let event = wait_for_state(&gateway, &id, "parked").await;
    assert_eq!(event["deliveries"][0]["reason"], "SP-D201");

    let id = waiting.body["event"].as_str().expect("an id").to_owned();
    eventually("it was tried once", || async {
        let (_, event) = gateway.get(&format!("/v1/events/{id}")).await;
        event["deliveries"][0]["attempts"].as_u64() >= Some(1) && event["state"] == "pending"
    })
    .await;
    workflows.start(&format!("order-{order}")).await;
    wait_for_state(&gateway, &id, "delivered").await;
    assert_eq!(
        workflows.signals(&format!("order-{order}"), 1).await.len(),
        1
    );
}

pub(crate) async fn wait_for_state(gateway: &Gateway, id: &str, state: &str) -> Value {
    let path = format!("/v1/events/{id}");
    eventually(&format!("event {id} is {state}"), || async {
        gateway.get(&path).await.1["state"] == state
    })
    .await;
    gateway.get(&path).await.1
}
