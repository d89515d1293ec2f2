//! `events tail`: new events and what becomes of them, a line each, as it happens.
//!
//! Asks every second for the newest events and, by id, for those that are unfinished. Memory is bounded:
//! of very many unfinished events the oldest are no longer followed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::answer::{Event, Page};
use super::client::{Client, Error};
use super::filter::{self, EventState, Pairs};
use super::table::plain;
use super::{End, Output, complain, print};

const EVERY: Duration = Duration::from_secs(1);
const PAGE: usize = 200;
/// Pages of new events read at a time; what is beyond them is said, not shown.
const MAX_PAGES: usize = 10;
/// Ids of events known to have been shown.
const MAX_SEEN: usize = 20_000;
/// Unfinished events that are followed, and how many of them are asked for each second.
const MAX_FOLLOWED: usize = 2_000;
const ASKED: usize = 100;

/// Follow new events and every change of their state.
///
/// Begins with the last few. Ends with Ctrl-C. With `-o json`, a line of JSON for each.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: filter::Events,

    /// How many of the events before to begin with.
    #[arg(long, short = 'n', value_name = "COUNT", default_value = "10")]
    lines: usize,
}

/// What has been shown, and what is still moving.
#[derive(Debug, Default)]
struct Followed {
    seen: HashSet<String>,
    order: VecDeque<String>,
    /// State of each unfinished event as last shown.
    states: HashMap<String, String>,
    /// In the order in which they are asked for.
    turns: VecDeque<String>,
}

pub(super) async fn run(
    client: &Client,
    mut arguments: Arguments,
    output: Output,
) -> Result<End, Error> {
    // Only what is shown: an event that leaves the state must be noticed too.
    let only = arguments.filter.state.take();
    let mut pairs = arguments.filter.pairs();
    let mut followed = Followed::default();
    let before = arguments.lines.clamp(1, 1000);
    let page: Page = client
        .get(&["events"], &paged(&pairs, before, None))
        .await?;
    for event in page.events.iter().rev() {
        let shown = if arguments.lines == 0 {
            Shown::No
        } else {
            Shown::Yes
        };
        followed.note(event, only, output, shown);
    }
    // From here on, what came before these is old.
    let oldest = page.events.last();
    if let Some(time) = oldest.and_then(|event| event["received_at"].as_str()) {
        pairs.retain(|(name, _)| *name != "since");
        pairs.push(("since", time.to_owned()));
    }
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => return Ok(End::Ok),
        }
        match followed.look(client, &pairs, only, output).await {
            Ok(()) => away = false,
            Err(error @ (Error::Unreachable { .. } | Error::BrokeOff(_))) => {
                if !away {
                    complain(&format!("{error} Still trying …"));
                }
                away = true;
            }
            Err(error) => return Err(error),
        }
    }
}

fn paged(pairs: &Pairs, limit: usize, cursor: Option<String>) -> Pairs {
    let mut query = pairs.clone();
    query.push(("limit", limit.to_string()));
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    query
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

impl Followed {
    async fn look(
        &mut self,
        client: &Client,
        pairs: &Pairs,
        only: Option<EventState>,
        output: Output,
    ) -> Result<(), Error> {
        for event in self.newest(client, pairs).await?.iter().rev() {
            self.note(event, only, output, Shown::Yes);
        }
        for _ in 0..ASKED.min(self.turns.len()) {
            let Some(id) = self.turns.pop_front() else {
                break;
            };
            let found: Result<Value, Error> = client.get(&["events", &id], &[]).await;
            match found.map_err(|error| error.about("event", &id)) {
                Ok(event) => self.note(&event, only, output, Shown::Yes),
                // Its retention is over.
                Err(Error::Unknown { .. }) => {
                    self.states.remove(&id);
                }
                Err(error) => {
                    self.turns.push_front(id);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Events that have not been shown, newest first.
    async fn newest(&self, client: &Client, pairs: &Pairs) -> Result<Vec<Value>, Error> {
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page: Page = client.get(&["events"], &paged(pairs, PAGE, cursor)).await?;
            let all = page.events.len();
            let new = page.events.into_iter().filter(|event| !self.knows(event));
            let before = found.len();
            found.extend(new);
            cursor = page.next;
            // A page with something known in it reaches back to what has been shown.
            if cursor.is_none() || found.len() - before < all || all == 0 {
                return Ok(found);
            }
        }
        complain("More events came than can be shown; some are left out. Narrow it with filters.");
        Ok(found)
    }

    fn knows(&self, event: &Value) -> bool {
        event["id"]
            .as_str()
            .is_some_and(|id| self.seen.contains(id))
    }

    /// Shows the event if it is new or has changed, and goes on following it while it is unfinished.
    fn note(&mut self, event: &Value, only: Option<EventState>, output: Output, shown: Shown) {
        let Ok(read) = serde_json::from_value::<Event>(event.clone()) else {
            return;
        };
        let is_new = self.remember(&read.id);
        let before = self.states.get(&read.id);
        let changed = is_new || before.is_some_and(|state| *state != read.state);
        if changed && shown == Shown::Yes && only.is_none_or(|only| only.as_str() == read.state) {
            match output {
                Output::Json => print(&event.to_string()),
                Output::Text => print(&line(&read)),
            }
        }
        if matches!(read.state.as_str(), "pending" | "parked" | "unrouted") {
            self.turns.push_back(read.id.clone());
            self.states.insert(read.id, read.state);
        } else {
            self.states.remove(&read.id);
        }
        if self.turns.len() > MAX_FOLLOWED
            && let Some(oldest) = self.turns.pop_front()
        {
            self.states.remove(&oldest);
        }
    }

    /// False where it was known.
    fn remember(&mut self, id: &str) -> bool {
        if !self.seen.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

fn line(event: &Event) -> String {
    let mut words = vec![
        event.received_at.clone(),
        format!("{:<9}", event.state),
        event.id.clone(),
        event.source.clone(),
        event.r#type.clone(),
    ];
    if let Some(delivery) = event.deliveries.first() {
        words.push(format!("{} to {}", delivery.signal, event.workflows()));
    }
    let reason = event.deliveries.iter().find_map(|delivery| {
        let code = delivery.reason.as_ref()?;
        Some(format!(
            "{code}: {}",
            delivery.last_error.as_deref().unwrap_or_default()
        ))
    });
    words.extend(reason);
    words.retain(|word| !word.is_empty());
    plain(&words.join(" "))
}
