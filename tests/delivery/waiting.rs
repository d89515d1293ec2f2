//! Lanes whose workflow is absent, one or thousands of them: no healthy lane is held up, and Temporal is asked seldom.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use signalpost::event::Missing;

use super::inbox_loop::Running;
use super::load::absent;
use super::*;
use crate::support::until;

const SIGNAL: &str = "SignalWorkflowExecution";
/// Two looks at one workflow are never closer: the shortest pause, less its jitter.
const CLOSEST_LOOKS: Duration = Duration::from_millis(200);
/// Waiting lanes; `just bench waiting` has 50,000.
const LANES: usize = 4_000;

fn waiting(workflow: &str) -> Delivery {
    let mut sent = delivery(workflow);
    sent.rules.missing = Missing::Wait {
        for_ms: 3_600_000,
        then: Then::Park,
    };
    sent
}

#[tokio::test]
async fn a_lane_that_waits_for_an_hour_does_not_move_the_lag_of_a_busy_one() {
    let fake = FakeTemporal::start().await;
    fake.otherwise(absent);
    let running = Running::start(&fake.address.to_string(), 8);
    // The head waits, and behind it others that nobody asks for.
    let blocked: Vec<_> = (0..20).map(|_| waiting("absent-1")).collect();
    for sent in &blocked {
        running.accept(sent).await;
    }
    fake.until_received("absent-1", 2).await;
    let (begun, before) = (Instant::now(), fake.received("absent-1").len());
    for n in 0..50 {
        running.accept(&delivery("busy")).await;
        running.until_delivered(n + 1).await;
    }
    assert_eq!(fake.received("busy").len(), 50, "none was tried twice");
    let looked = fake.received("absent-1");
    assert!(
        looked
            .iter()
            .all(|it| it.request_id.is_empty() || it.request_id == blocked[0].request_id),
        "only the head is looked for"
    );
    // A look may be a signal and a describe. It is time that brings looks, not what the other lane does.
    let intervals = begun.elapsed().as_millis() / CLOSEST_LOOKS.as_millis() + 1;
    let calls = looked.len() - before;
    assert!(calls as u128 <= 2 * (intervals + 1), "{calls} calls");
    running.stop().await;
}

#[tokio::test]
async fn a_look_that_is_never_answered_holds_up_no_signal() {
    let fake = FakeTemporal::start().await;
    fake.hold("absent-1");
    let running = Running::start(&fake.address.to_string(), 8);
    running.accept(&waiting("absent-1")).await;
    fake.until_received("absent-1", 1).await;
    let busy: Vec<_> = (0..100).map(|_| delivery("busy")).collect();
    for sent in &busy {
        running.accept(sent).await;
    }
    // All of them, while the look is still in flight.
    running.until_delivered(100).await;
    assert_eq!(fake.received("absent-1").len(), 1);
    let arrived: Vec<_> = fake
        .received("busy")
        .into_iter()
        .map(|it| it.request_id)
        .collect();
    let accepted: Vec<_> = busy.iter().map(|it| it.request_id.clone()).collect();
    assert_eq!(arrived, accepted);
    fake.release();
    running.until_delivered(101).await;
    running.stop().await;
}

#[tokio::test]
async fn thousands_of_waiting_lanes_throttle_no_healthy_one_and_are_looked_for_within_a_budget() {
    let fake = FakeTemporal::start().await;
    let (looks, described) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (look_count, describe_count) = (Arc::clone(&looks), Arc::clone(&described));
    fake.otherwise(move |request| {
        if request.workflow.starts_with("absent") {
            let count = if request.method == SIGNAL {
                &look_count
            } else {
                &describe_count
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        absent(request)
    });
    let looks = || looks.load(Ordering::Relaxed);
    let running = Running::start(&fake.address.to_string(), 64);
    let all: Vec<_> = (0..2 * LANES)
        .map(|n| waiting(&format!("absent-{}", n % LANES)))
        .collect();
    for some in all.chunks(2_000) {
        join_all(some.iter().map(|sent| running.accept(sent))).await;
    }
    let is_known = || described.load(Ordering::Relaxed) >= LANES;
    until("each workflow was found absent", is_known).await;
    let (begun, before) = (Instant::now(), looks());
    for n in 0..100 {
        running.accept(&delivery(&format!("healthy-{n}"))).await;
        running.until_delivered(n + 1).await;
    }
    let looked = looks() - before;
    let allowed = 110 * (begun.elapsed().as_secs() + 2);
    assert!(looked as u64 <= allowed, "{looked} looks");
    // Two deliveries wait in each lane, so that asking for each would be twice as many. A call that a busy machine did not
    // answer in time is made again.
    let described = described.load(Ordering::Relaxed);
    assert!(
        (LANES..LANES * 3 / 2).contains(&described),
        "one describe for each lane: {described} for {LANES}"
    );
    running.stop().await;
}
