//! The same through the whole gateway: its connection breaks, or it is killed, between a signal and its answer.

use super::*;
use crate::support::eventually;
use crate::support::gateway::{Gateway, Setup};
use crate::support::relay::Relay;
use crate::support::sender;
use crate::webhooks;

/// The order's workflow, and a gateway that reaches Temporal through a relay.
async fn through_a_relay() -> (Stage, Relay, Gateway, String) {
    let stage = Stage::started().await;
    let relay = Relay::to(devserver::address().await).await;
    let order = stage.workflow.strip_prefix("order-").unwrap().to_owned();
    let gateway = webhooks::gateway(&relay.address.to_string()).await;
    eventually("it is connected", || async {
        gateway.get("/ready").await.1["checks"]["temporal"]["ok"] == true
    })
    .await;
    (stage, relay, gateway, order)
}

/// One signal arrives whose answer is lost; then the workflow continues as new.
async fn lose_an_answer(stage: &Stage, relay: &Relay, gateway: &Gateway, order: &str) {
    relay.mute();
    let answer = webhooks::pay(gateway, order, "evt_lost").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    eventually("the signal has arrived", || async {
        stage.observer.all_signals(&stage.workflow).await == 1
    })
    .await;
    stage.worker.continue_as_new("Order").await;
    stage.worker.proceed().await;
}

#[tokio::test]
async fn a_connection_that_breaks_before_a_continue_as_new_repeats_nothing() {
    let (stage, relay, gateway, order) = through_a_relay().await;
    lose_an_answer(&stage, &relay, &gateway, &order).await;
    relay.cut();
    webhooks::pay(&gateway, &order, "evt_next").await;
    gateway.settled().await;
    assert_eq!(stage.observer.all_signals(&stage.workflow).await, 2);
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 1);
}

#[tokio::test]
async fn a_kill_before_a_continue_as_new_repeats_nothing() {
    let (stage, relay, mut gateway, order) = through_a_relay().await;
    lose_an_answer(&stage, &relay, &gateway, &order).await;
    gateway.kill();
    relay.cut();
    gateway.restart().await;
    webhooks::pay(&gateway, &order, "evt_next").await;
    gateway.settled().await;
    assert_eq!(stage.observer.all_signals(&stage.workflow).await, 2);
    let (_, page) = gateway.get("/v1/events?state=delivered").await;
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
}

const STARTS_AGAIN: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "payment"
source   = "stripe"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"
missing  = "park"
closed   = { start = { type = "Order", task_queue = "nobody-polls", args = ["${body.id}"] } }
"#;

#[tokio::test]
async fn a_kill_after_a_start_that_followed_a_closed_run_starts_no_other() {
    let stage = Stage::started().await;
    stage.observer.close(&stage.workflow).await;
    let closed_run = stage.observer.run_id(&stage.workflow).await;
    let relay = Relay::to(devserver::address().await).await;
    let order = stage.workflow.strip_prefix("order-").unwrap();
    let setup = Setup::new(STARTS_AGAIN, &relay.address.to_string());
    let setup = setup.env("SECRET", sender::STRIPE_SECRET);
    let mut gateway = setup.start().await;
    webhooks::pay(&gateway, order, "evt_first").await;
    gateway.settled().await;
    let run = stage.observer.run_id(&stage.workflow).await;
    assert_ne!(run, closed_run);

    relay.mute();
    webhooks::pay(&gateway, order, "evt_lost").await;
    eventually("the signal has arrived", || async {
        stage.observer.signals(&stage.workflow).await.len() == 2
    })
    .await;
    stage.observer.close(&stage.workflow).await;
    gateway.kill();
    relay.cut();
    gateway.restart().await;
    gateway.settled().await;
    assert_eq!(stage.observer.run_id(&stage.workflow).await, run);
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 2);
}
