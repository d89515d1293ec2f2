//! An action on everything that filters fit: the number first, then consent, then part after part.
//!
//! The gateway does a part of the work for each request and says where the next one goes on. Stopped in
//! between, nothing is half done, and the same command does the rest.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::{Map, Value, json};

use super::answer::{Count, Part};
use super::client::{Client, Error};
use super::{End, Output, complain, print};

/// The gateway's answer where the number has changed since it was said.
const COUNT_DIFFERS: &str = "SP-S206";

/// What a person is asked before much is done at once.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Consent {
    /// Only say how many the filters fit.
    #[arg(long)]
    dry_run: bool,

    /// Do not ask. Where nobody can answer, nothing is done without it.
    #[arg(long, short)]
    yes: bool,
}

/// One action in bulk.
#[derive(Debug)]
pub(super) struct Bulk {
    pub(super) path: [&'static str; 2],
    /// One of them, several of them.
    pub(super) things: [&'static str; 2],
    /// `retried`
    pub(super) participle: &'static str,
    pub(super) filter: Value,
    /// What else the request says.
    pub(super) members: Map<String, Value>,
}

impl Bulk {
    fn counted(&self, count: u64) -> String {
        let [one, several] = self.things;
        format!("{count} {}", if count == 1 { one } else { several })
    }

    fn request(&self, more: &[(&str, Value)]) -> Value {
        let mut body = self.members.clone();
        body.insert("filter".to_owned(), self.filter.clone());
        for (name, value) in more {
            body.insert((*name).to_owned(), value.clone());
        }
        Value::Object(body)
    }
}

pub(super) async fn run(
    client: &Client,
    bulk: Bulk,
    consent: Consent,
    output: Output,
) -> Result<End, Error> {
    let asked = bulk.request(&[("dry_run", json!(true))]);
    let Count { count } = client.post(&bulk.path, &asked).await?;
    complain(&format!("{} fit.", bulk.counted(count)));
    if consent.dry_run || count == 0 {
        match output {
            Output::Json => print(&json!({ "count": count }).to_string()),
            Output::Text => print(&format!(
                "{} would be {}",
                bulk.counted(count),
                bulk.participle
            )),
        }
        return Ok(End::Ok);
    }
    if !consent.yes {
        match ask(&bulk, count) {
            Answer::Yes => {}
            Answer::No => {
                complain("Nothing was done.");
                return Ok(End::Problem);
            }
            Answer::Nobody => {
                complain("Nobody can be asked here: give --yes, or look with --dry-run.");
                return Ok(End::Usage);
            }
        }
    }
    tokio::select! {
        end = work(client, &bulk, count, output) => end,
        _ = tokio::signal::ctrl_c() => {
            complain(&format!(
                "Stopped. What was {} stays so; the same command goes on with the rest.",
                bulk.participle
            ));
            Ok(End::Problem)
        }
    }
}

async fn work(client: &Client, bulk: &Bulk, count: u64, output: Output) -> Result<End, Error> {
    let (mut done, mut skipped) = (0, 0);
    let mut cursor: Option<String> = None;
    loop {
        let mut more = vec![("expect_count", json!(count))];
        more.extend(cursor.take().map(|cursor| ("cursor", json!(cursor))));
        let part: Part = match client.post(&bulk.path, &bulk.request(&more)).await {
            Err(Error::Refused(problem)) if problem.code == COUNT_DIFFERS => {
                let now = problem
                    .count
                    .map_or_else(|| "another number".to_owned(), |n| bulk.counted(n));
                complain(&format!(
                    "Meanwhile {now} fit. Nothing was done: look again."
                ));
                return Ok(End::Problem);
            }
            other => other?,
        };
        done += part.done;
        skipped += part.skipped;
        cursor = part.next;
        if cursor.is_none() {
            break;
        }
        complain(&format!("{} {done} of {count}", bulk.participle));
    }
    match output {
        Output::Json => print(&json!({ "done": done, "skipped": skipped }).to_string()),
        Output::Text => print(&format!("{} {}", bulk.participle, bulk.counted(done))),
    }
    if skipped > 0 {
        complain(&format!(
            "{} had changed in the meantime, or had an attempt in flight, and stayed as they were.",
            bulk.counted(skipped)
        ));
    }
    Ok(End::Ok)
}

enum Answer {
    Yes,
    No,
    Nobody,
}

/// Asks on the terminal.
fn ask(bulk: &Bulk, count: u64) -> Answer {
    let mut stderr = std::io::stderr();
    if !std::io::stdin().is_terminal() || !stderr.is_terminal() {
        return Answer::Nobody;
    }
    let [_, verb] = bulk.path;
    let question = write!(stderr, "{verb} {}? [y/N] ", bulk.counted(count));
    let mut line = String::new();
    let read = question
        .and_then(|()| stderr.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut line));
    match read {
        Ok(_) if matches!(line.trim(), "y" | "Y" | "yes") => Answer::Yes,
        Ok(_) => Answer::No,
        Err(_) => Answer::Nobody,
    }
}
