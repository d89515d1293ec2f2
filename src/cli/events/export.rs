//! `events export`: events with their bodies, a line of JSON each, as `diff --events FILE` reads them.

use clap::Args;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::answer::Page;
use super::client::{Client, Error};
use super::filter::{self, Pairs};
use super::{End, complain, print};

/// The most that the API gives at once; so often it is said how far it has come.
const PAGE: usize = 1000;
/// Bodies asked for at the same time.
const AT_ONCE: usize = 8;

/// Write events with headers and bodies, newest first, a line of JSON for each.
///
/// For `signalpost diff OLD NEW --events FILE`, and to keep. What was erased is written without them. The token needs the
/// role `act`, and each body that is read leaves an audit line. The format is the same whatever `-o` says.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: filter::Events,

    /// How many at most.
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    limit: usize,
}

pub(super) async fn run(client: &Client, arguments: Arguments) -> Result<End, Error> {
    let pairs = arguments.filter.pairs();
    with_bodies(client, pairs, arguments.limit, |event| {
        print(&event.to_string());
        Ok(())
    })
    .await?;
    Ok(End::Ok)
}

/// Reads events with their bodies, newest first, and gives each to `take`; says on stderr how far it has come. An event
/// that retention removes meanwhile is passed over.
pub(in crate::cli) async fn with_bodies(
    client: &Client,
    pairs: Pairs,
    limit: usize,
    mut take: impl FnMut(Value) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut left, mut read) = (limit, 0_usize);
    let mut cursor: Option<String> = None;
    while left > 0 {
        let mut query = pairs.clone();
        query.push(("limit", left.min(PAGE).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page: Page = client.get(&["events"], &query).await?;
        left = left.saturating_sub(page.events.len());
        let ids = page.events.iter().filter_map(|event| event["id"].as_str());
        let mut bodies = stream::iter(ids.map(|id| with_body(client, id))).buffered(AT_ONCE);
        while let Some(event) = bodies.next().await {
            let Some(event) = event? else { continue };
            take(event)?;
            read += 1;
            if read.is_multiple_of(PAGE) && read < limit {
                complain(&format!("{read} events read"));
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

async fn with_body(client: &Client, id: &str) -> Result<Option<Value>, Error> {
    let query = [("body", "true".to_owned())];
    let found = client.get(&["events", id], &query).await;
    match found.map_err(|error| error.about("event", id)) {
        Ok(event) => Ok(Some(event)),
        Err(Error::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
