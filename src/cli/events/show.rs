//! `events show`: one event, what became of it, why, and what to do.

use clap::Args;
use serde_json::Value;

use super::answer::{Delivery, Event, Note};
use super::client::{Client, Error};
use super::table::{plain, plain_lines};
use super::{End, Output, advice, print};

/// Show one event: its deliveries, the reasons, and what to do.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The event's id, as `events list` and the gateway's answer to a webhook have it.
    #[arg(value_name = "EVENT")]
    event: String,

    /// With headers and body. The token needs the role `act`.
    #[arg(long)]
    body: bool,

    /// Look in the workflows' histories for the signals.
    #[arg(long)]
    proof: bool,
}

pub(super) async fn run(
    client: &Client,
    arguments: &Arguments,
    output: Output,
) -> Result<End, Error> {
    let mut query = Vec::new();
    if arguments.body {
        query.push(("body", "true".to_owned()));
    }
    if arguments.proof {
        query.push(("proof", "true".to_owned()));
    }
    let found: Value = client
        .get(&["events", &arguments.event], &query)
        .await
        .map_err(|error| error.about("event", &arguments.event))?;
    match output {
        Output::Json => print(&found.to_string()),
        Output::Text => match serde_json::from_value::<Event>(found) {
            Ok(event) => lines(&event, arguments.proof)
                .iter()
                .for_each(|line| print(line)),
            Err(error) => return Err(Error::BrokeOff(error.to_string())),
        },
    }
    Ok(End::Ok)
}

fn lines(event: &Event, proof: bool) -> Vec<String> {
    let mut lines = vec![
        field("event", &event.id),
        field("source", &event.source),
        field("type", &event.r#type),
        field("key", &event.key),
        field("received", &event.received_at),
        field("state", &event.state),
    ];
    if let Some(number) = event.item {
        lines.push(field("item", &format!("{number} of its request, from 0")));
    }
    if event.duplicates > 0 {
        let conflicts = event.conflicts;
        let text = format!(
            "{}, {conflicts} of them with another body",
            event.duplicates
        );
        lines.push(field("repeats", &text));
    }
    if let Some(at) = &event.erased_at {
        lines.push(field("erased", at));
    }
    if event.deliveries.is_empty() {
        lines.push(String::new());
        lines.push("No route took it. Add one to the routing file, then:".to_owned());
        lines.push(format!("  signalpost events replay {}", event.id));
    }
    for delivery in &event.deliveries {
        lines.push(String::new());
        lines.extend(of_delivery(delivery));
        if proof {
            lines.extend(of_proof(delivery));
        }
        lines.extend(what_to_do(delivery, event));
    }
    lines.extend(of_notes(&event.notes));
    lines.extend(of_content(event));
    lines
}

fn field(name: &str, value: &str) -> String {
    format!("{name:<9} {}", plain(value)).trim_end().to_owned()
}

fn of_delivery(delivery: &Delivery) -> Vec<String> {
    let mut lines = vec![field("delivery", &delivery.id)];
    let mut add = |name: &str, value: &str| lines.push(format!("  {}", field(name, value)));
    add("route", &delivery.route);
    if !delivery.workflow.is_empty() {
        let (signal, workflow) = (&delivery.signal, &delivery.workflow);
        let namespace = &delivery.namespace;
        add("signal", &format!("{signal} to {workflow} in {namespace}"));
    }
    let mut state = delivery.state.clone();
    if let Some(at) = delivery.settled_at.as_ref() {
        state = format!("{state} since {at}");
    } else if let Some(at) = delivery.next_attempt_at.as_ref() {
        state = format!("{state}, due at {at}");
    }
    add("state", &state);
    if let Some(code) = &delivery.reason {
        let meaning = advice::of(code).map_or("", |advice| advice.meaning);
        add("reason", &format!("{code}: {meaning}"));
    }
    if let Some(error) = &delivery.last_error {
        add("error", error);
    }
    add("attempts", &delivery.attempts.to_string());
    add("request", &delivery.request_id);
    if let Some(run) = &delivery.run_id {
        add("run", run);
    }
    if let Some(trace) = &delivery.trace_id {
        add("trace", trace);
    }
    lines
}

fn of_proof(delivery: &Delivery) -> Vec<String> {
    let text = match (&delivery.proof, &delivery.proof_unknown) {
        (Some(proof), _) => {
            format!(
                "event {} of run {} at {}",
                proof.event_id, proof.run_id, proof.time
            )
        }
        (None, Some(why)) => format!("not to be had: {why}"),
        (None, None) => "its signal stands in no history of the workflow".to_owned(),
    };
    let mut lines = vec![format!("  {}", field("proof", &text))];
    let url = delivery.proof.as_ref().and_then(|proof| proof.url.as_ref());
    lines.extend(url.map(|url| format!("  {}", field("", url))));
    lines
}

/// For what is parked: the runbook's words on the reason, and the commands.
fn what_to_do(delivery: &Delivery, event: &Event) -> Vec<String> {
    if delivery.state != "parked" {
        return Vec::new();
    }
    let advice = delivery.reason.as_deref().and_then(advice::of);
    let advice = advice.map_or_else(|| "See to the cause.".to_owned(), |advice| advice.text);
    let mut lines = vec![String::new()];
    lines.extend(advice.lines().map(|line| format!("  {line}")));
    lines.extend([
        String::new(),
        format!(
            "  signalpost events retry {}   once the cause is gone",
            delivery.id
        ),
        format!("  signalpost events replay {}  to route it anew", event.id),
        format!("  signalpost events drop {}    to give it up", delivery.id),
    ]);
    lines
}

fn of_notes(notes: &[Note]) -> Vec<String> {
    let line = |note: &Note| {
        let subject = note.delivery.as_deref().unwrap_or("the event");
        let text = note.text.as_deref().map(|text| format!(": {text}"));
        plain(&format!(
            "{} {} of {subject} by {}{}",
            note.at,
            note.action,
            note.who,
            text.unwrap_or_default()
        ))
    };
    let mut lines: Vec<_> = notes.iter().map(line).collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn of_content(event: &Event) -> Vec<String> {
    let Some(headers) = &event.headers else {
        return Vec::new();
    };
    let mut lines = vec![String::new()];
    lines.extend(
        headers
            .iter()
            .map(|(name, value)| plain(&format!("{name}: {value}"))),
    );
    lines.push(String::new());
    match (&event.body, &event.body_base64) {
        (Some(text), _) => lines.push(plain_lines(text)),
        (None, Some(base64)) => lines.push(format!("not UTF-8, in base64: {base64}")),
        (None, None) => {}
    }
    lines
}
