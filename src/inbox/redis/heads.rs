//! What filters look at, read without the rest: most of what a filter passes over does not fit.

use std::borrow::Cow;

use serde::Deserialize;

use super::rows::{Fields, Unreadable};
use crate::clock::Timestamp;
use crate::event::{EventId, Reason, State, Target};
use crate::inbox::{DeliveryFilter, EventFilter, EventState};

/// Of an event's document.
#[derive(Debug, Deserialize)]
pub(super) struct EventHead<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Of a delivery's document.
#[derive(Debug, Deserialize)]
pub(super) struct DeliveryHead<'a> {
    pub event: EventId,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    route: Cow<'a, str>,
    target: Target,
    pub accepted_at: Timestamp,
}

impl<'a> EventHead<'a> {
    pub(super) fn of(fields: &'a Fields) -> Result<Self, Unreadable> {
        document(fields, "an event")
    }

    /// Whether it fits, as far as its deliveries do not matter.
    pub(super) fn fits(&self, filter: &EventFilter) -> bool {
        is(filter.source.as_deref(), &self.source)
            && is(filter.kind.as_deref(), &self.kind)
            && is(filter.key.as_deref(), &self.key)
    }
}

impl<'a> DeliveryHead<'a> {
    pub(super) fn of(fields: &'a Fields) -> Result<Self, Unreadable> {
        document(fields, "a delivery")
    }

    /// From the document alone.
    pub(super) fn from_doc(doc: &'a [u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(doc).map_err(|_| Unreadable("a delivery"))
    }

    pub(super) fn fits(&self, fields: &Fields, filter: &DeliveryFilter) -> bool {
        is(filter.route.as_deref(), &self.route)
            && is(filter.workflow.as_deref(), &self.target.workflow)
            && is(filter.source.as_deref(), &self.source)
            && is(filter.state.map(State::as_str), text(fields, "state"))
            && is(filter.reason.map(Reason::code), text(fields, "reason"))
            && filter.since.is_none_or(|since| self.accepted_at >= since)
            && filter.until.is_none_or(|until| self.accepted_at <= until)
    }
}

/// Whether an event with these deliveries fits, as far as they matter: each part of the filter by any of them.
pub(super) fn any_fits(filter: &EventFilter, deliveries: &[&Fields]) -> bool {
    let heads: Vec<_> = deliveries
        .iter()
        .filter_map(|fields| Some((DeliveryHead::of(fields).ok()?, text(fields, "state"))))
        .collect();
    let any = |wanted: Option<&str>, of: &dyn Fn(&(DeliveryHead<'_>, &str)) -> bool| {
        wanted.is_none() || heads.iter().any(of)
    };
    let state = match filter.state {
        Some(EventState::Of(state)) => Some(state.as_str()),
        Some(EventState::Unrouted) => return deliveries.is_empty() && needs_none(filter),
        None => None,
    };
    let (workflow, route) = (filter.workflow.as_deref(), filter.route.as_deref());
    any(workflow, &|(head, _)| is(workflow, &head.target.workflow))
        && any(route, &|(head, _)| is(route, &head.route))
        && any(state, &|(_, found)| is(state, found))
}

fn needs_none(filter: &EventFilter) -> bool {
    filter.workflow.is_none() && filter.route.is_none()
}

fn is(wanted: Option<&str>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields
        .get(name)
        .and_then(|value| std::str::from_utf8(value).ok())
        .unwrap_or_default()
}

fn document<'a, T: Deserialize<'a>>(
    fields: &'a Fields,
    what: &'static str,
) -> Result<T, Unreadable> {
    let doc = fields.get("doc").ok_or(Unreadable(what))?;
    serde_json::from_slice(doc).map_err(|_| Unreadable(what))
}
