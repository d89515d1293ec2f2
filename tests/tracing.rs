//! Traces: what a receiver of OTLP gets of a webhook, of its deliveries and of a question; and what it never gets.

mod finding;
mod outages;
mod worker;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::collector::{Collector, Span};
use crate::support::gateway::{Gateway, Setup};
use crate::support::redis::Redis;
use crate::support::sender::{self, Answer};
use crate::support::temporal::FakeTemporal;
use crate::support::workflows::{Workflows, unique};
use crate::support::{eventually, until};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "payment"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"
args     = ["${body.data.object.id}"]
missing  = { wait = "1h", then = "park" }

[issuers.corp]
issuer   = "https://idp.example/"
audience = "signalpost"
jwks     = "file:FOLDER/jwks.json"

[[queries]]
name     = "status"
path     = "/orders/{id}/status"
workflow = "order-${path.id}"
query    = "get_status"
issuer   = "corp"
allow    = ["*"]
"#;

/// What a peer says of a trace of its own.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

/// Spans leave a moment after they end.
fn setup(endpoint: &str, temporal: &str) -> Setup {
    Setup::new(ROUTES, temporal)
        .file("jwks.json", r#"{"keys":[]}"#)
        .env("SECRET", sender::STRIPE_SECRET)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
}

/// A payment, with what the peer says of its trace.
async fn pay(gateway: &Gateway, order: &str, traceparent: &str) -> Answer {
    let body = sender::payment(order, &format!("evt_{order}"), 1);
    let now = signalpost::clock::now().seconds();
    let signature = sender::stripe_signature(sender::STRIPE_SECRET, now, &body);
    let headers = [
        ("Stripe-Signature", signature),
        ("traceparent", traceparent.to_owned()),
    ];
    let url = format!("{}/hooks/stripe", gateway.public());
    let answer = sender::post(&url, &headers, &body).await;
    answer.expect("an answer")
}

async fn server_span(collector: &Collector) -> Span {
    collector.span("of a request", Span::is_server).await
}

async fn attempt_span(collector: &Collector) -> Span {
    collector.span("of an attempt", Span::is_client).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_and_its_signal_are_one_trace_and_a_strangers_own_is_only_linked() {
    let collector = Collector::start().await;
    let workflows = Workflows::connect().await;
    let gateway = setup(collector.address(), workflows.address())
        .env("OTEL_SERVICE_NAME", "hooks")
        .flag("--log", "debug")
        .start()
        .await;
    let order = unique("o");
    let workflow = format!("order-{order}");
    workflows.start(&workflow).await;
    let answer = pay(&gateway, &order, &traceparent("01")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event = answer.body["event"].as_str().expect("an id");

    let request = server_span(&collector).await;
    assert_eq!(request.name, "POST /hooks/{source}");
    assert_eq!(request.parent, "", "a stranger is no parent");
    assert_ne!(request.trace, TRACE);
    assert_eq!(request.links, [(TRACE.to_owned(), PARENT.to_owned())]);
    assert_eq!(request.service, "hooks");
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/hooks/{source}"),
        ("http.response.status_code", "200"),
        ("client.address", "127.0.0.1"),
        ("signalpost.source", "stripe"),
        ("signalpost.outcome", "accepted"),
        ("signalpost.event_id", event),
        ("signalpost.workflow_id", &workflow),
    ] {
        assert_eq!(request.attribute(name), value, "{name}");
    }
    for stage in ["read", "verify", "route", "accept"] {
        let span = collector.span(stage, |span| span.name == stage).await;
        assert_eq!((&span.trace, &span.parent), (&request.trace, &request.id));
    }
    let attempt = attempt_span(&collector).await;
    assert_eq!(attempt.name, "SignalWorkflow:payment_received");
    assert_eq!(
        (&attempt.trace, &attempt.parent),
        (&request.trace, &request.id)
    );
    for (name, value) in [
        ("signalpost.event_id", event),
        ("signalpost.route", "payment"),
        ("signalpost.namespace", "default"),
        ("signalpost.workflow_id", &workflow),
        ("signalpost.attempt", "1"),
        ("signalpost.outcome", "delivered"),
    ] {
        assert_eq!(attempt.attribute(name), value, "{name}");
    }
    assert!(!attempt.failed && !request.failed);

    let signals = workflows.signals(&workflow, 1).await;
    let carrier: Value = serde_json::from_str(&signals[0].header["_tracer-data"]).expect("JSON");
    let expected = format!("00-{}-{}-01", attempt.trace, attempt.id);
    assert_eq!(carrier, json!({ "traceparent": expected }));

    let (_, shown) = gateway.get(&format!("/v1/events/{event}")).await;
    assert_eq!(shown["deliveries"][0]["trace_id"], json!(request.trace));
    let line = gateway.says(&["webhook answered", &request.trace]).await;
    assert!(line.contains(event), "{line}");
    gateway
        .says(&["\"delivered\"", &request.trace, event])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_and_nothing_that_was_sent_is_in_a_span_or_a_log_line() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let gateway = setup(collector.address(), &fake.address.to_string())
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20t0p-s3cret",
        )
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .flag("--log", "debug")
        .start()
        .await;
    assert_eq!(pay(&gateway, "secret", "").await.status, 200);
    attempt_span(&collector).await;
    server_span(&collector).await;
    let url = format!("{}/orders/7/status?token=qu3ry", gateway.public());
    let asked = reqwest::Client::new().get(url).bearer_auth("b3arer.b.c");
    asked.send().await.expect("an answer");
    let asked = |span: &Span| span.attribute("signalpost.query") == "status";
    collector.span("of a question", asked).await;

    let sent = collector.headers();
    let token = |sent: &http::HeaderMap| sent["authorization"] == "Bearer t0p-s3cret";
    assert!(sent.iter().all(token));
    let raw = String::from_utf8_lossy(&collector.raw()).into_owned();
    let log = gateway.log();
    for secret in [
        "t0p-s3cret",
        sender::STRIPE_SECRET,
        "v1=",
        "pi_evt_secret",
        "b3arer",
        "qu3ry",
    ] {
        assert!(!raw.contains(secret), "{secret} is in a span");
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_trusted_proxy_is_gone_on_with() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let gateway = setup(collector.address(), &fake.address.to_string())
        .flag("--trusted-proxies", "127.0.0.1")
        .start()
        .await;
    assert_eq!(
        pay(&gateway, "unsampled", &traceparent("00")).await.status,
        200
    );
    let unsampled = fake.until_received("order-unsampled", 1).await;
    let header = unsampled[0].header.get("_tracer-data").expect("a trace");
    assert!(
        header.contains(TRACE) && header.contains("-00\""),
        "{header}"
    );
    assert_eq!(
        pay(&gateway, "sampled", &traceparent("01")).await.status,
        200
    );

    let request = server_span(&collector).await;
    assert_eq!(request.attribute("signalpost.workflow_id"), "order-sampled");
    assert_eq!((&*request.trace, &*request.parent), (TRACE, PARENT));
    assert!(request.links.is_empty());
    let attempt = attempt_span(&collector).await;
    assert_eq!((&*attempt.trace, &attempt.parent), (TRACE, &request.id));

    let malformed = format!("00-{TRACE}-{PARENT}");
    assert_eq!(pay(&gateway, "malformed", &malformed).await.status, 200);
    let own = |span: &Span| span.is_server() && span.trace != TRACE;
    let own = collector.span("of its own trace", own).await;
    assert_eq!((&*own.parent, own.links.len()), ("", 0));
    let spans = collector.spans();
    let of_unsampled = |span: &Span| span.attribute("signalpost.workflow_id") == "order-unsampled";
    assert!(!spans.iter().any(of_unsampled), "it was not to be recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_cannot_have_a_trace_recorded() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let gateway = setup(collector.address(), &fake.address.to_string())
        .env("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        .start()
        .await;
    assert_eq!(pay(&gateway, "s", &traceparent("01")).await.status, 200);
    let received = fake.until_received("order-s", 1).await;
    let header = received[0].header.get("_tracer-data").expect("a trace");
    assert!(
        header.contains("-00\"") && !header.contains(TRACE),
        "{header}"
    );
    gateway.settled().await;
    gateway.terminate();
    let mut gateway = gateway;
    gateway.exited().await;
    assert!(collector.spans().is_empty());
}

/// Accepted before, delivered after a restart.
async fn restarted(store: Option<PathBuf>) {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let address = fake.address.to_string();
    fake.stop().await;
    let mut setup = setup(collector.address(), &address);
    if let Some(store) = store {
        setup = setup.store(store);
    }
    let mut gateway = setup.start().await;
    let accepted = async || pay(&gateway, "later", &traceparent("01")).await.status == 200;
    eventually("it is accepted", accepted).await;
    let first = |span: &Span| span.attribute("signalpost.outcome") == "accepted";
    let request = collector.span("of the request", first).await;
    gateway.kill();
    let _fake = FakeTemporal::start_at(&address).await;
    gateway.restart().await;
    let attempt = attempt_span(&collector).await;
    assert_eq!(
        (&attempt.trace, &attempt.parent),
        (&request.trace, &request.id)
    );
    assert_eq!(attempt.attribute("signalpost.outcome"), "delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_after_a_restart_belongs_to_the_trace_of_its_webhook() {
    restarted(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_after_a_restart_on_redis_belongs_to_the_trace_of_its_webhook() {
    let redis = Redis::start().await;
    restarted(Some(PathBuf::from(redis.url()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_or_given_up_says_why_in_its_span() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let setup = setup(collector.address(), &fake.address.to_string());
    let gateway = setup.start().await;
    let url = format!("{}/hooks/stripe", gateway.public());
    let forged = [("Stripe-Signature", "t=1,v1=00".to_owned())];
    let answer = sender::post(&url, &forged, "{}").await.expect("an answer");
    assert_eq!(answer.status, 401, "{}", answer.body);
    let request = server_span(&collector).await;
    assert_eq!(request.attribute("signalpost.outcome"), "refused");
    assert_ne!(request.attribute("error.type"), "");
    assert!(
        !request.failed,
        "the caller's fault is no error of the server"
    );
    let verify = collector.span("verify", |span| span.name == "verify").await;
    assert!(verify.failed);

    fake.script(
        "order-refused",
        [crate::support::temporal::Reply::Fail(
            tonic::Status::invalid_argument("no"),
        )],
    );
    assert_eq!(pay(&gateway, "refused", "").await.status, 200);
    let attempt = attempt_span(&collector).await;
    assert_eq!(attempt.attribute("signalpost.outcome"), "parked");
    assert_eq!(
        attempt.attribute("error.type"),
        attempt.attribute("signalpost.reason")
    );
    assert!(attempt.failed);

    let asked = reqwest::get(format!("{}/orders/7/status", gateway.public())).await;
    assert_eq!(asked.expect("an answer").status(), 401);
    let asked = |span: &Span| span.attribute("signalpost.query") == "status";
    let asked = collector.span("of a question", asked).await;
    assert_eq!(asked.name, "GET /orders/{id}/status");
    assert_eq!(asked.attribute("http.response.status_code"), "401");
    assert_eq!(asked.attribute("error.type"), "no_token");
}
