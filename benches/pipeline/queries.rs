//! Questions through the real gateway to open workflows of a dev server, beside a bare client that asks the same ones; and answers
//! that the gateway keeps.
//!
//! The caller carries an API key. Orders are asked in turn, so that hardly two callers ask the same at once: what is
//! measured is the way of one question, and not what sharing saves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signalpost::token::api_keys;
use temporalio_client::Client;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::workflowservice::v1::QueryWorkflowRequest;
use tonic::{Code, Request, Status};

use super::answerer::{self, Answerer};
use super::figures::{float, median, median_ratio, p99};
use super::gateway::Gateway;
use super::load::{self, Sent};
use super::temporal::{Temporal, start_workflow_on};
use super::{Effort, Failure, process};

/// The dev server lets a query wait for ever, about one in some thousands, whoever asks. Both sides give it up after so long.
const TIMEOUT: Duration = Duration::from_secs(1);
const ORDERS: usize = 200;
const IN_FLIGHT: usize = 16;
const CACHED_CONNECTIONS: usize = 64;

const ROUTES: &str = r#"
[keys.bench]
hash  = "sha256:HASH"
roles = ["support"]

[[queries]]
name     = "status"
path     = "/orders/{order_id}/status"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "keys"
allow    = ["support"]
timeout  = "1s"

[[queries]]
name     = "cached"
path     = "/orders/{order_id}/cached"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "keys"
allow    = ["support"]
cache    = "1m"
"#;

/// What the rounds of one of the two came to.
#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    p99: Vec<f64>,
    cpu_micros: Vec<f64>,
    late: usize,
}

impl Rounds {
    fn add(&mut self, sent: Sent, seconds: f64, cpu_seconds: f64) {
        let count = float(sent.took.len());
        self.late += sent.late;
        self.per_second.push(count / seconds);
        self.cpu_micros.push(cpu_seconds / count * 1e6);
        self.p99.push(p99(sent.took));
    }

    fn print(&self, who: &str) {
        println!(
            "{who:<14} {:>8.0} queries/s   p99 {:>6.2} ms   {:>6.0} us of CPU each   {} late",
            median(self.per_second.clone()),
            median(self.p99.clone()),
            median(self.cpu_micros.clone()),
            self.late
        );
    }
}

pub(crate) async fn run(effort: Effort) -> Result<(), Failure> {
    let temporal = Temporal::start_with(server_limits()).await?;
    let client = temporal.client().await?;
    let run = uuid::Uuid::new_v4().simple().to_string();
    let worker = Answerer::start(&temporal.client().await?, 2 * IN_FLIGHT);
    for number in 0..ORDERS {
        let order = order(&run, number);
        start_workflow_on(&client, answerer::TASK_QUEUE, &format!("order-{order}")).await?;
    }
    worker.until_proceeded(ORDERS).await;
    let key = api_keys::format(&[7; api_keys::RANDOM_BYTES]);
    let routes = ROUTES.replace("HASH", &hex::encode(api_keys::hash(&key)));
    let gateway = Gateway::start_with(&temporal.address, &routes).await?;
    side_by_side(effort, &gateway, &client, &run, &key).await?;
    from_the_cache(effort, &gateway, &run, &key).await
}

/// A dev server lets so little through for each second that a query's task is now and then refused inside, and the query
/// then waits until its time is over.
fn server_limits() -> Vec<(String, String)> {
    let rates = [
        "frontend.rps",
        "frontend.namespaceRPS",
        "frontend.persistenceMaxQPS",
        "history.rps",
        "history.persistenceMaxQPS",
        "matching.rps",
        "matching.persistenceMaxQPS",
    ];
    let partitions = [
        "matching.numTaskqueueReadPartitions",
        "matching.numTaskqueueWritePartitions",
    ];
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let rates = rates.iter().map(|name| pair(name, "100000"));
    rates
        .chain(partitions.iter().map(|name| pair(name, "1")))
        .collect()
}

