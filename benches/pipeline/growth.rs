//! What a store that grows costs: memory and the price of an event, from the first one to the millionth.

use std::time::Instant;

use super::figures::float;
use super::gateway::Gateway;
use super::instant::InstantTemporal;
use super::{Effort, Failure, load, process, stripe};

const CONNECTIONS: usize = 64;
const WORKFLOWS: usize = 10_000;
const PARTS: usize = 20;
/// After it SQLite's page cache and the allocator have what they will have.
const WARM: usize = 4;

/// One part of the events.
struct Part {
    cpu_micros: f64,
    per_second: f64,
    resident_mib: f64,
}

pub(crate) async fn run(effort: Effort) -> Result<(), Failure> {
    let temporal = InstantTemporal::start().await?;
    let gateway = Gateway::start(&temporal.address.to_string()).await?;
    let each = effort.growth / PARTS;
    let mut parts = Vec::new();
    println!("   stored   CPU us each   events/s   MiB resident");
    for part in 1..=PARTS {
        let did = one_part(&gateway, part, each).await?;
        println!(
            "{:>9} {:>13.0} {:>10.0} {:>14.1}",
            part * each,
            did.cpu_micros,
            did.per_second,
            did.resident_mib
        );
        parts.push(did);
    }
    let (Some(first), Some(warm), Some(last)) = (parts.first(), parts.get(WARM - 1), parts.last())
    else {
        return Err("no parts".into());
    };
    println!(
        "cost of an event, last {each} against first: CPU {:.2}, time {:.2} (goal 2)",
        last.cpu_micros / first.cpu_micros,
        first.per_second / last.per_second,
    );
    println!(
        "memory from {} events on: {:+.1} MiB (goal +-10)",
        WARM * each,
        last.resident_mib - warm.resident_mib
    );
    Ok(())
}

/// Stored and delivered.
async fn one_part(gateway: &Gateway, part: usize, events: usize) -> Result<Part, Failure> {
    let name = format!("g{part}");
    let requests = stripe::requests(&name, events, |number| (number % WORKFLOWS).to_string())?;
    let (begin, cpu) = (Instant::now(), gateway.cpu_seconds()?);
    load::send(&gateway.public, CONNECTIONS, requests).await?;
    gateway.until_delivered(float(part * events)).await?;
    Ok(Part {
        cpu_micros: (gateway.cpu_seconds()? - cpu) / float(events) * 1e6,
        per_second: float(events) / begin.elapsed().as_secs_f64(),
        resident_mib: process::resident_mib(gateway.pid)?,
    })
}
