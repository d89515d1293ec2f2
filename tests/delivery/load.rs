//! The loop under load: throttling by cause and scope, many waiting lanes, and who is not held up by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::inbox_loop::Running;
use super::*;
use crate::support::temporal::Received;
use crate::support::until;

const SIGNAL: &str = "SignalWorkflowExecution";

fn in_namespace(namespace: &str, workflow: &str) -> Delivery {
    let mut sent = delivery(workflow);
    namespace.clone_into(&mut sent.target.namespace);
    sent
}

/// `count` deliveries, each to a workflow of its own.
async fn backlog(running: &Running, namespace: &str, count: usize) {
    let sent: Vec<_> = (0..count)
        .map(|n| in_namespace(namespace, &format!("{namespace}-{n}")))
        .collect();
    join_all(sent.iter().map(|sent| running.accept(sent))).await;
}

#[tokio::test]
async fn a_throttled_namespace_is_left_alone_and_holds_up_no_other() {
    let fake = FakeTemporal::start().await;
    let throttled = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicUsize::new(0));
    let (is_throttled, count) = (Arc::clone(&throttled), Arc::clone(&asked));
    fake.otherwise(move |request| {
        if request.namespace != "slow" || !is_throttled.load(Ordering::Relaxed) {
            return Reply::Ok;
        }
        count.fetch_add(1, Ordering::Relaxed);
        exhausted(Cause::RpsLimit, Scope::Namespace)
    });
    let running = Running::start(&fake.address.to_string(), 64);
    backlog(&running, "slow", 300).await;
    backlog(&running, "quick", 100).await;
    running.until_delivered(100).await;
    // 300 lanes that each asked on their own would have asked several hundred times by now.
    let asked = asked.load(Ordering::Relaxed);
    assert!((1..150).contains(&asked), "{asked} calls");
    throttled.store(false, Ordering::Relaxed);
    running.until_delivered(400).await;
    running.stop().await;
}

#[tokio::test]
async fn a_throttled_cluster_is_left_alone_by_all() {
    let fake = FakeTemporal::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    fake.otherwise(move |request| {
        if request.method != SIGNAL {
            return Reply::Ok;
        }
        let so_far = count.fetch_add(1, Ordering::Relaxed);
        if so_far < 40 {
            exhausted(Cause::SystemOverloaded, Scope::System)
        } else {
            Reply::Ok
        }
    });
    let begun = Instant::now();
    let running = Running::start(&fake.address.to_string(), 64);
    backlog(&running, "a", 50).await;
    backlog(&running, "b", 50).await;
    running.until_delivered(100).await;
    assert!(begun.elapsed() >= Duration::from_millis(250), "no pause");
    running.stop().await;
}

#[tokio::test]
async fn a_busy_workflow_slows_its_own_lane_only() {
    let fake = FakeTemporal::start().await;
    let busy = || exhausted(Cause::BusyWorkflow, Scope::Namespace);
    fake.script("busy", (0..4).map(|_| busy()));
    let running = Running::start(&fake.address.to_string(), 8);
    running.accept(&delivery("busy")).await;
    backlog(&running, "default", 50).await;
    running.until_delivered(51).await;
    assert_eq!(fake.received("busy").len(), 5);
    running.stop().await;
}

#[tokio::test]
async fn a_backlog_meets_temporal_with_a_modest_number_of_calls_at_first() {
    let fake = FakeTemporal::start().await;
    fake.otherwise(|request| match request.method.as_str() {
        SIGNAL => Reply::Hang,
        _ => Reply::Ok,
    });
    let running = Running::start(&fake.address.to_string(), 512);
    backlog(&running, "default", 200).await;
    let asked = || {
        let lanes = (0..200).map(|n| fake.received(&format!("default-{n}")).len());
        lanes.sum::<usize>()
    };
    until("the first window is full", || asked() == 16).await;
    backlog(&running, "other", 1).await;
    fake.until_received("other-0", 1).await;
    assert_eq!(asked(), 16, "no more until some are answered");
}

pub(super) fn absent(request: &Received) -> Reply {
    if request.workflow.starts_with("absent") {
        not_found()
    } else {
        Reply::Ok
    }
}

#[tokio::test]
async fn a_waiting_lane_is_described_now_and_then_and_gets_its_signal_when_the_workflow_appears() {
    let fake = FakeTemporal::start().await;
    let appeared = Arc::new(AtomicBool::new(false));
    let there = Arc::clone(&appeared);
    fake.otherwise(move |request| {
        if there.load(Ordering::Relaxed) {
            Reply::Ok
        } else {
            absent(request)
        }
    });
    let running = Running::start(&fake.address.to_string(), 4);
    running.accept(&delivery("absent-1")).await;
    let methods = fake.until_received("absent-1", 7).await;
    let described = methods.iter().filter(|call| call.method != SIGNAL).count();
    assert_eq!(described, 2, "at the first look and at the fifth");
    appeared.store(true, Ordering::Relaxed);
    running.until_delivered(1).await;
    running.stop().await;
}

#[tokio::test]
async fn looks_give_way_while_signals_keep_a_namespace_busy_but_not_for_ever() {
    let fake = FakeTemporal::start().await;
    fake.otherwise(absent);
    fake.script("busy", [Reply::Hang]);
    // One namespace may have two in flight: one signal of them is half.
    let running = Running::start(&fake.address.to_string(), 4);
    running.accept(&delivery("absent-1")).await;
    fake.until_received("absent-1", 1).await;
    running.accept(&delivery("busy")).await;
    fake.until_received("busy", 1).await;
    let before = fake.received("absent-1").len();
    // The signal that hangs ends after five seconds, in which there would have been a dozen looks.
    fake.until_received("busy", 2).await;
    let looks = fake.received("absent-1").len() - before;
    assert!((1..=5).contains(&looks), "{looks} looks");
    running.stop().await;
}
