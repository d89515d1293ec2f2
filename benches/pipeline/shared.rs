//! What the shared inbox costs over the script that it calls, and over the embedded one.
//!
//! `bare` is the accept script alone, sent through the same client on as many connections with arguments that are ready: what
//! Redis and the wire take. `inbox` is `Inbox::accept`, as in `store`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Script};
use signalpost::inbox::Inbox;
use signalpost::inbox::redis::{Durability, Options};

use super::figures::{float, median, median_ratio};
use super::gateway::Gateway;
use super::instant::InstantTemporal;
use super::redis_server::RedisServer;
use super::{Effort, Failure, delivery, store, stripe};

const ACCEPT: &str = include_str!("../../src/inbox/redis/lua/accept.lua");
const CONNECTIONS: usize = 4;
const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
/// Of the comparison between one replica and two.
const TWO_IN_FLIGHT: usize = 64;

pub(crate) async fn run(effort: Effort) -> Result<(), Failure> {
    for sync in ["always", "everysec"] {
        println!(
            "appendfsync {sync}, {CONNECTIONS} connections\nin flight    inbox/s     bare/s   inbox:bare (goal 0.80)"
        );
        for tasks in IN_FLIGHT {
            let (mut kept, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..effort.rounds {
                kept.push(inboxes(sync, 1, tasks, effort.round).await?);
                bare.push(scripts(sync, tasks, effort.round).await?);
            }
            println!(
                "{tasks:>9} {:>10.0} {:>10.0} {:>12.2}",
                median(kept.clone()),
                median(bare.clone()),
                median_ratio(&kept, &bare),
            );
        }
    }
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        one.push(inboxes("always", 1, TWO_IN_FLIGHT, effort.round).await?);
        two.push(inboxes("always", 2, TWO_IN_FLIGHT, effort.round).await?);
    }
    println!(
        "two replicas : one, {TWO_IN_FLIGHT} in flight: {:.2} (goal 1.00)",
        median_ratio(&two, &one)
    );
    beside_the_embedded(effort).await
}

/// Stored and delivered, against a Temporal that answers at once.
async fn beside_the_embedded(effort: Effort) -> Result<(), Failure> {
    let temporal = InstantTemporal::start().await?;
    let address = temporal.address.to_string();
    let (mut shared, mut embedded) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let name = format!("s{round}");
        let server = RedisServer::start("always").await?;
        let gateway = Gateway::start_on(&server.url(), &address).await?;
        shared.push(delivery::per_second(&gateway, &name, effort.instant).await?);
        drop(gateway);
        let gateway = Gateway::start(&address).await?;
        embedded.push(delivery::per_second(&gateway, &name, effort.instant).await?);
    }
    println!(
        "stored and delivered: {:.0}/s on Redis, {:.0}/s embedded, ratio {:.2}",
        median(shared.clone()),
        median(embedded.clone()),
        median_ratio(&shared, &embedded)
    );
    Ok(())
}

/// Events per second that so many replicas keep in sum.
async fn inboxes(
    sync: &str,
    replicas: usize,
    tasks: usize,
    round: Duration,
) -> Result<f64, Failure> {
    let server = RedisServer::start(sync).await?;
    let mut inboxes = Vec::new();
    for _ in 0..replicas {
        let mut options = Options::new(server.url());
        options.durability = durability(sync);
        options.connections = CONNECTIONS;
        options.max_backlog = u64::MAX;
        inboxes.push(Inbox::open_redis(&options).await?);
    }
    let stores: Arc<[Inbox]> = inboxes.clone().into();
    let turn = Arc::new(AtomicUsize::new(0));
    let rate = store::rate(tasks, round, move |acceptance| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let store = stores.get(turn % stores.len()).cloned();
        async move {
            match store {
                Some(store) => store.accept(acceptance).await.is_ok(),
                None => false,
            }
        }
    })
    .await?;
    for inbox in inboxes {
        inbox.close().await;
    }
    Ok(rate)
}

fn durability(sync: &str) -> Durability {
    Durability {
        fsync: sync == "always",
        replicas: 0,
    }
}

