//! What the inbox costs over what it stands on, measured side by side in one run.
//!
//! `inbox` is `Inbox::accept` with one delivery an event. `bare` is the least that could be called durable dedup in SQLite: one
//! thread, one transaction a batch, two inserts. `log` is the limit of the disk: one append and one fdatasync a batch, no dedup.
//! Rates are events per second, the median of the rounds; compare the ratios, not the rates, with another machine.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use signalpost::clock;
use signalpost::event::{
    Content, DedupKey, Delivery, DeliveryId, Event, EventId, Rules, State, Target,
};
use signalpost::inbox::{Acceptance, Inbox, embedded};
use tokio::sync::oneshot;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TASKS: [usize; 4] = [1, 16, 64, 256];
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
const BODY_BYTES: usize = 1_500;
const BATCH: usize = 512;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    println!("tasks    inbox/s     bare/s      log/s   inbox:bare  inbox:log");
    for tasks in TASKS {
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            rates[0].push(runtime.block_on(inbox(tasks))?);
            rates[1].push(runtime.block_on(bare(tasks))?);
            rates[2].push(runtime.block_on(log(tasks))?);
        }
        let [inbox, bare, log] = rates.map(median);
        println!(
            "{tasks:>5} {inbox:>10.0} {bare:>10.0} {log:>10.0} {:>12.2} {:>10.2}",
            inbox / bare,
            inbox / log
        );
    }
    Ok(())
}

async fn inbox(tasks: usize) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let inbox = Inbox::open_embedded(&embedded::Options {
        max_backlog: u64::MAX,
        ..embedded::Options::new(folder.path().join("inbox.db"))
    })?;
    let store = inbox.clone();
    let rate = rate(tasks, move |acceptance| {
        let store = store.clone();
        async move { store.accept(acceptance).await.is_ok() }
    })
    .await?;
    inbox.close().await;
    Ok(rate)
}

async fn bare(tasks: usize) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let mut connection = Connection::open(folder.path().join("bare.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.execute_batch(
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, id BLOB, source TEXT, key TEXT, received_at INTEGER, body BLOB);
         CREATE TABLE dedup (key BLOB PRIMARY KEY, event BLOB, expires_at INTEGER) WITHOUT ROWID;",
    )?;
    grouped(tasks, move |batch| insert(&mut connection, batch).is_ok()).await
}

fn insert(connection: &mut Connection, batch: &[Acceptance]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for Acceptance { event, .. } in batch {
        let digest = Sha256::digest(event.key.text.as_bytes());
        let expires_at = event.received_at.plus(event.key.retention).millis();
        transaction
            .prepare_cached("INSERT INTO dedup VALUES (?, ?, ?)")?
            .execute(params![&digest[..16], event.id.0.as_bytes(), expires_at])?;
        transaction
            .prepare_cached("INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?)")?
            .execute(params![
                event.id.0.as_bytes(),
                &*event.source,
                event.key.text,
                event.received_at.millis(),
                &event.body[..]
            ])?;
    }
    transaction.commit()
}

async fn log(tasks: usize) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("log"))?;
    let mut lines = Vec::new();
    grouped(tasks, move |batch| {
        lines.clear();
        for Acceptance { event, .. } in batch {
            lines.extend_from_slice(event.id.0.as_bytes());
            lines.extend_from_slice(event.key.text.as_bytes());
            lines.extend_from_slice(&event.body);
        }
        file.write_all(&lines)
            .and_then(|()| file.sync_data())
            .is_ok()
    })
    .await
}

/// An acceptance, and whom to tell that it is kept.
type Put = (Acceptance, oneshot::Sender<bool>);

/// The rate of a store that commits batches on a thread of its own.
async fn grouped(
    tasks: usize,
    mut commit: impl FnMut(&[Acceptance]) -> bool + Send + 'static,
) -> Result<f64, Failure> {
    let (queue, queued): (SyncSender<Put>, Receiver<Put>) = sync_channel(8_192);
    let thread = std::thread::spawn(move || {
        while let Ok(first) = queued.recv() {
            let (batch, answers): (Vec<_>, Vec<_>) = std::iter::once(first)
                .chain(queued.try_iter().take(BATCH - 1))
                .unzip();
            let kept = commit(&batch);
            for answer in answers {
                // Whoever asked has gone: nothing to tell.
                let _gone = answer.send(kept);
            }
        }
    });
    let rate = rate(tasks, move |acceptance| {
        let queue = queue.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            queue.try_send((acceptance, answer)).is_ok() && answered.await.unwrap_or(false)
        }
    })
    .await;
    thread.join().map_err(|_| "the store's thread panicked")?;
    rate
}

/// Events per second that `put` keeps when so many tasks call it in a row; an error if it refuses one.
async fn rate<P, F>(tasks: usize, put: P) -> Result<f64, Failure>
where
    P: Fn(Acceptance) -> F + Clone + Send + 'static,
    F: Future<Output = bool> + Send,
{
    let kept = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (put, kept) = (put.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                while start.elapsed() < ROUND {
                    if !put(acceptance()).await {
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
    let kept = u32::try_from(kept.load(Ordering::Relaxed))?;
    Ok(f64::from(kept) / start.elapsed().as_secs_f64())
}

/// A new event with one delivery to a workflow of its own.
fn acceptance() -> Acceptance {
    let now = clock::now();
    let id = EventId::at(now);
    let event = Event {
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
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        query: Vec::new(),
        claims: None,
        body: Bytes::from_static(&[b'x'; BODY_BYTES]),
        content: Content::Text,
        secret: Some(0),
    };
    let delivery = Delivery {
        id: DeliveryId::at(now),
        event: id,
        source: Arc::clone(&event.source),
        route: Arc::from("payment-succeeded"),
        target: Target {
            namespace: "default".to_owned(),
            workflow: format!("order-{id}"),
            signal: "payment_received".to_owned(),
        },
        args: r#"[{"payment":"pi_3","amount":4200}]"#.to_owned(),
        rules: Rules::default(),
        state: State::Pending,
        reason: None,
        attempts: 0,
        accepted_at: now,
        first_attempt_at: None,
        next_attempt_at: None,
        last_error: None,
        request_id: "0123456789abcdef0123456789abcdef".to_owned(),
        run_id: None,
        settled_at: None,
    };
    Acceptance {
        event,
        deliveries: vec![delivery],
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
