//! What is promised must hold when things die: Temporal away, the gateway killed under load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::sender;
use crate::support::workflows::{PrivateServer, Workflows, unique};
use crate::support::{eventually, ledger};
use crate::webhooks::{gateway, pay};

#[tokio::test]
async fn with_temporal_away_webhooks_are_kept_and_arrive_in_order_when_it_is_back() {
    let mut server = PrivateServer::start().await;
    let gateway = gateway(server.address()).await;
    let order = unique("o");
    server
        .workflows()
        .await
        .start(&format!("order-{order}"))
        .await;
    server.kill().await;

    for number in 0..20 {
        let answer = pay(&gateway, &order, &format!("evt_{number}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let (status, ready) = gateway.get("/ready").await;
    assert_eq!(status, 200, "Temporal away does not make it unready");
    eventually("/ready says that Temporal is away", || async {
        gateway.get("/ready").await.1["checks"]["temporal"]["ok"] == false
    })
    .await;
    assert_eq!(ready["ready"], true);

    server.restart().await;
    let workflows = server.workflows().await;
    let signals = workflows.signals(&format!("order-{order}"), 20).await;
    let payments: Vec<_> = signals
        .iter()
        .map(|signal| ledger::payment(&signal.args[0]))
        .collect();
    let expected: Vec<_> = (0..20).map(|number| format!("pi_evt_{number}")).collect();
    assert_eq!(payments, expected);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_burst_loses_nothing_and_repeats_nothing() {
    let workflows = Workflows::connect().await;
    let mut gateway = gateway(workflows.address()).await;
    let orders: Vec<String> = (0..8).map(|_| unique("k")).collect();
    for order in &orders {
        workflows.start(&format!("order-{order}")).await;
    }
    let mut acknowledged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for round in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = orders
            .iter()
            .map(|order| {
                burst(
                    gateway.public().to_owned(),
                    order.clone(),
                    round,
                    stop.clone(),
                )
            })
            .collect();
        let senders: Vec<_> = senders.into_iter().map(tokio::spawn).collect();
        eventually("a few hundred are kept", || async {
            kept(&gateway).await >= 150 * (round + 1)
        })
        .await;
        gateway.kill();
        stop.store(true, Ordering::Relaxed);
        for (order, sender) in orders.iter().zip(senders) {
            acknowledged
                .entry(order.clone())
                .or_default()
                .extend(sender.await.expect("the sender"));
        }
        gateway.restart().await;
    }
    gateway.settled().await;
    for (order, acknowledged) in &acknowledged {
        let signals = workflows
            .signals(&format!("order-{order}"), acknowledged.len())
            .await;
        ledger::nothing_lost_twice_or_out_of_order(acknowledged, &signals);
    }
}

/// Posts one payment after another to one order until told to stop; the events that were answered 200, in order.
async fn burst(base: String, order: String, round: u64, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // Of this order alone: an id that another order has used would be a duplicate.
        let event = format!("{order}_{round}_{number:05}");
        let body = sender::payment(&order, &event, 1);
        match sender::stripe(&base, sender::STRIPE_SECRET, &body).await {
            Ok(answer) if answer.status == 200 => acknowledged.push(format!("pi_{event}")),
            Ok(_) | Err(_) => {}
        }
    }
    acknowledged
}

async fn kept(gateway: &crate::support::gateway::Gateway) -> u64 {
    let (_, metrics) = gateway.get("/metrics").await;
    let text = metrics.as_str().unwrap_or_default();
    ledger::sum(text, "signalpost_inbox_deliveries{")
}
