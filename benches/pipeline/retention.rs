//! Accepting while retention removes old events, beside accepting on the same store while it removes none.

use super::figures::{float, median, median_ratio, p99};
use super::gateway::Gateway;
use super::instant::InstantTemporal;
use super::{Effort, Failure, load, stripe};

const CONNECTIONS: usize = 64;
const PACE: u32 = 500;
/// Less than any store has: everything that is settled is to go.
const SMALL: [&str; 2] = ["--retention-size", "1MiB"];

pub(crate) async fn run(effort: Effort) -> Result<(), Failure> {
    let (mut keeping, mut removing, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds.min(3) {
        let temporal = InstantTemporal::start().await?;
        let address = temporal.address.to_string();
        let gateway = Gateway::start(&address).await?;
        let order = |number: usize| number.to_string();
        let name = format!("old{round}");
        let requests = stripe::requests(&name, effort.backlog, order)?;
        load::send(&gateway.public, CONNECTIONS, requests).await?;
        gateway.until_delivered(float(effort.backlog)).await?;
        // Both begin anew: what a start costs is no one's advantage.
        let gateway = gateway.restart(&address, &[]).await?;
        keeping.push(timed(&gateway, &format!("k{round}"), effort).await?);
        let gateway = gateway.restart(&address, &SMALL).await?;
        let before = gateway.delivered().await?.count;
        removing.push(timed(&gateway, &format!("r{round}"), effort).await?);
        let added = float(effort.timed);
        let removed = before + added - gateway.delivered().await?.count;
        if removed < added {
            println!("next to nothing was removed: these figures say nothing");
        }
        rates.push(removed / (added / f64::from(PACE)));
    }
    println!(
        "p99 at {PACE}/s {:.1} ms keeping, {:.1} ms removing {:.0} events a second: ratio {:.2}",
        median(keeping.clone()),
        median(removing.clone()),
        median(rates),
        median_ratio(&removing, &keeping),
    );
    Ok(())
}

async fn timed(gateway: &Gateway, name: &str, effort: Effort) -> Result<f64, Failure> {
    let requests = stripe::requests(name, effort.timed, |number| number.to_string())?;
    Ok(p99(load::paced(&gateway.public, PACE, requests).await?))
}
