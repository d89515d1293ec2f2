//! Accepting while a backlog is drained, beside accepting while Temporal is away.
//!
//! Twice: against a Temporal that takes about as many signals as a real one on two cores, and against one that answers at once,
//! where draining takes every processor it can get.

use std::time::{Duration, Instant};

use super::figures::{float, median, median_ratio, p99};
use super::gateway::Gateway;
use super::instant::{InstantTemporal, Manner};
use super::{Effort, Failure, load, stripe};

const CONNECTIONS: usize = 64;
/// Of the backlog.
const WORKFLOWS: usize = 10_000;
/// With the 256 that may be in flight of one namespace, at most 2,560 signals a second.
const AS_A_REAL_ONE: Duration = Duration::from_millis(100);
/// Requests a second while answers are timed: far from what the gateway can take.
const PACE: u32 = 500;

/// What acceptance came to, and what had been delivered meanwhile.
struct Accepted {
    per_second: f64,
    p99_ms: f64,
    drained_per_second: f64,
}

pub(crate) async fn run(effort: Effort) -> Result<(), Failure> {
    for (what, pause) in [
        ("a Temporal that takes 2,500/s", AS_A_REAL_ONE),
        ("a Temporal that answers at once", Duration::ZERO),
    ] {
        let (mut idle, mut busy) = (Vec::new(), Vec::new());
        for round in 0..effort.rounds.min(3) {
            let (without, with) = one_round(effort, round, pause).await?;
            idle.push(without);
            busy.push(with);
        }
        let column = |of: &[Accepted], value: fn(&Accepted) -> f64| -> Vec<f64> {
            of.iter().map(value).collect()
        };
        let rates = |of: &[Accepted]| column(of, |it| it.per_second);
        let tails = |of: &[Accepted]| column(of, |it| it.p99_ms);
        println!("{what}, a backlog of {}:", effort.backlog);
        println!(
            "  accepts/s {:>6.0} idle {:>6.0} draining: ratio {:.2} (goal 0.80)",
            median(rates(&idle)),
            median(rates(&busy)),
            median_ratio(&rates(&busy), &rates(&idle)),
        );
        println!(
            "  p99 at {PACE}/s {:>6.1} ms idle {:>6.1} ms draining: ratio {:.2} (goal 2); {:.0} drained a second",
            median(tails(&idle)),
            median(tails(&busy)),
            median_ratio(&tails(&busy), &tails(&idle)),
            median(column(&busy, |it| it.drained_per_second)),
        );
    }
    Ok(())
}

async fn one_round(
    effort: Effort,
    round: usize,
    pause: Duration,
) -> Result<(Accepted, Accepted), Failure> {
    let address = free_address()?;
    let gateway = Gateway::launch(&address).await?;
    let name = format!("backlog{round}");
    let backlog = stripe::requests(&name, effort.backlog, |number| {
        (number % WORKFLOWS).to_string()
    })?;
    load::send(&gateway.public, CONNECTIONS, backlog).await?;
    let idle = accepting(&gateway, &format!("idle{round}"), effort).await?;
    let manner = Manner {
        pause,
        absent: None,
    };
    let _temporal = InstantTemporal::start_at(&address, manner).await?;
    gateway.until_connected().await?;
    let busy = accepting(&gateway, &format!("busy{round}"), effort).await?;
    let left = gateway.delivered().await?.pending;
    if left == 0.0 {
        println!("  the backlog was drained too soon: the figures flatter");
    }
    Ok((idle, busy))
}

/// Nothing listens there until it is told to.
fn free_address() -> Result<String, Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

async fn accepting(gateway: &Gateway, name: &str, effort: Effort) -> Result<Accepted, Failure> {
    // Other workflows than those of the backlog: their signals need not wait behind it.
    let order = |number: usize| format!("{name}-{number}");
    let timed = stripe::requests(&format!("{name}t"), effort.timed, order)?;
    let counted = stripe::requests(&format!("{name}c"), effort.counted, order)?;
    let (whole, before) = (Instant::now(), gateway.delivered().await?.count);
    let took = load::paced(&gateway.public, PACE, timed).await?;
    let start = Instant::now();
    load::send(&gateway.public, CONNECTIONS, counted).await?;
    let seconds = start.elapsed().as_secs_f64();
    let drained = gateway.delivered().await?.count - before;
    Ok(Accepted {
        per_second: float(effort.counted) / seconds,
        p99_ms: p99(took),
        drained_per_second: drained / whole.elapsed().as_secs_f64(),
    })
}
