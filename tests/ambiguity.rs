//! Once in effect across runs: what may have arrived is proved before it is sent again, against a real Temporal.
//!
//! The place where an answer is lost is a relay in front of the server; the workflow's own moves (continue as new,
//! completion) are made by hand, as a worker would.

mod bounds;
mod restart;

use std::time::Duration;

use signalpost::clock;
use signalpost::event::Delivery;
use signalpost::inbox::Settlement;
use signalpost::temporal::Search;

use super::support::deliveries::{Connected, attempt, delivery, doubtful_attempt, starting};
use super::support::devserver::{self, Observer};
use super::support::handworker::HandWorker;

const DEADLINE: Duration = Duration::from_secs(10);

struct Stage {
    connected: Connected,
    observer: Observer,
    worker: HandWorker,
    workflow: String,
}

impl Stage {
    async fn set() -> Self {
        let address = devserver::address().await;
        let id = uuid::Uuid::new_v4();
        Self {
            connected: Connected::to(address).await,
            observer: Observer::new().await,
            worker: HandWorker::new(address, &format!("queue-{id}")).await,
            workflow: format!("order-{id}"),
        }
    }

    /// A running workflow whose first task is done.
    async fn started() -> Self {
        let stage = Self::set().await;
        let queue = stage.worker.task_queue();
        let observer = &stage.observer;
        observer
            .start_on(queue, "Order", &stage.workflow, None)
            .await;
        stage.worker.proceed().await;
        stage
    }

    /// Sends it, and nobody hears of it.
    async fn send_unseen(&self, delivery: &Delivery) {
        let sent = attempt(&self.connected.temporal, delivery, DEADLINE).await;
        assert!(is_delivered(&sent), "{sent:?}");
    }

    async fn again(&self, delivery: &Delivery) -> Settlement {
        doubtful_attempt(&self.connected.temporal, delivery, DEADLINE).await
    }

    async fn proof(&self, delivery: &Delivery) -> Search {
        let temporal = &self.connected.temporal;
        let since = delivery.accepted_at;
        temporal.prove(delivery, since, DEADLINE).await.unwrap()
    }
}

fn is_delivered(settlement: &Settlement) -> bool {
    matches!(settlement, Settlement::Delivered { .. })
}

/// The run that a settlement names.
fn run_of(settlement: Settlement) -> String {
    match settlement {
        Settlement::Delivered { run_id: Some(run) } => run,
        other => panic!("no run: {other:?}"),
    }
}

#[tokio::test]
async fn a_signal_lost_before_a_continue_as_new_is_found_in_the_run_before() {
    let stage = Stage::started().await;
    let sent = delivery(&stage.workflow);
    let first_run = stage.observer.run_id(&stage.workflow).await;
    stage.send_unseen(&sent).await;
    stage.worker.continue_as_new("Order").await;
    stage.worker.proceed().await;
    assert_ne!(stage.observer.run_id(&stage.workflow).await, first_run);

    assert_eq!(run_of(stage.again(&sent).await), first_run);
    assert_eq!(stage.observer.all_signals(&stage.workflow).await, 1);
    let Search::Found(proof) = stage.proof(&sent).await else {
        panic!("no proof")
    };
    assert_eq!(proof.run_id, first_run);
    assert!(proof.event_id > 1 && proof.time >= sent.accepted_at.minus(Duration::from_secs(5)));
}

#[tokio::test]
async fn a_signal_that_never_came_is_sent_to_the_run_that_is_there_now() {
    let stage = Stage::started().await;
    let sent = delivery(&stage.workflow);
    stage.send_unseen(&delivery(&stage.workflow)).await;
    stage.worker.continue_as_new("Order").await;
    stage.worker.proceed().await;
    assert_eq!(stage.proof(&sent).await, Search::NotFound);
    assert!(is_delivered(&stage.again(&sent).await));
    assert_eq!(stage.observer.all_signals(&stage.workflow).await, 2);
}

#[tokio::test]
async fn several_runs_are_followed_backwards() {
    let stage = Stage::started().await;
    let sent = delivery(&stage.workflow);
    let first_run = stage.observer.run_id(&stage.workflow).await;
    stage.send_unseen(&sent).await;
    for _ in 0..3 {
        stage.worker.continue_as_new("Order").await;
    }
    assert_eq!(run_of(stage.again(&sent).await), first_run);
    assert_eq!(stage.observer.all_signals(&stage.workflow).await, 1);
}

#[tokio::test]
async fn a_signal_lost_before_a_reset_is_found() {
    let stage = Stage::started().await;
    let sent = delivery(&stage.workflow);
    stage.send_unseen(&sent).await;
    stage.worker.proceed().await;
    let before = stage.observer.run_id(&stage.workflow).await;
    // To the end of the first task: the signal comes after it and is applied anew, without its request id.
    let reset = stage.observer.reset(&stage.workflow, 4).await;
    assert_ne!(reset, before);
    let run = run_of(stage.again(&sent).await);
    assert!([before, reset].contains(&run));
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 1);
}

#[tokio::test]
async fn a_reset_run_is_as_young_as_its_reset() {
    let stage = Stage::started().await;
    let reset_at = clock::now().minus(Duration::from_secs(1));
    stage.observer.reset(&stage.workflow, 4).await;
    let temporal = &stage.connected.temporal;
    let described = temporal.describe("default", &stage.workflow, DEADLINE);
    let run = described.await.unwrap().unwrap();
    assert!(run.began_at >= reset_at, "{run:?}");
}

#[tokio::test]
async fn a_signal_to_a_run_that_closed_before_another_began_is_found() {
    let stage = Stage::started().await;
    let sent = delivery(&stage.workflow);
    let first_run = stage.observer.run_id(&stage.workflow).await;
    stage.send_unseen(&sent).await;
    stage.observer.close(&stage.workflow).await;
    stage.observer.until_listed_closed(&first_run).await;
    let queue = stage.worker.task_queue();
    stage
        .observer
        .start_on(queue, "Order", &stage.workflow, None)
        .await;
    assert_eq!(run_of(stage.again(&sent).await), first_run);
    assert!(stage.observer.signals(&stage.workflow).await.is_empty());
}

#[tokio::test]
async fn a_run_that_the_lost_attempt_began_is_known_by_its_request() {
    let stage = Stage::set().await;
    let sent = starting(&stage.workflow);
    stage.send_unseen(&sent).await;
    let run = stage.observer.run_id(&stage.workflow).await;
    stage.observer.close(&stage.workflow).await;
    assert_eq!(run_of(stage.again(&sent).await), run);
    assert_eq!(stage.observer.all_signals(&stage.workflow).await, 1);
}

#[tokio::test]
async fn a_run_older_than_the_delivery_takes_the_signal_again_and_keeps_one() {
    let stage = Stage::started().await;
    let mut sent = delivery(&stage.workflow);
    stage.send_unseen(&sent).await;
    // As if the run had begun long before.
    sent.accepted_at = sent.accepted_at.plus(Duration::from_mins(10));
    assert!(is_delivered(&stage.again(&sent).await));
    assert_eq!(stage.observer.signals(&stage.workflow).await.len(), 1);
}
