//! What an inbox on Redis makes of a Redis that is killed, away, silent or forgetful.

use std::time::{Duration, Instant};

use signalpost::inbox::{Error, Receipt, Settlement};

use super::replicas::{AT_ONCE, TAKEN_OVER, deliver, open};
use super::samples::{DONE, accept, acceptance, claim, key_of};
use crate::support::deliveries::{Connected, leased_attempt};
use crate::support::redis::Redis;
use crate::support::temporal::FakeTemporal;
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    let mut redis = Redis::start().await;
    let inbox = open(&redis).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let inbox = inbox.clone();
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0.. {
                let sent = acceptance(&format!("{task}-{n}"), &[&format!("order-{task}")]);
                match inbox.accept(sent).await {
                    Ok(receipt) => acknowledged.push(receipt),
                    Err(Error::Unavailable(_)) => break,
                    Err(other) => panic!("{other:?}"),
                }
            }
            acknowledged
        });
    }
    within(TAKEN_OVER, "some were acknowledged", || async {
        redis.ask::<u64>(&["ZCARD", "{signalpost}:events"]).await > 500
    })
    .await;
    redis.kill();
    let acknowledged: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    redis.restart().await;
    let mut kept = redis.connect().await;
    for receipt in &acknowledged {
        let Receipt::Accepted { event, .. } = receipt else {
            panic!("{receipt:?}")
        };
        let name = format!("{{signalpost}}:event:{event}");
        assert_eq!(
            crate::support::redis::ask::<u64>(&mut kept, &["EXISTS", &name]).await,
            1
        );
    }
    // The same inbox goes on, and delivers each once.
    let mut delivered = deliver([&inbox]);
    let mut next = [0_usize; 16];
    for _ in 0..acknowledged.len() {
        let (workflow, key) = tokio::time::timeout(TAKEN_OVER, delivered.recv())
            .await
            .expect("it goes on")
            .unwrap();
        let lane: usize = workflow.trim_start_matches("order-").parse().unwrap();
        assert_eq!(key, format!("{lane}-{}", next[lane]));
        next[lane] += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_at_once_and_found_again_without_a_restart() {
    let mut redis = Redis::start().await;
    let inbox = open(&redis).await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    redis.kill();
    for n in 0..10 {
        let asked = Instant::now();
        let refused = inbox
            .accept(acceptance(&format!("lost-{n}"), &["order-1"]))
            .await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        assert!(asked.elapsed() < AT_ONCE);
    }
    within(AT_ONCE, "trouble is told", || {
        std::future::ready(inbox.stats().trouble.is_some())
    })
    .await;
    redis.restart().await;
    within(TAKEN_OVER, "it accepts again", || async {
        let sent = acceptance("evt_2", &["order-1"]);
        matches!(
            inbox.accept(sent).await,
            Ok(Receipt::Accepted { .. } | Receipt::Duplicate { .. })
        )
    })
    .await;
    for expected in ["evt_1", "evt_2"] {
        let head = claim(&inbox, 1).await.remove(0);
        assert_eq!(key_of(&head.delivery), expected);
        inbox.settle(head, DONE).await.unwrap();
    }
    assert_eq!(inbox.stats().trouble, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_the_server_has_forgotten_are_loaded_again() {
    let redis = Redis::start().await;
    let inbox = open(&redis).await;
    for n in 0..20 {
        let _: () = redis.ask(&["SCRIPT", "FLUSH"]).await;
        accept(&inbox, acceptance(&n.to_string(), &["order-1"])).await;
        let _: () = redis.ask(&["SCRIPT", "FLUSH"]).await;
        let head = claim(&inbox, 1).await.remove(0);
        assert_eq!(key_of(&head.delivery), n.to_string());
        let _: () = redis.ask(&["SCRIPT", "FLUSH"]).await;
        inbox.settle(head, DONE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_lease_over_nothing_is_sent_and_the_claim_goes_back() {
    let redis = Redis::start().await;
    let fake = FakeTemporal::start().await;
    let connected = Connected::to(&fake.address.to_string()).await;
    let inbox = open(&redis).await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let head = claim(&inbox, 1).await.remove(0);
    assert!(
        head.lease.rest() > Duration::from_secs(4) && head.lease.rest() <= Duration::from_secs(8)
    );
    redis.pause();
    within(TAKEN_OVER, "the lease is over", || {
        std::future::ready(head.lease.rest().is_zero())
    })
    .await;
    let settlement = leased_attempt(&connected.temporal, &head.delivery, &head.lease).await;
    assert!(
        matches!(settlement, Settlement::Postponed { .. }),
        "{settlement:?}"
    );
    assert!(fake.received("order-1").is_empty());
    redis.resume();
    inbox.settle(head, settlement).await.unwrap();
    let head = claim(&inbox, 1).await.remove(0);
    assert_eq!(head.delivery.attempts, 0);
    let settlement = leased_attempt(&connected.temporal, &head.delivery, &head.lease).await;
    assert_eq!(settlement, Settlement::Delivered { run_id: None });
}
