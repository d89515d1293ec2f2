//! The loop: from accepted events to signals, in order, over failures and restarts of Temporal.

use std::time::Duration;

use signalpost::delivery::{self, Options};
use signalpost::event::{Delivery, DeliveryId, Reason, State};
use signalpost::inbox::{Acceptance, Inbox, embedded};
use signalpost::telemetry::Telemetry;
use temporalio_common::protos::temporal::api::errordetails::v1::NamespaceNotActiveFailure;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Code;

use super::super::support::deliveries::{Connected, delivery, event_of};
use super::super::support::grpc;
use super::super::support::temporal::{FakeTemporal, Reply};
use super::super::support::{eventually, until};
use super::bare;

/// Inbox and loop, with everything that they need.
pub(super) struct Running {
    inbox: Inbox,
    connected: Connected,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Running {
    pub(super) fn start(address: &str, concurrency: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signalpost.db");
        let inbox = Inbox::open_embedded(&embedded::Options::new(path)).unwrap();
        let connected = Connected::starting(address);
        let options = Options {
            concurrency,
            deadline: Duration::from_secs(5),
        };
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let temporal = connected.temporal.clone();
        let ended = tokio::spawn(delivery::run(
            inbox.clone(),
            temporal,
            Telemetry::new(),
            options,
            stopped,
        ));
        Self {
            inbox,
            connected,
            stop,
            ended,
            _folder: folder,
        }
    }

    pub(super) async fn accept(&self, delivery: &Delivery) {
        let acceptance = Acceptance {
            event: event_of(delivery),
            deliveries: vec![delivery.clone()],
        };
        self.inbox.accept(acceptance).await.unwrap();
    }

    /// Waits until the inbox shows this many delivered.
    pub(super) async fn until_delivered(&self, count: u64) {
        let delivered = || self.inbox.stats().delivered >= count;
        until("all delivered", delivered).await;
    }

    /// The delivery as kept, once it is settled there: the counters move before the write is done.
    async fn settled(&self, id: DeliveryId) -> Delivery {
        let kept = async || self.inbox.delivery(id).await.unwrap().unwrap();
        eventually("it is settled", async || kept().await.settled_at.is_some()).await;
        kept().await
    }

    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}

fn to_order(workflow: &str, count: usize) -> Vec<Delivery> {
    (0..count).map(|_| delivery(workflow)).collect()
}

#[tokio::test]
async fn signals_of_a_workflow_leave_one_by_one_and_in_order_over_retries() {
    let fake = FakeTemporal::start().await;
    fake.hold("order-1");
    // Certainly not done: no describe comes between two attempts.
    let failing = || {
        let inactive = NamespaceNotActiveFailure::default();
        Reply::Fail(grpc::status(
            Code::FailedPrecondition,
            "elsewhere",
            &inactive,
        ))
    };
    fake.script("order-1", [failing(), failing(), Reply::Ok, failing()]);
    let running = Running::start(&fake.address.to_string(), 16);
    let sent = to_order("order-1", 5);
    for delivery in &sent {
        running.accept(delivery).await;
    }
    fake.until_received("order-1", 1).await;
    fake.release();
    running.until_delivered(5).await;
    let expected: Vec<&str> = [0, 0, 0, 1, 1, 2, 3, 4]
        .map(|n: usize| sent[n].request_id.as_str())
        .to_vec();
    let received = fake.received("order-1");
    let ids: Vec<&str> = received.iter().map(|r| r.request_id.as_str()).collect();
    assert_eq!(ids, expected);
    assert_eq!(fake.most_in_flight("order-1"), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_failing_workflow_holds_up_no_other() {
    let fake = FakeTemporal::start().await;
    fake.script("bad", (0..200).map(|_| bare(Code::Unavailable, "later")));
    let running = Running::start(&fake.address.to_string(), 2);
    for workflow in ["bad", "good-1", "good-2", "good-3"] {
        running.accept(&delivery(workflow)).await;
    }
    running.until_delivered(3).await;
    running.stop().await;
}

#[tokio::test]
async fn a_parked_delivery_frees_its_lane_and_is_kept() {
    let fake = FakeTemporal::start().await;
    fake.script("order-1", [bare(Code::InvalidArgument, "no")]);
    let running = Running::start(&fake.address.to_string(), 4);
    let sent = to_order("order-1", 2);
    for delivery in &sent {
        running.accept(delivery).await;
    }
    running.until_delivered(1).await;
    let first = running.settled(sent[0].id).await;
    assert_eq!(first.state, State::Parked);
    assert_eq!(first.reason.map(Reason::code), Some("SP-D205"));
    running.stop().await;
}

#[tokio::test]
async fn what_is_accepted_before_temporal_is_there_burns_no_attempt() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    drop(held);
    let running = Running::start(&address, 4);
    let sent = delivery("order-1");
    running.accept(&sent).await;
    assert!(!running.connected.temporal.status().connected);
    let fake = FakeTemporal::start_at(&address).await;
    running.until_delivered(1).await;
    assert_eq!(fake.methods("order-1"), ["SignalWorkflowExecution"]);
    let kept = running.settled(sent.id).await;
    assert_eq!(kept.attempts, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_temporal_that_comes_back_wakes_every_lane() {
    let fake = FakeTemporal::start().await;
    let address = fake.address.to_string();
    let running = Running::start(&address, 4);
    running.connected.until_connections(1).await;
    fake.stop().await;
    for n in 0..20 {
        let mut waiting = delivery(&format!("order-{n}"));
        // A lane that has failed for long would sleep for half a minute.
        waiting.attempts = 20;
        running.accept(&waiting).await;
    }
    let mut news = running.connected.temporal.connections();
    let temporal = &running.connected.temporal;
    until("the loss is seen", || !temporal.status().connected).await;
    let _fake = FakeTemporal::start_at(&address).await;
    let back = news.wait_for(|&count| count > 1);
    let back = tokio::time::timeout(Duration::from_secs(10), back).await;
    back.expect("connected again in time").unwrap();
    running.until_delivered(20).await;
    running.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_the_attempt_in_flight() {
    let fake = FakeTemporal::start().await;
    fake.hold("order-1");
    let running = Running::start(&fake.address.to_string(), 4);
    running.accept(&delivery("order-1")).await;
    fake.until_received("order-1", 1).await;
    running.stop.send(()).unwrap();
    // The loop sees the shutdown in its next turn; the attempt cannot have ended by then.
    tokio::task::yield_now().await;
    assert!(!running.ended.is_finished());
    fake.release();
    let inbox = running.inbox;
    running.ended.await.unwrap();
    inbox.close().await;
    assert_eq!(inbox.stats().delivered, 1);
}
