//! `signalpost diff`: what another routing file changes, and what it would do to events that came already.
//!
//! The files are compared as written (`config::change`). Events are judged by the code that routes (`fate`), one after
//! the other: only counts and a few examples are kept, however many there are. `report` lays it out.

mod fate;
mod report;
mod stored;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::events::client::{Client, Error};
use super::events::{Connection, export};
use super::flags::{OpsListener, RoutingFile};
use super::{End, Output, complain, print};
use crate::config::Plan;
use crate::config::change::{How, RuleChange};
use crate::settings::values;
use report::{Blast, Report};
use stored::Stored;

/// Bodies are fetched one by one.
const MOST: usize = 10_000;

/// Compare two routing files, and say what the new one would do to events that came already.
///
/// Prints which sources, issuers, API keys, routes and queries are added, removed or changed, key by key; secrets only as
/// the references that the files hold. With --events, each event is routed by both files, with the sender's roles as each
/// file gives them, and those that would now be refused, lost, parked, dropped, sent elsewhere, sent with other arguments
/// or by other rules, or be newly signalled, are counted, with a few of their ids. Whether a signature would still hold
/// is not judged: what it was made of is not kept.
///
/// Secrets need not be readable. Exit code 1 if either file has an error, or where --expect does not hold.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The routing file as it is.
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// The routing file as it is meant to be.
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// Events to judge: `last:N`, the newest N (at most 10000) of a running gateway, from its ops listener; or a file
    /// with an event on each line, as `signalpost events export` writes it.
    ///
    /// For `last:N` the token in SIGNALPOST_OPS_TOKEN needs the role `act`, since bodies are read; each leaves an audit
    /// line.
    #[arg(long, value_name = "last:N|FILE", value_parser = events)]
    events: Option<Events>,

    /// What is expected to be affected. `none`: exit with 1 if NEW lacks a source, issuer, API key, route or query that
    /// OLD has (a renamed one counts as removed), or if any event of --events would end in another way than by OLD.
    /// Added and changed rules alone are no failure.
    #[arg(long, value_name = "WHAT")]
    expect: Option<Expected>,

    /// As `serve --public-url` has it: a source whose provider signs the address may have none of its own.
    #[arg(long, env = "SIGNALPOST_PUBLIC_URL", value_name = "URL", value_parser = values::public_url)]
    public_url: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Events {
    Last(usize),
    File(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Expected {
    None,
}

fn events(text: &str) -> Result<Events, String> {
    let Some(count) = text.strip_prefix("last:") else {
        return Ok(Events::File(text.into()));
    };
    let count = count
        .parse()
        .ok()
        .filter(|count| (1..=MOST).contains(count));
    count
        .map(Events::Last)
        .ok_or_else(|| format!("`last:` takes a whole number from 1 to {MOST}"))
}

pub(super) async fn run(arguments: Arguments) -> End {
    // Both are read first, so that the problems of both are said.
    let read = |routes: &PathBuf| {
        let file = RoutingFile {
            routes: routes.clone(),
            public_url: arguments.public_url.clone(),
        };
        file.load(true).and_then(|loaded| loaded.plan)
    };
    let (old, new) = (read(&arguments.old), read(&arguments.new));
    let (Some(old), Some(new)) = (old, new) else {
        return End::Problem;
    };
    let blast = match &arguments.events {
        None => None,
        Some(Events::File(path)) => match from_file(path, &old, &new) {
            Ok(blast) => Some(blast),
            Err(sentence) => {
                complain(&sentence);
                return End::Usage;
            }
        },
        Some(Events::Last(count)) => {
            match from_gateway(&arguments.connection.ops, *count, &old, &new).await {
                Ok(blast) => Some(blast),
                Err(error) => {
                    complain(&error.to_string());
                    return End::Problem;
                }
            }
        }
    };
    let report = Report::new(old.change_to(&new), blast);
    match arguments.connection.printed.output {
        Output::Text => report.text().iter().for_each(|line| print(line)),
        Output::Json => print(&report.json()),
    }
    match arguments.expect.map(|Expected::None| unexpected(&report)) {
        Some(Some(sentence)) => {
            complain(&sentence);
            End::Problem
        }
        None | Some(None) => End::Ok,
    }
}

/// Why `--expect none` does not hold.
fn unexpected(report: &Report) -> Option<String> {
    let removed = |rule: &&RuleChange| rule.change == How::Removed;
    let removed = report.changes.rules.iter().filter(removed).count();
    let affected = report.events.as_ref().map_or(0, |blast| blast.affected);
    (removed + affected > 0)
        .then(|| format!("expected none: removed rules: {removed}, affected events: {affected}"))
}

fn from_file(path: &Path, old: &Plan, new: &Plan) -> Result<Blast, String> {
    let name = path.display();
    let unreadable = |error| format!("{name}: cannot be read: {error}");
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut blast = Blast::default();
    for (line, number) in file.lines().zip(1_usize..) {
        let line = line.map_err(unreadable)?;
        if line.trim().is_empty() {
            continue;
        }
        let stored = serde_json::from_str::<Stored>(&line)
            .map_err(|error| error.to_string())
            .and_then(|stored| blast.judge(stored, old, new));
        stored.map_err(|why| {
            format!(
                "{name}:{number}: no event with its body, as `signalpost events export` writes it: {why}"
            )
        })?;
    }
    Ok(blast)
}

async fn from_gateway(
    ops: &OpsListener,
    count: usize,
    old: &Plan,
    new: &Plan,
) -> Result<Blast, Error> {
    let client = Client::new(ops)?;
    let mut blast = Blast::default();
    export::with_bodies(&client, Vec::new(), count, |event| {
        serde_json::from_value::<Stored>(event)
            .map_err(|error| error.to_string())
            .and_then(|stored| blast.judge(stored, old, new))
            .map_err(Error::BrokeOff)
    })
    .await?;
    Ok(blast)
}
