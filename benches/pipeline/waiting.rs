//! Lanes whose workflow is absent, one or 50,000, and what the healthy ones beside them notice.

use std::time::{Duration, Instant};

use super::figures::{float, median, median_ratio};
use super::gateway::{Delivered, Gateway};
use super::instant::{InstantTemporal, Manner};
use super::{Effort, Failure, load, stripe};

const ABSENT: &str = "absent";
const PACE: u32 = 500;
const CONNECTIONS: usize = 64;
/// Behind the head of the blocked lane.
const BEHIND: usize = 100;
const POLL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_mins(5);

async fn temporal() -> Result<InstantTemporal, Failure> {
    let manner = Manner {
        pause: Duration::ZERO,
        absent: Some(ABSENT),
    };
    InstantTemporal::start_at("127.0.0.1:0", manner).await
}

/// One lane that is busy, with and without another one that waits for an hour.
pub(crate) async fn one_lane(effort: Effort) -> Result<(), Failure> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        for (blocked, lags) in [(false, &mut alone), (true, &mut beside)] {
            let temporal = temporal().await?;
            let gateway = Gateway::start(&temporal.address.to_string()).await?;
            if blocked {
                let name = format!("blocked{round}");
                let waiting = stripe::requests(&name, BEHIND, |_| ABSENT.to_owned())?;
                load::send(&gateway.public, 1, waiting).await?;
            }
            lags.push(lag(&gateway, "busy", effort, |_| "busy".to_owned()).await?);
        }
    }
    println!(
        "mean lag of a busy lane at {PACE}/s: {:.2} ms alone, {:.2} ms beside a blocked one: ratio {:.2}",
        median(alone.clone()),
        median(beside.clone()),
        median_ratio(&beside, &alone),
    );
    Ok(())
}

/// So many lanes that wait, and healthy ones beside them.
pub(crate) async fn many_lanes(effort: Effort) -> Result<(), Failure> {
    let temporal = temporal().await?;
    let gateway = Gateway::start(&temporal.address.to_string()).await?;
    let healthy = |number: usize| format!("healthy-{}", number % 200);
    let alone = lag(&gateway, "before", effort, healthy).await?;
    let alone_rate = burst(&gateway, "burst1", effort, healthy).await?;
    let lanes = effort.lanes;
    let absent = |number: usize| format!("{ABSENT}-{number}");
    let waiting = stripe::requests("waiting", lanes, absent)?;
    load::send(&gateway.public, CONNECTIONS, waiting).await?;
    let looked = async {
        while temporal.in_vain().1 < lanes {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await?;
    let (begin, before) = (Instant::now(), temporal.in_vain());
    let beside = lag(&gateway, "after", effort, healthy).await?;
    let beside_rate = burst(&gateway, "burst2", effort, healthy).await?;
    let after = temporal.in_vain();
    let looks = float(after.0 - before.0) / begin.elapsed().as_secs_f64();
    println!(
        "{lanes} lanes wait: {:.2} describes for each (goal 1), then {looks:.0} looks a second (goal 100)",
        float(after.1) / float(lanes),
    );
    println!(
        "healthy lanes: mean lag {alone:.2} ms without, {beside:.2} ms beside them (ratio {:.2}); \
         {alone_rate:.0} and {beside_rate:.0} signals/s (ratio {:.2})",
        beside / alone,
        beside_rate / alone_rate,
    );
    Ok(())
}

/// Mean lag of events that come at an even pace, in milliseconds.
async fn lag(
    gateway: &Gateway,
    name: &str,
    effort: Effort,
    order: impl Fn(usize) -> String,
) -> Result<f64, Failure> {
    let before = gateway.delivered().await?;
    let requests = stripe::requests(name, effort.timed, order)?;
    load::paced(&gateway.public, PACE, requests).await?;
    let after = delivered(gateway, before, effort.timed).await?;
    Ok(after.mean_lag_ms(before))
}

/// Signals a second when events come as fast as they are taken.
async fn burst(
    gateway: &Gateway,
    name: &str,
    effort: Effort,
    order: impl Fn(usize) -> String,
) -> Result<f64, Failure> {
    let before = gateway.delivered().await?;
    let requests = stripe::requests(name, effort.counted, order)?;
    let begin = Instant::now();
    load::send(&gateway.public, CONNECTIONS, requests).await?;
    delivered(gateway, before, effort.counted).await?;
    Ok(float(effort.counted) / begin.elapsed().as_secs_f64())
}

async fn delivered(
    gateway: &Gateway,
    before: Delivered,
    more: usize,
) -> Result<Delivered, Failure> {
    gateway.until_delivered(before.count + float(more)).await
}
