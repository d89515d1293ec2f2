//! Workers that are not there, not there yet, or there no longer.

use std::time::{Duration, Instant};

use super::*;
use crate::support::deliveries::{Connected, attempt, delivery};
use crate::support::devserver::{self, Observer};
use crate::support::handworker::HandWorker;
use crate::support::workflows::PrivateServer;
use crate::support::{eventually, worker};

#[tokio::test]
async fn a_worker_that_has_stopped_is_503_within_the_rules_timeout() {
    let address = devserver::address().await;
    let observer = Observer::new().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, address).await;
    gateway.connected().await;
    let alice = Alice::at(&gateway, &idp);
    let order = unique("w");
    let workflow = format!("order-{order}");
    let hand = HandWorker::new(address, &unique("queue")).await;
    observer
        .start_on(hand.task_queue(), "Order", &workflow, None)
        .await;
    hand.proceed().await;
    // It works no more, and something has come since.
    let connected = Connected::to(address).await;
    attempt(
        &connected.temporal,
        &delivery(&workflow),
        Duration::from_secs(10),
    )
    .await;

    let begun = Instant::now();
    let asked = alice.ask(&format!("/orders/{order}/status")).await;
    let took = begun.elapsed();
    assert_eq!(asked.status, 503, "{}", asked.text);
    assert_eq!(asked.body["code"], "SP-Q304");
    assert!(asked.headers.contains_key("retry-after"));
    // The rule's 5 s, and room for a machine that is busy with other tests.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn two_hundred_callers_at_once_are_a_few_queries_of_a_real_workflow() {
    let server = PrivateServer::quick().await;
    let observer = Observer::at(server.address()).await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, server.address()).await;
    gateway.connected().await;
    let alice = Alice::at(&gateway, &idp);
    let input = worker::text("1").payloads;
    observer
        .start_on(
            worker::TASK_QUEUE,
            "OrderWorkflow",
            "order-1",
            Some(
                temporalio_common::protos::temporal::api::common::v1::Payloads { payloads: input },
            ),
        )
        .await;
    let callers: Vec<_> = (0..200)
        .map(|_| tokio::spawn(alice.ask("/orders/1/patient")))
        .collect();
    eventually("all of them wait", || async {
        let metrics = gateway.metrics().await;
        metrics.contains("\nsignalpost_query_callers 200\n")
    })
    .await;
    // The server ends before the worker does, whose last words interest nobody.
    worker::start(server.address(), |_| {});
    for caller in callers {
        let answered = caller.await.expect("no panic");
        assert_eq!(answered.status, 200, "{}", answered.text);
        assert_eq!(answered.body["order"], "1");
    }
    let metrics = gateway.metrics().await;
    let queries: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("signalpost_temporal_requests_total"))
        .filter(|line| line.contains("QueryWorkflow"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum();
    assert!((1..=4).contains(&queries), "{queries} queries:\n{metrics}");
}
