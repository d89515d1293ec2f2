//! A gateway on Redis, seen from outside: what a caller is told while Redis cannot promise, and after.

use std::path::PathBuf;

use crate::support::gateway::{Gateway, Setup};
use crate::support::redis::Redis;
use crate::support::workflows::{Workflows, unique};
use crate::support::{eventually, ledger, sender};

async fn gateway(redis: &Redis, temporal: &str) -> Gateway {
    let gateway = Setup::new(ledger::ROUTES, temporal)
        .env("SECRET", sender::STRIPE_SECRET)
        .store(PathBuf::from(redis.url()))
        .start()
        .await;
    eventually("the store is ready", || async {
        gateway.get("/ready").await.0 == 200
    })
    .await;
    gateway
}

async fn pay(gateway: &Gateway, order: &str, event: &str) -> sender::Answer {
    let body = sender::payment(order, event, 1);
    sender::stripe(gateway.public(), sender::STRIPE_SECRET, &body)
        .await
        .expect("an answer")
}

/// Resident memory of the gateway's process.
fn resident_kib(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid()))
        .expect("the process's status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("VmRSS").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_is_a_503_with_flat_memory_and_goes_on_when_there_is_room() {
    let redis = Redis::start().await;
    let workflows = Workflows::connect().await;
    let gateway = gateway(&redis, workflows.address()).await;
    let order = unique("full");
    workflows.start(&format!("order-{order}")).await;
    assert_eq!(pay(&gateway, &order, "evt_0").await.status, 200);

    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    let refused = pay(&gateway, &order, "evt_1").await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(refused.body["code"], "SP-S005", "{}", refused.body);
    eventually("it is not ready and says why", || async {
        let (status, ready) = gateway.get("/ready").await;
        status == 503 && ready["checks"]["store"].to_string().contains("maxmemory")
    })
    .await;
    let before = resident_kib(&gateway);
    for number in 0..300 {
        let answer = pay(&gateway, &order, &format!("evt_more_{number}")).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
    }
    let grown = resident_kib(&gateway).saturating_sub(before);
    assert!(grown < 8 * 1024, "300 refusals cost {grown} KiB");

    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    eventually("it is ready again, without a restart", || async {
        gateway.get("/ready").await.0 == 200
    })
    .await;
    assert_eq!(pay(&gateway, &order, "evt_1").await.status, 200);
    let signals = workflows.signals(&format!("order-{order}"), 2).await;
    let expected = ["pi_evt_0", "pi_evt_1"].map(str::to_owned);
    ledger::nothing_lost_twice_or_out_of_order(&expected, &signals);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_died_is_a_503_at_once_and_what_it_promised_is_delivered() {
    let mut redis = Redis::start().await;
    let workflows = Workflows::connect().await;
    let gateway = gateway(&redis, workflows.address()).await;
    let order = unique("died");
    workflows.start(&format!("order-{order}")).await;
    for number in 0..5 {
        let answer = pay(&gateway, &order, &format!("evt_{number}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    redis.kill();
    let refused = pay(&gateway, &order, "evt_5").await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    redis.restart().await;
    eventually("it accepts again", || async {
        pay(&gateway, &order, "evt_5").await.status == 200
    })
    .await;
    for number in 0..6 {
        // All were kept: those before the death too.
        let again = pay(&gateway, &order, &format!("evt_{number}")).await;
        assert_eq!(again.body["status"], "duplicate", "{}", again.body);
    }
    let signals = workflows.signals(&format!("order-{order}"), 6).await;
    let expected: Vec<_> = (0..6).map(|number| format!("pi_evt_{number}")).collect();
    ledger::nothing_lost_twice_or_out_of_order(&expected, &signals);
}
