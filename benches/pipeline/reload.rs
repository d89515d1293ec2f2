//! A reload as the gateway makes one: read, compile, compare with the plan that runs, swap. And what an event costs then.

use std::sync::Arc;
use std::time::Instant;

use signalpost::config::{Options, PlanHandle};

use super::figures::{median, median_ratio};
use super::{Effort, Failure, stages, stripe};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

pub(crate) fn run(effort: Effort) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut matching = Vec::new();
    for count in COUNTS {
        let path = folder.path().join(format!("{count}.toml"));
        let text = stages::routes(count);
        std::fs::write(&path, &text)?;
        let mut options = Options::new("default");
        options.env =
            Arc::new(|name| (name == stripe::SECRET_VARIABLE).then(|| stripe::SECRET.to_owned()));
        let (handle, _) =
            PlanHandle::open(path.clone(), options).map_err(|problems| format!("{problems:?}"))?;
        let mut reloads = Vec::new();
        for round in 0..effort.rounds {
            // Another signal for each of them, so that every route is a change.
            let other = text.replace("signal = \"s\"", &format!("signal = \"s{round}\""));
            std::fs::write(&path, other)?;
            let start = Instant::now();
            handle
                .reload()
                .map_err(|problems| format!("{problems:?}"))?;
            reloads.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let plan = handle.current();
        let request = stages::request(&plan, &stripe::body("evt_1", "42"))?;
        let routed = (0..effort.rounds)
            .map(|_| stages::routing(&plan, &request, effort.repeats))
            .collect::<Result<Vec<_>, _>>()?;
        println!(
            "{count:>6} routes: a reload {:>8.2} ms, all of them changed; an event {:>6.2} us",
            median(reloads),
            median(routed.clone())
        );
        matching.push(routed);
    }
    if let [few, .., many] = matching.as_slice() {
        let ratio = median_ratio(many, few);
        println!("an event among 10,000 routes against 10: {ratio:.2} (goal 1.20)");
    }
    println!("goal: 10,000 routes in less than 1,000 ms");
    Ok(())
}
