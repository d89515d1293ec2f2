//! `signalpost test`: an operations team's own cases against its routing file, offline, for continuous integration.
//!
//! A case is judged by the code that serves, as `explain` does it; `judge` asks, `report` prints. No secret has to be
//! at hand where cases say `sign = true`, or whose token it would be.

mod compare;
mod judge;
mod report;
mod stand_in;

use std::path::PathBuf;

use clap::Args;

use super::flags::{Printed, RoutingFile};
use super::{End, Output, complain, print};
use crate::clock;
use crate::config::{Loaded, cases};
use judge::Judge;

/// Try cases of your own against a routing file: what must be signalled, dropped, refused or answered.
///
/// Offline, and by the code that serves. Exit code 0 if every case came out as expected, 1 if one did not or the
/// routing file has an error, 2 if the cases cannot be read.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file with the cases; the files that they name lie beside it.
    #[arg(value_name = "TESTS", default_value = "tests.toml")]
    tests: PathBuf,

    /// Only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// File with the issuers' keys (a JWKS), for cases with tokens, where the routing file has only their address.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    #[command(flatten)]
    routing: RoutingFile,

    #[command(flatten)]
    printed: Printed,
}

pub(super) fn run(arguments: &Arguments) -> End {
    let cases = match cases::load(&arguments.tests) {
        Ok(cases) => cases,
        Err(problems) => {
            for problem in problems {
                complain(&problem.to_string());
            }
            return End::Usage;
        }
    };
    let Some(Loaded {
        plan: Some(plan),
        secrets,
        ..
    }) = arguments.routing.load(true)
    else {
        return End::Problem;
    };
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let chosen: Vec<_> = cases
        .iter()
        .filter(|case| case.name.contains(filter))
        .collect();
    if chosen.is_empty() {
        complain(&format!("no case has {filter:?} in its name"));
        return End::Usage;
    }
    let folder = arguments.tests.parent().unwrap_or_else(|| "".as_ref());
    let mut judge = Judge {
        plan,
        secrets,
        folder,
        keys: arguments.keys.as_deref(),
        now: clock::now(),
    };
    let results: Vec<_> = chosen.iter().map(|case| judge.run(case)).collect();
    match arguments.printed.output {
        Output::Text => {
            for line in report::lines(&results, &arguments.tests) {
                print(&line);
            }
            complain(&report::summary(&results, cases.len()));
        }
        Output::Json => print(&report::json(&results)),
    }
    if results.iter().all(|result| result.ok) {
        End::Ok
    } else {
        End::Problem
    }
}
