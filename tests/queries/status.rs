//! `$status` and pinned runs, of workflows on a real Temporal.

use std::time::Duration;

use super::*;
use crate::support::deliveries::{Connected, attempt, delivery};
use crate::support::devserver::Observer;
use crate::support::handworker::HandWorker;

/// Signals as the order expects them; it completes by the two of them.
async fn finish(address: &str, workflow: &str) {
    let connected = Connected::to(address).await;
    for (signal, args) in [
        ("payment_received", r#"[{"payment":"pi_1","amount":4999}]"#),
        ("shipment_update", r#"[{"status":"sent","tracking":"T"}]"#),
    ] {
        let mut sent = delivery(workflow);
        sent.target.signal = signal.to_owned();
        sent.args = args.to_owned();
        attempt(&connected.temporal, &sent, Duration::from_secs(10)).await;
    }
}

async fn until_status(alice: &Alice, order: &str, status: &str) -> Value {
    let path = format!("/orders/{order}/state");
    let shown = std::sync::Mutex::new(Value::Null);
    crate::support::eventually(&format!("it is {status}"), || async {
        let sheet = alice.ask(&path).await.body;
        let reached = sheet["status"] == status;
        *shown.lock().unwrap() = sheet;
        reached
    })
    .await;
    shown.into_inner().unwrap()
}

#[tokio::test]
async fn an_order_tells_its_status_while_it_is_open_and_after() {
    let workflows = Workflows::connect().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, workflows.address()).await;
    let order = unique("s");
    let workflow = format!("order-{order}");
    workflows.start_with_worker(&workflow, &order).await;
    gateway.connected().await;
    let alice = Alice::at(&gateway, &idp);

    let open = until_status(&alice, &order, "running").await;
    assert_eq!(open["workflow_id"], json!(workflow));
    assert_eq!(open["type"], "OrderWorkflow");
    assert_eq!(open["closed_at"], Value::Null);
    let started = open["started_at"].as_str().expect("a time");
    assert!(started.ends_with('Z') && started.contains('T'), "{started}");
    assert_eq!(open.as_object().expect("an object").len(), 6);

    finish(workflows.address(), &workflow).await;
    let closed = until_status(&alice, &order, "completed").await;
    assert_eq!(closed["run_id"], open["run_id"]);
    assert!(closed["closed_at"].as_str() >= Some(started));
    // A closed workflow answers its own queries too.
    let asked = alice.ask(&format!("/orders/{order}/patient")).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    assert_eq!(asked.body["signals"], 2);
}

#[tokio::test]
async fn the_status_needs_no_worker_and_knows_every_end() {
    let observer = Observer::new().await;
    let address = crate::support::devserver::address().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, address).await;
    gateway.connected().await;
    let alice = Alice::at(&gateway, &idp);
    let order = unique("s");
    observer.start(&format!("order-{order}")).await;
    let open = until_status(&alice, &order, "running").await;
    assert_eq!(open["type"], "Order");
    observer.close(&format!("order-{order}")).await;
    let closed = until_status(&alice, &order, "terminated").await;
    assert!(closed["closed_at"].is_string());

    let unknown = alice.ask(&format!("/orders/{}/state", unique("s"))).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.body["code"], "SP-Q301");
}

#[tokio::test]
async fn a_run_can_be_pinned_where_the_rule_says_so() {
    let observer = Observer::new().await;
    let address = crate::support::devserver::address().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, address).await;
    gateway.connected().await;
    let alice = Alice::at(&gateway, &idp);
    let order = unique("r");
    let workflow = format!("order-{order}");
    let hand = HandWorker::new(address, &unique("queue")).await;
    observer
        .start_on(hand.task_queue(), "Order", &workflow, None)
        .await;
    let first = observer.run_id(&workflow).await;
    hand.continue_as_new("Order").await;

    let state = |run: &str| alice.ask(&format!("/orders/{order}/state?run={run}"));
    let pinned = state(&first).await.body;
    assert_eq!(
        (&pinned["run_id"], &pinned["status"]),
        (&json!(first), &json!("continued_as_new"))
    );
    let present = alice.ask(&format!("/orders/{order}/state")).await;
    assert_ne!(present.body["run_id"], json!(first));
    assert_eq!(present.body["status"], "running");

    let elsewhere = uuid::Uuid::new_v4().to_string();
    assert_eq!(state(&elsewhere).await.status, 404);
    assert_eq!(state("first").await.status, 400);
    let query = alice
        .ask(&format!("/orders/{order}/pinned?run={elsewhere}"))
        .await;
    assert_eq!(query.status, 404, "{}", query.text);
}

#[tokio::test]
async fn a_pinned_run_answers_queries() {
    let workflows = Workflows::connect().await;
    let observer = Observer::new().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, workflows.address()).await;
    let order = unique("r");
    let workflow = format!("order-{order}");
    workflows.start_with_worker(&workflow, &order).await;
    gateway.connected().await;
    let alice = Alice::at(&gateway, &idp);
    let run = observer.run_id(&workflow).await;
    let pinned = alice
        .ask(&format!("/orders/{order}/pinned?run={run}"))
        .await;
    assert_eq!(pinned.status, 200, "{}", pinned.text);
    assert_eq!(pinned.body["order"], json!(order));
}
