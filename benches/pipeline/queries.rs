//! Questions through the real gateway to real workflows, beside a bare client that asks the same ones; and answers
//! that the gateway keeps.
//!
//! The caller carries an API key. Orders are asked in turn, so that hardly two callers ask the same at once: what is
//! measured is the way of one question, and not what sharing saves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use signalpost::token::api_keys;
use temporalio_client::Client;
use temporalio_common::protos::temporal::api::common::v1::{
    Payloads, WorkflowExecution, WorkflowType,
};
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    QueryWorkflowRequest, StartWorkflowExecutionRequest,
};
use tonic::Request;

use super::figures::{float, median, median_ratio, p99};
use super::gateway::Gateway;
use super::temporal::Temporal;
use super::{Effort, Failure, load, process, worker};

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
}

impl Rounds {
    fn add(&mut self, took: Vec<f64>, seconds: f64, cpu_seconds: f64) {
        let count = float(took.len());
        self.per_second.push(count / seconds);
        self.cpu_micros.push(cpu_seconds / count * 1e6);
        self.p99.push(p99(took));
    }

    fn print(&self, who: &str) {
        println!(
            "{who:<14} {:>8.0} queries/s   p99 {:>6.2} ms   {:>6.0} us of CPU each",
            median(self.per_second.clone()),
            median(self.p99.clone()),
            median(self.cpu_micros.clone())
        );
    }
}

pub(crate) async fn run(effort: Effort) -> Result<(), Failure> {
    let temporal = Temporal::start().await?;
    let client = temporal.client().await?;
    let run = uuid::Uuid::new_v4().simple().to_string();
    worker::start(&temporal.address, |sentence| println!("{sentence}"));
    for number in 0..ORDERS {
        start_order(&client, &order(&run, number)).await?;
    }
    let key = api_keys::format(&[7; api_keys::RANDOM_BYTES]);
    let routes = ROUTES.replace("HASH", &hex::encode(api_keys::hash(&key)));
    let gateway = Gateway::start_with(&temporal.address, &routes).await?;
    side_by_side(effort, &gateway, &client, &run, &key).await?;
    from_the_cache(effort, &gateway, &run, &key).await
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
        let took = ask_bare(client, orders).await?;
        let seconds = start.elapsed().as_secs_f64();
        rounds.add(took, seconds, process::cpu_seconds(own)? - cpu);
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
    let took = load::send(&gateway.public, connections, requests).await?;
    let seconds = start.elapsed().as_secs_f64();
    rounds.add(took, seconds, gateway.cpu_seconds()? - cpu);
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

/// Asks for each order once, so many at a time; how long each took, in milliseconds.
async fn ask_bare(client: &Client, orders: Vec<String>) -> Result<Vec<f64>, Failure> {
    let orders = Arc::new(orders);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (client, orders, next) = (client.clone(), Arc::clone(&orders), Arc::clone(&next));
            tokio::spawn(async move {
                let mut took = Vec::new();
                while let Some(order) = orders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    query(&client, order).await?;
                    took.push(start.elapsed().as_secs_f64() * 1e3);
                }
                Ok::<_, Failure>(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    Ok(took)
}

async fn query(client: &Client, order: &str) -> Result<(), Failure> {
    let request = QueryWorkflowRequest {
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
    };
    let mut service = client.connection().workflow_service();
    service.query_workflow(Request::new(request)).await?;
    Ok(())
}

async fn start_order(client: &Client, order: &str) -> Result<(), Failure> {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: format!("order-{order}"),
        workflow_type: Some(WorkflowType {
            name: "OrderWorkflow".to_owned(),
        }),
        task_queue: Some(TaskQueue {
            name: worker::TASK_QUEUE.to_owned(),
            ..TaskQueue::default()
        }),
        input: Some(Payloads {
            payloads: worker::text(order).payloads,
        }),
        request_id: uuid::Uuid::new_v4().to_string(),
        ..StartWorkflowExecutionRequest::default()
    };
    let mut service = client.connection().workflow_service();
    service
        .start_workflow_execution(Request::new(request))
        .await?;
    Ok(())
}