async fn side_by_side(
    effort: Effort,
    gateway: &Gateway,
    client: &Client,
    run: &str,
    key: &str,
) -> Result<(), Failure> {
    let (mut through, mut bare) = (Rounds::default(), Rounds::default());
    let of_gateway = async |rounds: &mut Rounds| {
        let requests = requests(effort.queries, run, "status", key);
        gateway_round(gateway, IN_FLIGHT, requests, rounds).await
    };
    let of_client = async |rounds: &mut Rounds| {
        let orders: Vec<_> = (0..effort.queries).map(|n| order(run, n)).collect();
        let own = std::process::id();
        let (start, cpu) = (Instant::now(), process::cpu_seconds(own)?);
        let sent = ask_bare(client, orders).await?;
        let seconds = start.elapsed().as_secs_f64();
        rounds.add(sent, seconds, process::cpu_seconds(own)? - cpu);
        Ok::<_, Failure>(())
    };
    // The first round warms up both and does not count; after it they take turns at being first.
    let mut warm = Rounds::default();
    of_gateway(&mut warm).await?;
    of_client(&mut warm).await?;
    for round in 0..effort.rounds {
        if round % 2 == 0 {
            of_gateway(&mut through).await?;
            of_client(&mut bare).await?;
        } else {
            of_client(&mut bare).await?;
            of_gateway(&mut through).await?;
        }
    }
    through.print("gateway");
    // The worker runs in this process, and its CPU stands here for both.
    bare.print("bare client");
    println!(
        "ratio of queries/s {:.2} (goal 0.90), of p99 {:.2}",
        median_ratio(&through.per_second, &bare.per_second),
        median_ratio(&through.p99, &bare.p99),
    );
    Ok(())
}

async fn from_the_cache(
    effort: Effort,
    gateway: &Gateway,
    run: &str,
    key: &str,
) -> Result<(), Failure> {
    let mut rounds = Rounds::default();
    for _ in 0..effort.rounds {
        // So that each is kept.
        let warm = requests(ORDERS, run, "cached", key);
        load::send(&gateway.public, IN_FLIGHT, warm).await?;
        let requests = requests(effort.cached, run, "cached", key);
        gateway_round(gateway, CACHED_CONNECTIONS, requests, &mut rounds).await?;
    }
    rounds.print("cached");
    println!("from the cache (goal 50,000/s), {CACHED_CONNECTIONS} connections");
    Ok(())
}

async fn gateway_round(
    gateway: &Gateway,
    connections: usize,
    requests: Vec<Vec<u8>>,
    rounds: &mut Rounds,
) -> Result<(), Failure> {
    let (start, cpu) = (Instant::now(), gateway.cpu_seconds()?);
    let sent = load::send(&gateway.public, connections, requests).await?;
    let seconds = start.elapsed().as_secs_f64();
    rounds.add(sent, seconds, gateway.cpu_seconds()? - cpu);
    Ok(())
}

fn requests(count: usize, run: &str, rule: &str, key: &str) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            let order = order(run, number);
            format!(
                "GET /orders/{order}/{rule} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\r\n"
            )
            .into_bytes()
        })
        .collect()
}

fn order(run: &str, number: usize) -> String {
    format!("{run}-{}", number % ORDERS)
}

/// Asks for each order once, so many at a time.
async fn ask_bare(client: &Client, orders: Vec<String>) -> Result<Sent, Failure> {
    let orders = Arc::new(orders);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (client, orders, next) = (client.clone(), Arc::clone(&orders), Arc::clone(&next));
            tokio::spawn(async move {
                let mut sent = Sent::default();
                while let Some(order) = orders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    match query(&client, order).await {
                        Ok(()) => sent.took.push(start.elapsed().as_secs_f64() * 1e3),
                        Err(status) if status.code() == Code::Cancelled => sent.late += 1,
                        Err(status) => return Err(status.into()),
                    }
                }
                Ok::<_, Failure>(sent)
            })
        })
        .collect();
    let mut sent = Sent::default();
    for task in tasks {
        let one = task.await??;
        sent.took.extend(one.took);
        sent.late += one.late;
    }
    Ok(sent)
}

async fn query(client: &Client, order: &str) -> Result<(), Status> {
    let mut request = Request::new(QueryWorkflowRequest {
        namespace: "default".to_owned(),
        execution: Some(WorkflowExecution {
            workflow_id: format!("order-{order}"),
            run_id: String::new(),
        }),
        query: Some(WorkflowQuery {
            query_type: "get_status".to_owned(),
            ..WorkflowQuery::default()
        }),
        ..QueryWorkflowRequest::default()
    });
    request.set_timeout(TIMEOUT);
    let mut service = client.connection().workflow_service();
    service.query_workflow(request).await?;
    Ok(())
}
