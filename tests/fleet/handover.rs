//! One replica goes and another takes over: frozen past its lease, replaced one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::replica;
use crate::support::chaos::Wire;
use crate::support::gateway::Gateway;
use crate::support::redis::Redis;
use crate::support::workflows::{PrivateServer, unique};
use crate::support::{eventually, ledger, sender};

/// A frozen replica's send reaches Temporal after the one that took over has delivered: the server drops it as a repeat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_frozen_past_its_lease_repeats_nothing_when_it_goes_on() {
    let server = PrivateServer::quick().await;
    let redis = Redis::start().await;
    let wire = Wire::to(server.address()).await;
    // Alone, it owns every partition.
    let frozen = replica(&redis, wire.address()).await;
    frozen.connected().await;
    let workflows = server.workflows().await;
    let orders: Vec<String> = (0..16).map(|_| unique("z")).collect();
    for order in &orders {
        workflows.start(&format!("order-{order}")).await;
    }
    // What it sends from now on stays in the wire for so long: longer than its lease.
    wire.slow_down(Duration::from_secs(15));
    for order in &orders {
        for number in 0..3 {
            assert_eq!(pay(frozen.public(), order, number).await, Some(200));
        }
    }
    eventually("attempts are in flight", || async { wire.held() > 0 }).await;
    frozen.freeze();
    let other = replica(&redis, server.address()).await;
    for order in &orders {
        workflows.signals(&format!("order-{order}"), 3).await;
    }
    frozen.thaw();
    wire.slow_down(Duration::ZERO);
    eventually("the late sends have arrived", || async { wire.held() == 0 }).await;
    other.settled().await;
    // The frozen one goes on as a replica among others.
    for order in &orders {
        assert_eq!(pay(frozen.public(), order, 3).await, Some(200));
        let signals = workflows.signals(&format!("order-{order}"), 4).await;
        let expected: Vec<_> = (0..4).map(|number| payment(order, number)).collect();
        ledger::nothing_lost_twice_or_out_of_order(&expected, &signals);
    }
}

/// Three replicas are replaced one by one under load, as a rolling restart does; a balancer asks only those that are ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_refuses_nobody() {
    let server = PrivateServer::quick().await;
    let redis = Redis::start().await;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(replica(&redis, server.address()).await);
    }
    let workflows = server.workflows().await;
    let orders: Vec<String> = (0..8).map(|_| unique("r")).collect();
    for order in &orders {
        workflows.start(&format!("order-{order}")).await;
    }
    let publics = |replicas: &[Gateway]| -> Vec<String> {
        replicas.iter().map(|one| one.public().to_owned()).collect()
    };
    let ready = watch::Sender::new(publics(&replicas));
    let stop = Arc::new(AtomicBool::new(false));
    let total = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = orders
        .iter()
        .map(|order| {
            let (order, ready) = (order.clone(), ready.subscribe());
            let (stop, total) = (Arc::clone(&stop), Arc::clone(&total));
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let ready = ready.borrow().clone();
                    let base = &ready[number % ready.len()];
                    // A connection that was closed under it is tried once more, as balancers do.
                    let mut answer = pay(base, &order, number).await;
                    if answer.is_none() {
                        answer = pay(&ready[(number + 1) % ready.len()], &order, number).await;
                    }
                    assert_eq!(answer, Some(200), "{order} {number}");
                    number += 1;
                    total.fetch_add(1, Ordering::Relaxed);
                }
                number
            })
        })
        .collect();
    for number in 0..replicas.len() {
        let before = total.load(Ordering::Relaxed);
        eventually("there is load", || {
            std::future::ready(total.load(Ordering::Relaxed) > before + 50)
        })
        .await;
        let old = replicas.remove(0);
        ready.send_replace(publics(&replicas));
        old.terminate();
        gone(old).await;
        replicas.push(replica(&redis, server.address()).await);
        ready.send_replace(publics(&replicas));
        eprintln!("rolling restart: {} of 3 replaced", number + 1);
    }
    stop.store(true, Ordering::Relaxed);
    for (order, sender) in orders.iter().zip(senders) {
        let count = sender.await.expect("no answer but 200");
        let signals = workflows.signals(&format!("order-{order}"), count).await;
        let expected: Vec<_> = (0..count).map(|number| payment(order, number)).collect();
        ledger::nothing_lost_twice_or_out_of_order(&expected, &signals);
    }
    eprintln!(
        "rolling restart: {} events answered 200, {} of those that the new replicas delivered took over 2 s",
        total.load(Ordering::Relaxed),
        late(&replicas).await
    );
}

/// How many of a payment's deliveries took over two seconds from acceptance.
async fn late(replicas: &[Gateway]) -> u64 {
    let mut late = 0;
    for replica in replicas {
        let metrics = replica.metrics().await;
        let lag = "signalpost_delivery_lag_seconds";
        let in_time = metrics.lines().filter(|line| line.contains("le=\"2.0\""));
        let in_time = in_time.collect::<Vec<_>>().join("\n");
        let in_time = ledger::sum(&in_time, &format!("{lag}_bucket"));
        late += ledger::sum(&metrics, &format!("{lag}_count")) - in_time;
    }
    late
}

/// Its exit code says that it ended in order.
async fn gone(mut replica: Gateway) {
    assert!(replica.exited().await.success());
}

async fn pay(base: &str, order: &str, number: usize) -> Option<u16> {
    let body = sender::payment(order, &event(order, number), 1);
    let answer = sender::stripe(base, sender::STRIPE_SECRET, &body).await;
    answer.ok().map(|answer| answer.status)
}

fn event(order: &str, number: usize) -> String {
    format!("{order}_{number:05}")
}

fn payment(order: &str, number: usize) -> String {
    format!("pi_{}", event(order, number))
}
