//! From a signed webhook to a signal that Temporal has, through the real gateway.
//!
//! Beside a bare client on the same dev server the question is what the gateway adds; against a Temporal that answers at
//! once it is how much the gateway can do. A round ends when the last event of it has been delivered.

use std::time::{Duration, Instant};

use super::figures::{float, median, median_ratio};
use super::gateway::Gateway;
use super::instant::{InstantTemporal, Manner};
use super::temporal::{Temporal, connect, start_workflow};
use super::{Effort, Failure, load, process, signaller, stripe};

const WORKFLOWS: usize = 200;
const IN_FLIGHT: usize = 64;
const INSTANT_CONNECTIONS: usize = 256;
/// About what a server in the same network takes.
const ELSEWHERE: Duration = Duration::from_millis(20);
/// So that the instant Temporal's lanes are seldom the limit.
const INSTANT_WORKFLOWS: usize = 10_000;

/// What one round came to.
struct Round {
    per_second: f64,
    cpu_micros: f64,
}

impl Round {
    fn new(events: usize, seconds: f64, cpu_seconds: f64) -> Self {
        Self {
            per_second: float(events) / seconds,
            cpu_micros: cpu_seconds / float(events) * 1e6,
        }
    }
}

#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    cpu_micros: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, round: &Round) {
        self.per_second.push(round.per_second);
        self.cpu_micros.push(round.cpu_micros);
    }

    fn print(&self, who: &str) {
        println!(
            "{who:<14} {:>8.0} signals/s   {:>6.0} us of CPU each",
            median(self.per_second.clone()),
            median(self.cpu_micros.clone())
        );
    }
}

/// Twice: on a dev server, which needs more of the same cores than both of them, and against a Temporal that takes its time
/// elsewhere.
pub(crate) async fn beside_a_client(effort: Effort) -> Result<(), Failure> {
    let run = uuid::Uuid::new_v4().simple().to_string();
    let temporal = Temporal::start().await?;
    let client = temporal.client().await?;
    for number in 0..WORKFLOWS {
        start_workflow(&client, &format!("order-{}", order(&run, number))).await?;
    }
    println!("a dev server on the same cores:");
    compare(effort, &temporal.address, &client, &run).await?;
    drop(temporal);
    let manner = Manner {
        pause: ELSEWHERE,
        ..Manner::default()
    };
    let stand_in = InstantTemporal::start_at("127.0.0.1:0", manner).await?;
    let address = stand_in.address.to_string();
    let client = connect(&address).await?;
    println!(
        "a Temporal that takes {} ms for an answer and none of the cores:",
        ELSEWHERE.as_millis()
    );
    compare(effort, &address, &client, &run).await
}

async fn compare(
    effort: Effort,
    temporal: &str,
    client: &temporalio_client::Client,
    run: &str,
) -> Result<(), Failure> {
    let gateway = Gateway::start(temporal).await?;
    let (mut through, mut bare) = (Rounds::default(), Rounds::default());
    let (mut lags, mut busy) = (Vec::new(), Vec::new());
    // The first round warms up both and does not count.
    for round in 0..=effort.rounds {
        let of_gateway = async |lags: &mut Vec<f64>, busy: &mut Vec<f64>| {
            let name = format!("{run}_{round}");
            let requests = stripe::requests(&name, effort.signals, |number| order(run, number))?;
            let before = process::machine()?;
            let did = gateway_round(&gateway, IN_FLIGHT, requests, lags).await?;
            busy.push(process::machine()?.busy_since(before));
            Ok::<_, Failure>(did)
        };
        let of_client = async || {
            let signals = (0..effort.signals)
                .map(|number| {
                    let order = order(run, number);
                    let event = format!("bare_{round}_{number}");
                    (format!("order-{order}"), stripe::body(&event, &order))
                })
                .collect();
            client_round(client, signals).await
        };
        // Taking turns at being first: a server that slows down as it fills is no one's advantage.
        let (gateway_did, client_did) = if round % 2 == 0 {
            let first = of_gateway(&mut lags, &mut busy).await?;
            (first, of_client().await?)
        } else {
            let first = of_client().await?;
            (of_gateway(&mut lags, &mut busy).await?, first)
        };
        if round > 0 {
            through.add(&gateway_did);
            bare.add(&client_did);
        }
    }
    through.print("gateway");
    bare.print("bare client");
    println!(
        "ratio of signals/s {:.2} (goal 0.95), mean lag {:.0} ms; all cores {:.0} % busy with the gateway's",
        median_ratio(&through.per_second, &bare.per_second),
        median(lags),
        100.0 * median(busy),
    );
    Ok(())
}

pub(crate) async fn to_an_instant_temporal(effort: Effort) -> Result<(), Failure> {
    let temporal = InstantTemporal::start().await?;
    let mut rounds = Rounds::default();
    let (mut lags, mut memory, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        // A store of its own for each round: how full it is shall not count.
        let gateway = Gateway::start(&temporal.address.to_string()).await?;
        let requests = stripe::requests(&format!("r{round}"), effort.instant, |number| {
            (number % INSTANT_WORKFLOWS).to_string()
        })?;
        let before = process::cpu_seconds(std::process::id())?;
        rounds.add(&gateway_round(&gateway, INSTANT_CONNECTIONS, requests, &mut lags).await?);
        let spent = process::cpu_seconds(std::process::id())? - before;
        own.push(spent / float(effort.instant) * 1e6);
        memory.push(process::resident_mib(gateway.pid)?);
    }
    rounds.print("gateway");
    println!(
        "load generator and Temporal's stand-in: {:.0} us of CPU for each",
        median(own)
    );
    println!(
        "stored and delivered (goal 12,000/s), {INSTANT_CONNECTIONS} connections, mean lag {:.0} ms, {:.0} MiB resident after",
        median(lags),
        median(memory),
    );
    Ok(())
}

/// Webhooks that a gateway which has just started stores and delivers in a second.
pub(crate) async fn per_second(
    gateway: &Gateway,
    name: &str,
    events: usize,
) -> Result<f64, Failure> {
    let requests = stripe::requests(name, events, |number| {
        (number % INSTANT_WORKFLOWS).to_string()
    })?;
    let start = Instant::now();
    load::send(&gateway.public, INSTANT_CONNECTIONS, requests).await?;
    gateway.until_signalled(float(events)).await?;
    Ok(float(events) / start.elapsed().as_secs_f64())
}

fn order(run: &str, number: usize) -> String {
    format!("{run}-{}", number % WORKFLOWS)
}

async fn gateway_round(
    gateway: &Gateway,
    connections: usize,
    requests: Vec<Vec<u8>>,
    lags: &mut Vec<f64>,
) -> Result<Round, Failure> {
    let events = requests.len();
    let before = gateway.delivered().await?;
    let (start, cpu) = (Instant::now(), gateway.cpu_seconds()?);
    load::send(&gateway.public, connections, requests).await?;
    let after = gateway
        .until_delivered(before.count + float(events))
        .await?;
    let seconds = start.elapsed().as_secs_f64();
    lags.push(after.mean_lag_ms(before));
    Ok(Round::new(events, seconds, gateway.cpu_seconds()? - cpu))
}

async fn client_round(
    client: &temporalio_client::Client,
    signals: Vec<(String, String)>,
) -> Result<Round, Failure> {
    let (events, own) = (signals.len(), std::process::id());
    let (start, cpu) = (Instant::now(), process::cpu_seconds(own)?);
    signaller::send(client, IN_FLIGHT, signals).await?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Round::new(
        events,
        seconds,
        process::cpu_seconds(own)? - cpu,
    ))
}