/// The script alone.
async fn scripts(sync: &str, tasks: usize, round: Duration) -> Result<f64, Failure> {
    let server = RedisServer::start(sync).await?;
    let script = Script::new(ACCEPT);
    let client = Client::open(server.url())?;
    let mut connections: Vec<MultiplexedConnection> = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.get_multiplexed_async_connection().await?);
    }
    if let Some(first) = connections.first_mut() {
        script.prepare_invoke().load_async(first).await?;
    }
    let kept = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .zip(connections.iter().cycle())
        .map(|(task, connection)| {
            let (mut connection, kept) = (connection.clone(), Arc::clone(&kept));
            let mut call = redis::cmd("EVALSHA");
            call.arg(script.get_hash()).arg(1).arg("{bench}");
            tokio::spawn(async move {
                for number in 0_u64.. {
                    if start.elapsed() >= round {
                        break;
                    }
                    let answer = arguments(&call, task, number)
                        .query_async::<Vec<Vec<i64>>>(&mut connection)
                        .await?;
                    if answer.first().and_then(|event| event.first()) != Some(&0) {
                        return Err("the script refused an event".into());
                    }
                    kept.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), Failure>(())
            })
        })
        .collect();
    for task in running {
        task.await??;
    }
    Ok(float(kept.load(Ordering::Relaxed)) / start.elapsed().as_secs_f64())
}

/// As many and as long as those of the inbox, and no work to make them.
fn arguments(call: &Cmd, task: usize, number: u64) -> Cmd {
    let event = format!("01a21300-0000-7000-8000-{task:04x}{number:08x}");
    let delivery = format!("01a21301-0000-7000-8000-{task:04x}{number:08x}");
    let mut call = call.clone();
    // The replica, the source and its limits; nothing that several events share.
    call.arg("bench")
        .arg("stripe")
        .arg(u32::MAX)
        .arg(u32::MAX)
        .arg("")
        .arg("")
        .arg("")
        .arg("");
    // The event: 12 of its own, 12 that are its fields, 9 of its delivery.
    call.arg(33)
        .arg(format!("{task:016x}{number:016x}"))
        .arg(&event)
        .arg("00112233445566778899aabbccddeeff")
        .arg("1785585600000")
        .arg("1785844800000")
        .arg("259200000")
        .arg("")
        .arg(3_000)
        .arg(1)
        .arg(1)
        .arg(12);
    call.arg("at")
        .arg("1785585600000")
        .arg("doc")
        .arg(EVENT_DOC);
    call.arg("body").arg(packed()).arg("ids").arg(&delivery);
    call.arg("bytes").arg(3_000).arg("packed").arg(2_096);
    call.arg(&delivery)
        .arg(number % 64)
        .arg("pending")
        .arg("stands")
        .arg(4)
        .arg("doc")
        .arg(DELIVERY_DOC)
        .arg("attempts")
        .arg(0);
    call
}

const EVENT_DOC: &str = r#"{"source":"stripe","key":"evt_01a21300-0000-7000-8000-000000000000","digest":false,"strict":false,"retention":259200000,"type":"payment_intent.succeeded","peer":"192.0.2.7","headers":[["host","gateway.example"],["content-length","2096"],["user-agent","Stripe/1.0 (+https://stripe.com/docs/webhooks)"],["accept","*/*; q=0.5, application/xml"],["cache-control","no-cache"],["content-type","application/json; charset=utf-8"],["stripe-signature","t=1785585600,v1=8f14e45fceea167a5a36dedd4bea2543d1f2c0b6e7a94d5d6e0c3b2a19087f6e"]],"query":[],"content":"text","secret":0}"#;

const DELIVERY_DOC: &str = r#"{"event":"01a21300-0000-7000-8000-000000000000","source":"stripe","route":"payment-succeeded","target":{"namespace":"default","workflow":"order-01a21300-0000-7000-8000-000000000000","signal":"payment_received"},"rules":{"missing":{"wait":{"for_ms":300000,"then":"park"}},"closed":"park"},"request_id":"0123456789abcdef0123456789abcdef","accepted_at":1785585600000}"#;

/// A body as the store keeps it.
fn packed() -> &'static [u8] {
    static PACKED: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    PACKED.get_or_init(|| lz4_flex::block::compress(stripe::body("evt_1", "42").as_bytes()))
}
