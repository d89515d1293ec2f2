//! `events retry`, `drop`, `replay`, `erase`: on one thing by its id, or in bulk by filters.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::bulk::{self, Bulk, Consent};
use super::client::{Client, Error};
use super::filter::{self, Pairs};
use super::table::plain;
use super::{End, Output, complain, print};

/// The gateway's answer while an attempt is in flight.
const IN_FLIGHT: &str = "SP-S202";
/// An attempt ends within seconds: so often, a second apart, is the same thing asked again.
const PATIENCE: usize = 10;

/// Try parked or waiting deliveries again, at once.
///
/// By a delivery's id, or every delivery that fits the filters: then the number is said first.
#[derive(Args, Debug)]
pub(super) struct Retry {
    #[command(flatten)]
    on: OnDeliveries,
}

/// Give parked or waiting deliveries up; the lanes behind them go on.
///
/// By a delivery's id, or every delivery that fits the filters: then the number is said first.
#[derive(Args, Debug)]
pub(super) struct Drop {
    #[command(flatten)]
    on: OnDeliveries,
}

#[derive(Args, Debug)]
struct OnDeliveries {
    /// The delivery's id, as `events show` has it.
    #[arg(value_name = "DELIVERY")]
    delivery: Option<String>,

    #[command(flatten)]
    filter: filter::Deliveries,

    /// Why; kept with the event and in the audit line.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    #[command(flatten)]
    consent: Consent,
}

/// Route events anew, by the routes of now.
///
/// What is unfinished of them is superseded; what was delivered before is not delivered again, unless
/// --again says so. By an event's id, or every event that fits the filters: then the number is said
/// first.
#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The event's id.
    #[arg(value_name = "EVENT")]
    event: Option<String>,

    #[command(flatten)]
    filter: filter::Events,

    /// Deliver once more what was delivered.
    #[arg(long)]
    again: bool,

    /// Why; kept with the event and in the audit line.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    #[command(flatten)]
    consent: Consent,
}

/// Remove an event's body and headers for good. What became of it stays on record.
#[derive(Args, Debug)]
pub(super) struct Erase {
    /// The event's id.
    #[arg(value_name = "EVENT")]
    event: String,

    /// Why; kept in the audit line.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Retry {
    pub(super) async fn run(self, client: &Client, output: Output) -> Result<End, Error> {
        self.on.run(client, "retry", "retried", output).await
    }
}

impl Drop {
    pub(super) async fn run(self, client: &Client, output: Output) -> Result<End, Error> {
        self.on.run(client, "drop", "dropped", output).await
    }
}

impl OnDeliveries {
    async fn run(
        self,
        client: &Client,
        action: &'static str,
        participle: &'static str,
        output: Output,
    ) -> Result<End, Error> {
        let body = with_note(self.note);
        let id = match one_or_many(self.delivery, self.filter.pairs(), "a delivery's id") {
            Ok(Subject::One(id)) => id,
            Ok(Subject::Many(pairs)) => {
                let bulk = Bulk {
                    path: ["deliveries", action],
                    things: ["delivery", "deliveries"],
                    participle,
                    filter: filter::as_object(&pairs),
                    members: body,
                };
                return bulk::run(client, bulk, self.consent, output).await;
            }
            Err(end) => return Ok(end),
        };
        let path = ["deliveries", &id, action];
        let found = patiently(client, &path, &Value::Object(body)).await;
        let found = found.map_err(|error| error.about("delivery", &id))?;
        match output {
            Output::Json => print(&found.to_string()),
            Output::Text => print(&format!("{participle} {}", delivery_line(&found))),
        }
        Ok(End::Ok)
    }
}

impl Replay {
    pub(super) async fn run(self, client: &Client, output: Output) -> Result<End, Error> {
        let mut body = with_note(self.note);
        body.insert("again".to_owned(), json!(self.again));
        let id = match one_or_many(self.event, self.filter.pairs(), "an event's id") {
            Ok(Subject::One(id)) => id,
            Ok(Subject::Many(pairs)) => {
                let bulk = Bulk {
                    path: ["events", "replay"],
                    things: ["event", "events"],
                    participle: "replayed",
                    filter: filter::as_object(&pairs),
                    members: body,
                };
                return bulk::run(client, bulk, self.consent, output).await;
            }
            Err(end) => return Ok(end),
        };
        let path = ["events", &id, "replay"];
        let found = patiently(client, &path, &Value::Object(body)).await;
        let found = found.map_err(|error| error.about("event", &id))?;
        if output == Output::Json {
            print(&found.to_string());
            return Ok(End::Ok);
        }
        let deliveries = found["deliveries"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        if deliveries.is_empty() {
            print(&format!("replayed {id}: no route takes it yet"));
        } else {
            print(&format!("replayed {id}:"));
        }
        for delivery in deliveries {
            print(&format!("  {}", delivery_line(delivery)));
        }
        Ok(End::Ok)
    }
}

impl Erase {
    pub(super) async fn run(self, client: &Client, output: Output) -> Result<End, Error> {
        let body = Value::Object(with_note(self.note));
        let found: Value = client
            .post(&["events", &self.event, "erase"], &body)
            .await
            .map_err(|error| error.about("event", &self.event))?;
        match output {
            Output::Json => print(&found.to_string()),
            Output::Text => print(&format!("erased body and headers of {}", self.event)),
        }
        Ok(End::Ok)
    }
}

enum Subject {
    One(String),
    Many(Pairs),
}

fn one_or_many(id: Option<String>, pairs: Pairs, what: &str) -> Result<Subject, End> {
    match (id, pairs.is_empty()) {
        (Some(id), true) => Ok(Subject::One(id)),
        (None, false) => Ok(Subject::Many(pairs)),
        (Some(_), false) => {
            complain(&format!("Give {what} or filters, not both."));
            Err(End::Usage)
        }
        (None, true) => {
            complain(&format!("Give {what}, or at least one filter; see --help."));
            Err(End::Usage)
        }
    }
}

fn with_note(note: Option<String>) -> Map<String, Value> {
    let note = note.map(|note| ("note".to_owned(), Value::String(note)));
    note.into_iter().collect()
}

/// Asks again while an attempt is in flight.
async fn patiently(client: &Client, path: &[&str], body: &Value) -> Result<Value, Error> {
    for _ in 0..PATIENCE {
        match client.post(path, body).await {
            Err(error) if error.code() == Some(IN_FLIGHT) => {
                complain("An attempt is in flight; waiting for its end …");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => return other,
        }
    }
    client.post(path, body).await
}

fn delivery_line(delivery: &Value) -> String {
    let text = |name: &str| delivery[name].as_str().unwrap_or_default();
    plain(&format!(
        "{}: {} {} to {} by {}",
        text("id"),
        text("state"),
        text("signal"),
        text("workflow"),
        text("route")
    ))
}
