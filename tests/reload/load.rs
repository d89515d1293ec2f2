//! A thousand reloads while webhooks come: none fails, and none sees two files at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::drain::setup;
use crate::support::exchange;
use crate::support::gateway::Gateway;
use crate::support::sender::STRIPE_SECRET;
use crate::support::temporal::{FakeTemporal, Received};

const GENERATIONS: usize = 1_000;
const SENDERS: usize = 3;
/// One file in so many is a bad one.
const BAD: usize = 25;

/// A file that says its number wherever a route can say something.
fn generation(number: usize) -> String {
    format!(
        r#"
[sources.stripe]
provider = "stripe"
secrets  = ["file:FOLDER/secret"]

[[routes]]
name     = "g-{number}"
source   = "stripe"
workflow = "w-${{body.id}}"
signal   = "g-{number}"
args     = [{{ generation = "g-{number}", id = "${{body.id}}" }}]
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_under_load_fail_no_webhook_and_mix_no_two_files() {
    let temporal = FakeTemporal::start().await;
    let mut setup = setup();
    setup.routes = generation(0);
    setup.temporal = temporal.address.to_string();
    let gateway = Arc::new(setup.start().await);
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| tokio::spawn(send(Arc::clone(&gateway), sender, Arc::clone(&over))))
        .collect();

    // One connection for all of them: a client of its own costs more than a reload.
    let operator = reqwest::Client::new();
    let (_, config) = gateway.get("/v1/config").await;
    let mut digest = config["digest"].clone();
    for number in 1..=GENERATIONS {
        let routes = generation(number);
        if number.is_multiple_of(BAD) {
            gateway.replace("routes.toml", &routes.replace("\"stripe\"", "\"stripee\""));
            let (status, refused) = reload(&operator, &gateway).await;
            assert_eq!((status, &refused["code"]), (409, &json!("SP-S207")));
            let (_, config) = gateway.get("/v1/config").await;
            assert_eq!(config["digest"], digest, "the plan stays");
            continue;
        }
        gateway.replace("routes.toml", &routes);
        let (status, answer) = reload(&operator, &gateway).await;
        assert_eq!(status, 200, "{answer}");
        assert_ne!(answer["digest"], digest);
        digest = answer["digest"].clone();
    }
    over.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.expect("every webhook is taken");
    }
    gateway.settled().await;
    let generations = agreeing(&gateway, &temporal, sent).await;
    eprintln!("reload: {sent} webhooks under {generations} generations");
    assert!(generations > 10, "the load met many generations");
}

async fn reload(operator: &reqwest::Client, gateway: &Gateway) -> (u16, Value) {
    let request = operator.post(format!("{}/v1/config/reload", gateway.ops()));
    let request = request.header("content-type", "application/json");
    let answer = exchange::send(request.body("{}")).await;
    (answer.status, answer.body)
}

/// One webhook after the other, each to a workflow of its own; how many there were.
async fn send(gateway: Arc<Gateway>, sender: usize, over: Arc<AtomicBool>) -> usize {
    let provider = reqwest::Client::new();
    let url = format!("{}/hooks/stripe", gateway.public());
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        let body = format!(r#"{{"id":"{sender}-{sent}"}}"#);
        let now = signalpost::clock::now().seconds().to_string();
        let signature = exchange::stripe_signature(STRIPE_SECRET, &now, body.as_bytes());
        let request = provider.post(&url).header("Stripe-Signature", signature);
        let answer = exchange::send(request.body(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["deliveries"], 1, "{}", answer.text);
        sent += 1;
    }
    sent
}

/// The number of generations seen, once each of the events has been found to be of one alone: as kept, and as signalled.
async fn agreeing(gateway: &Gateway, temporal: &FakeTemporal, sent: usize) -> usize {
    let mut generations = BTreeSet::new();
    let mut events = 0;
    let mut path = "/v1/events?limit=1000".to_owned();
    loop {
        let (_, page) = gateway.get(&path).await;
        for event in page["events"].as_array().expect("events") {
            let delivery = &event["deliveries"][0];
            let route = delivery["route"].as_str().expect("a route");
            assert_eq!(delivery["signal"], route, "{event}");
            let workflow = delivery["workflow"].as_str().expect("a workflow");
            let received: Vec<Received> = temporal.received(workflow);
            let [signal] = received.as_slice() else {
                panic!("one signal for {workflow}: {received:?}");
            };
            assert_eq!(signal.signal, route);
            let id = workflow.trim_start_matches("w-");
            let args = format!(r#"{{"generation":"{route}","id":"{id}"}}"#);
            assert_eq!(signal.args, [args]);
            generations.insert(route.to_owned());
            events += 1;
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/events?limit=1000&cursor={next}");
    }
    assert_eq!(events, sent, "nothing is lost");
    generations.len()
}
