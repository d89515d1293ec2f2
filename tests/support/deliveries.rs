//! Deliveries to send, and a connected handle to send them with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use signalpost::clock::{self, Timestamp};
use signalpost::delivery::{Attempt, End};
use signalpost::event::{
    Content, DedupKey, Delivery, Event, EventId, IdReuse, Missing, Start, Target,
};
use signalpost::inbox::{Lease, Settlement};
use signalpost::telemetry::Telemetry;
use signalpost::temporal::{Options, Temporal};
use tokio::task::JoinHandle;

/// A delivery of `["hello", {"n": 0.10}]` to a workflow of the default namespace.
pub(crate) fn delivery(workflow: &str) -> Delivery {
    let target = Target {
        namespace: "default".to_owned(),
        workflow: workflow.to_owned(),
        signal: "paid".to_owned(),
    };
    let now = clock::now();
    let event = event(EventId::at(now), now);
    let request_id = event.id.0.simple().to_string();
    Delivery {
        args: r#"["hello",{"n":0.10}]"#.to_owned(),
        ..Delivery::pending(&event, Arc::from("paid"), target, request_id)
    }
}

/// The same, starting a workflow that is not there.
pub(crate) fn starting(workflow: &str) -> Delivery {
    let mut delivery = delivery(workflow);
    delivery.rules.missing = Missing::Start(start(IdReuse::RejectDuplicate));
    delivery
}

pub(crate) fn start(id_reuse: IdReuse) -> Start {
    Start {
        workflow_type: "Order".to_owned(),
        task_queue: "nobody-polls".to_owned(),
        args: r#"["first"]"#.to_owned(),
        id_reuse,
    }
}

/// One attempt of a delivery that was certainly not sent before. A workflow that is waited for is a retry, as it is in the
/// inbox.
pub(crate) async fn attempt(
    temporal: &Temporal,
    delivery: &Delivery,
    deadline: Duration,
) -> Settlement {
    settlement(temporal, delivery, deadline, false, &Lease::default()).await
}

/// The same under the lease of a claim.
pub(crate) async fn leased_attempt(
    temporal: &Temporal,
    delivery: &Delivery,
    lease: &Lease,
) -> Settlement {
    settlement(temporal, delivery, Duration::from_secs(10), false, lease).await
}

/// One attempt of a delivery that may have been sent before.
pub(crate) async fn doubtful_attempt(
    temporal: &Temporal,
    delivery: &Delivery,
    deadline: Duration,
) -> Settlement {
    settlement(temporal, delivery, deadline, true, &Lease::default()).await
}

async fn settlement(
    temporal: &Temporal,
    delivery: &Delivery,
    deadline: Duration,
    doubtful: bool,
    lease: &Lease,
) -> Settlement {
    let attempt = Attempt {
        temporal,
        delivery,
        doubtful,
        known_missing: false,
        deadline,
        lease,
        trace: None,
    };
    match attempt.make(&|_, _| {}).await {
        End::Settled(settlement) => settlement,
        End::Waiting { at, .. } => Settlement::Retry {
            at,
            error: "missing".to_owned(),
        },
    }
}

/// The event that a delivery belongs to.
pub(crate) fn event_of(delivery: &Delivery) -> Event {
    event(delivery.event, delivery.accepted_at)
}

fn event(id: EventId, received_at: Timestamp) -> Event {
    Event {
        id,
        source: Arc::from("stripe"),
        key: DedupKey {
            text: id.to_string(),
            digest: false,
            retention: Duration::from_hours(1),
            strict: false,
        },
        kind: "payment".to_owned(),
        received_at,
        peer: "127.0.0.1".to_owned(),
        headers: Vec::new(),
        query: Vec::new(),
        claims: None,
        body: Bytes::from_static(b"hello"),
        content: Content::Text,
        secret: None,
        item: None,
    }
}

/// A handle that keeps its connection until it is dropped.
pub(crate) struct Connected {
    pub(crate) temporal: Temporal,
    pub(crate) telemetry: Telemetry,
    running: JoinHandle<()>,
}

impl Connected {
    /// Does not wait for the connection.
    pub(crate) fn starting(address: &str) -> Self {
        let options = Options {
            address: Some(address.to_owned()),
            ..Options::default()
        };
        let telemetry = Telemetry::new();
        let temporal = Temporal::new(&options, telemetry.clone()).expect("a plain address");
        let handle = temporal.clone();
        let running = tokio::spawn(async move { handle.run(std::future::pending()).await });
        Self {
            temporal,
            telemetry,
            running,
        }
    }

    pub(crate) async fn to(address: &str) -> Self {
        let connected = Self::starting(address);
        connected.until_connections(1).await;
        connected
    }

    /// Waits until the connection has come up that often.
    pub(crate) async fn until_connections(&self, count: u64) {
        let mut connections = self.temporal.connections();
        let up = connections.wait_for(|&so_far| so_far >= count);
        let up = tokio::time::timeout(Duration::from_secs(20), up).await;
        up.expect("a connection in time").expect("the handle lives");
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.running.abort();
    }
}
