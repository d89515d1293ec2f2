//! What the inbox costs over what it stands on.
//!
//! `inbox` is `Inbox::accept` of an event with one delivery, its arguments the body as sent. `bare` is the least that could
//! be called a durable queue with dedup in SQLite, with the same settings. `log` is the limit of the disk: one append and
//! one fdatasync a batch, no dedup.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use signalpost::clock;
use signalpost::event::{
    Content, DedupKey, Delivery, DeliveryId, Event, EventId, Rules, State, Target,
};
use signalpost::inbox::{Acceptance, Inbox, embedded};
use tokio::runtime::Runtime;

use super::figures::{float, median, median_ratio};
use super::{Effort, Failure, baseline, stripe};

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];

pub(crate) fn run(runtime: &Runtime, effort: Effort) -> Result<(), Failure> {
    println!("in flight    inbox/s     bare/s      log/s   inbox:bare (goal 0.80)   inbox:log");
    for tasks in IN_FLIGHT {
        let (mut kept, mut bare, mut log) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            kept.push(runtime.block_on(inbox(tasks, effort.round))?);
            bare.push(runtime.block_on(baseline::sqlite(tasks, effort.round))?);
            log.push(runtime.block_on(baseline::log(tasks, effort.round))?);
        }
        println!(
            "{tasks:>9} {:>10.0} {:>10.0} {:>10.0} {:>12.2} {:>23.2}",
            median(kept.clone()),
            median(bare.clone()),
            median(log.clone()),
            median_ratio(&kept, &bare),
            median_ratio(&kept, &log),
        );
    }
    Ok(())
}

async fn inbox(tasks: usize, round: Duration) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let inbox = Inbox::open_embedded(&embedded::Options {
        max_backlog: u64::MAX,
        ..embedded::Options::new(folder.path().join("inbox.db"))
    })?;
    let store = inbox.clone();
    let rate = rate(tasks, round, move |acceptance| {
        let store = store.clone();
        async move { store.accept(acceptance).await.is_ok() }
    })
    .await?;
    inbox.close().await;
    Ok(rate)
}

/// Events per second that `put` keeps when so many tasks call it in a row; an error if it refuses one.
pub(crate) async fn rate<P, F>(tasks: usize, round: Duration, put: P) -> Result<f64, Failure>
where
    P: Fn(Acceptance) -> F + Clone + Send + 'static,
    F: Future<Output = bool> + Send,
{
    let kept = Arc::new(AtomicUsize::new(0));
    let body = Bytes::from(stripe::body("evt_1", "42"));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (put, kept, body) = (put.clone(), Arc::clone(&kept), body.clone());
            tokio::spawn(async move {
                while start.elapsed() < round {
                    if !put(acceptance(&body)).await {
                        return false;
                    }
                    kept.fetch_add(1, Ordering::Relaxed);
                }
                true
            })
        })
        .collect();
    for task in running {
        if !task.await? {
            return Err("a store refused an event".into());
        }
    }
    Ok(float(kept.load(Ordering::Relaxed)) / start.elapsed().as_secs_f64())
}

/// A new event with one delivery to a workflow of its own.
fn acceptance(body: &Bytes) -> Acceptance {
    let event = event(body);
    let delivery = Delivery {
        id: DeliveryId::at(event.received_at),
        event: event.id,
        source: Arc::clone(&event.source),
        route: Arc::from("payment-succeeded"),
        target: Target {
            namespace: "default".to_owned(),
            workflow: format!("order-{}", event.id),
            signal: "payment_received".to_owned(),
        },
        args: format!("[{}]", String::from_utf8_lossy(body).trim()),
        rules: Rules::default(),
        state: State::Pending,
        reason: None,
        attempts: 0,
        accepted_at: event.received_at,
        first_attempt_at: None,
        next_attempt_at: None,
        last_error: None,
        request_id: "0123456789abcdef0123456789abcdef".to_owned(),
        run_id: None,
        settled_at: None,
        trace: None,
    };
    Acceptance {
        event,
        deliveries: vec![delivery],
    }
}

fn event(body: &Bytes) -> Event {
    let now = clock::now();
    let id = EventId::at(now);
    let headers = [
        ("host", "gateway.example"),
        ("content-length", "2096"),
        (
            "user-agent",
            "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        ),
        ("accept", "*/*; q=0.5, application/xml"),
        ("cache-control", "no-cache"),
        ("content-type", "application/json; charset=utf-8"),
        (
            "stripe-signature",
            "t=1785585600,v1=8f14e45fceea167a5a36dedd4bea2543d1f2c0b6e7a94d5d6e0c3b2a19087f6e",
        ),
    ];
    Event {
        id,
        source: Arc::from("stripe"),
        key: DedupKey {
            text: format!("evt_{id}"),
            digest: false,
            retention: Duration::from_hours(72),
            strict: false,
        },
        kind: "payment_intent.succeeded".to_owned(),
        received_at: now,
        peer: "192.0.2.7".to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        query: Vec::new(),
        claims: None,
        body: body.clone(),
        // What the body parses to is not kept, so it need not be parsed.
        content: Content::Text,
        secret: Some(0),
        item: None,
    }
}
