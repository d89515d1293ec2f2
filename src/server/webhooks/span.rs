//! What the span and the log lines of a webhook say of it: names and ids, nothing that was sent.

use std::net::IpAddr;

use super::{Done, Record, of_event, outcome};
use crate::event::EventId;
use crate::inbox::Receipt;
use crate::server::refused::Refused;

/// Once it is known what became of it.
pub(super) fn describe(
    record: &mut Record,
    source: Option<&str>,
    client: IpAddr,
    result: &Result<Done, Refused>,
) {
    let Record {
        span,
        workflow,
        events,
        ..
    } = record;
    span.note("client.address", client);
    span.set("signalpost.outcome", outcome(result));
    if let Some(source) = source {
        span.note("url.path", format_args!("/hooks/{source}"));
        span.note("signalpost.source", source);
    }
    if let Some(workflow) = workflow {
        span.note("signalpost.workflow_id", workflow);
    }
    if let Some(events) = events {
        span.note("signalpost.events", events);
    }
    if let Ok(Done::One(receipt)) = result {
        let event = event(receipt);
        span.note("signalpost.event_id", event);
        if span.context().is_some() {
            tracing::Span::current().record("event", tracing::field::display(event));
        }
    }
    if let Ok(Done::Several(receipts)) = result {
        let new = |receipt: &&Receipt| of_event(receipt).label() != "duplicate";
        let new = receipts.iter().filter(new).count();
        span.note("signalpost.events_new", new);
    }
}

/// Of a duplicate the event that it repeats.
const fn event(receipt: &Receipt) -> EventId {
    match receipt {
        Receipt::Accepted { event, .. } | Receipt::Unrouted { event } => *event,
        Receipt::Duplicate { first, .. } => *first,
    }
}
