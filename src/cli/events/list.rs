//! `events list`: events, newest first.

use clap::Args;
use serde_json::{Value, json};

use super::answer::{Event, Page};
use super::client::{Client, Error};
use super::filter;
use super::table::aligned;
use super::{End, Output, complain, print};

/// The most that the API gives at once.
const MAX_PAGE: usize = 1000;

/// List events, newest first.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: filter::Events,

    /// How many at most.
    #[arg(long, value_name = "COUNT", default_value = "100")]
    limit: usize,

    /// All of them. With `-o json`, a document for each page.
    #[arg(long)]
    all: bool,

    /// Go on where an earlier list said that there is more.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

pub(super) async fn run(
    client: &Client,
    arguments: Arguments,
    output: Output,
) -> Result<End, Error> {
    let pairs = arguments.filter.pairs();
    let mut cursor = arguments.cursor;
    let mut first = true;
    let mut left = if arguments.all {
        usize::MAX
    } else {
        arguments.limit
    };
    // One page may be short, or empty, and yet not the last: only a filter's end is its end.
    let mut gathered = Vec::new();
    loop {
        let mut query = pairs.clone();
        query.push(("limit", left.clamp(1, MAX_PAGE).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let mut page: Page = client.get(&["events"], &query).await?;
        left = left.saturating_sub(page.events.len());
        cursor = page.next;
        let ended = cursor.is_none() || left == 0;
        gathered.append(&mut page.events);
        if ended || (arguments.all && !gathered.is_empty()) {
            show(&gathered, cursor.as_deref(), first, output);
            gathered.clear();
            first = false;
        }
        if ended {
            break;
        }
    }
    if let (Some(cursor), Output::Text) = (cursor, output) {
        complain(&format!("There are more: --all, or --cursor {cursor}"));
    }
    Ok(End::Ok)
}

fn show(events: &[Value], next: Option<&str>, first: bool, output: Output) {
    if output == Output::Json {
        print(&json!({ "events": events, "next": next }).to_string());
        return;
    }
    if events.is_empty() {
        complain("No event fits.");
        return;
    }
    let mut rows = Vec::with_capacity(events.len() + 1);
    if first {
        let head = [
            "RECEIVED", "EVENT", "SOURCE", "TYPE", "STATE", "WORKFLOW", "REASON",
        ];
        rows.push(head.map(str::to_owned));
    }
    rows.extend(events.iter().filter_map(row));
    for line in aligned(&rows) {
        print(&line);
    }
}

fn row(event: &Value) -> Option<[String; 7]> {
    let event: Event = serde::Deserialize::deserialize(event).ok()?;
    Some([
        event.received_at.clone(),
        event.id.clone(),
        event.source.clone(),
        event.r#type.clone(),
        event.state.clone(),
        event.workflows(),
        event.reason().to_owned(),
    ])
}
