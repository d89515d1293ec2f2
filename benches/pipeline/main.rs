//! What Signalpost costs over what it stands on: `cargo bench --bench pipeline`.
//!
//! Every section measures the product and a baseline in turns, in one run on one machine, and prints the median of the
//! rounds and the ratio of the two. Ratios travel to another machine, rates do not. `deploy/performance.md` holds the
//! figures of record and says what each section is good for.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

mod answerer;
mod baseline;
mod delivery;
mod drain;
mod figures;
mod gateway;
mod growth;
mod idle;
mod instant;
mod load;
mod process;
mod queries;
mod redis_server;
mod reload;
mod retention;
mod schemes;
mod shared;
mod signaller;
mod stages;
mod store;
mod stripe;
mod temporal;
mod waiting;

use std::time::Duration;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "\
Usage: cargo bench --bench pipeline -- [SECTION]... [--quick]

Sections (all of them if none is named):
  store    accepts per second, beside a bare SQLite writer and an append-only log
  stages   verify and route, per event; 10,000 routes against 10
  schemes  the proof of each provider; an HMAC beside the bare hash
  reload   reading the routing file anew: 10, 1,000 and 10,000 routes
  flow     webhooks to a Temporal dev server, beside a bare client of Temporal
  instant  webhooks to a Temporal that answers at once: the ceiling of the gateway
  drain    accepting while a backlog is drained, beside accepting while nothing is delivered
  growth   memory and cost of an event, from the first to the millionth
  removal  accepting while retention removes events, beside accepting while it keeps them
  blocked  lag of a busy lane, with and without one beside it that waits for an hour
  waiting  50,000 lanes whose workflow is absent, and healthy ones beside them
  shared   accepts per second on Redis, beside its script alone; two replicas; delivering, beside the embedded store
  queries  queries of a real workflow, beside a bare client of Temporal; answers from the cache
  idle     memory of a gateway at rest

  --quick  fewer and shorter rounds: to see that it runs, not for figures";

const SECTIONS: [&str; 14] = [
    "store", "stages", "schemes", "reload", "flow", "instant", "drain", "growth", "removal",
    "blocked", "waiting", "shared", "queries", "idle",
];

/// How long to measure.
#[derive(Clone, Copy, Debug)]
struct Effort {
    rounds: usize,
    /// Of the store's rounds.
    round: Duration,
    /// In each round against a real Temporal, and in one against an instant one.
    signals: usize,
    instant: usize,
    /// In each round against a real Temporal, and in one from the cache.
    queries: usize,
    cached: usize,
    /// Of one stage in each round.
    repeats: u32,
    /// Events that pend when a drain begins, or are old when retention does.
    backlog: usize,
    /// Events that come at an even pace, and as fast as they are taken.
    timed: usize,
    counted: usize,
    growth: usize,
    /// That wait.
    lanes: usize,
}

const FULL: Effort = Effort {
    rounds: 5,
    round: Duration::from_millis(1_500),
    signals: 4_000,
    instant: 60_000,
    queries: 4_000,
    cached: 200_000,
    repeats: 20_000,
    backlog: 100_000,
    timed: 1_500,
    counted: 20_000,
    growth: 1_000_000,
    lanes: 50_000,
};

const QUICK: Effort = Effort {
    rounds: 3,
    round: Duration::from_millis(300),
    signals: 800,
    instant: 10_000,
    queries: 800,
    cached: 20_000,
    repeats: 2_000,
    backlog: 30_000,
    timed: 500,
    counted: 5_000,
    growth: 100_000,
    lanes: 10_000,
};

fn main() -> Result<(), Failure> {
    let mut effort = FULL;
    let mut sections = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // Cargo says this to every bench.
            "--bench" => {}
            "--quick" => effort = QUICK,
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(());
            }
            name if SECTIONS.contains(&name) => sections.push(name.to_owned()),
            other => return Err(format!("{other} is no section and no flag\n\n{HELP}").into()),
        }
    }
    if sections.is_empty() {
        sections.extend(SECTIONS.map(str::to_owned));
    }
    let runtime = tokio::runtime::Runtime::new()?;
    for section in sections {
        println!("\n== {section}");
        match section.as_str() {
            "store" => store::run(&runtime, effort)?,
            "stages" => stages::run(effort)?,
            "schemes" => schemes::run(effort)?,
            "reload" => reload::run(effort)?,
            "flow" => runtime.block_on(delivery::beside_a_client(effort))?,
            "instant" => runtime.block_on(delivery::to_an_instant_temporal(effort))?,
            "drain" => runtime.block_on(drain::run(effort))?,
            "growth" => runtime.block_on(growth::run(effort))?,
            "removal" => runtime.block_on(retention::run(effort))?,
            "blocked" => runtime.block_on(waiting::one_lane(effort))?,
            "waiting" => runtime.block_on(waiting::many_lanes(effort))?,
            "shared" => runtime.block_on(shared::run(effort))?,
            "queries" => runtime.block_on(queries::run(effort))?,
            _ => runtime.block_on(idle::run())?,
        }
    }
    Ok(())
}
