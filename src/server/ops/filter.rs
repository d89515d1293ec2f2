//! The parameters of lists and bulk actions: read, checked, and named where they are wrong.
//!
//! A query string and the `filter` of a bulk action are the same pairs of text. Time is an argument.

use super::refusal::Refusal;
use crate::clock::Timestamp;
use crate::duration;
use crate::event::{Reason, State};
use crate::inbox::{DeliveryFilter, EventFilter, EventState};

/// The default and the largest page of a list.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

const EVENT_FIELDS: &str = "source, type, key, workflow, route, state, since, until";
const DELIVERY_FIELDS: &str = "state, reason, route, workflow, source, since, until";
const MOMENT: &str = "RFC 3339, as in 2026-08-01T12:00:00Z (a + of an offset is written %2B in a URL), or an age such as 1h30m";

/// Whether a page can be asked for beside the filter itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paging {
    Allowed,
    /// A bulk action walks the pages by itself.
    None,
}

/// Reads the filter of events.
pub(super) fn events(
    pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    paging: Paging,
    now: Timestamp,
) -> Result<EventFilter, Refusal> {
    let mut filter = EventFilter {
        limit: PAGE,
        ..EventFilter::default()
    };
    let mut seen = Once::default();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        let text = || Some(value.to_owned());
        match name {
            "source" => filter.source = text(),
            "type" => filter.kind = text(),
            "key" => filter.key = text(),
            "workflow" => filter.workflow = text(),
            "route" => filter.route = text(),
            "state" => filter.state = Some(event_state(value)?),
            "since" => filter.since = Some(since(value, now)?),
            "until" => filter.until = Some(until(value, now)?),
            "cursor" if paging == Paging::Allowed => filter.cursor = text(),
            "limit" if paging == Paging::Allowed => filter.limit = limit(value)?,
            _ => return Err(unknown(EVENT_FIELDS, paging, "limit, cursor")),
        }
        seen.note(name)?;
    }
    Ok(filter)
}

/// Reads the filter of deliveries.
pub(super) fn deliveries(
    pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    paging: Paging,
    now: Timestamp,
) -> Result<DeliveryFilter, Refusal> {
    let mut filter = DeliveryFilter {
        limit: PAGE,
        ..DeliveryFilter::default()
    };
    let mut seen = Once::default();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        let text = || Some(value.to_owned());
        match name {
            "state" => filter.state = Some(delivery_state(value)?),
            "reason" => filter.reason = Some(reason(value)?),
            "route" => filter.route = text(),
            "workflow" => filter.workflow = text(),
            "source" => filter.source = text(),
            "since" => filter.since = Some(since(value, now)?),
            "until" => filter.until = Some(until(value, now)?),
            "cursor" if paging == Paging::Allowed => filter.cursor = text(),
            "limit" if paging == Paging::Allowed => filter.limit = limit(value)?,
            "order" if paging == Paging::Allowed => filter.ascending = ascending(value)?,
            _ => return Err(unknown(DELIVERY_FIELDS, paging, "limit, cursor, order")),
        }
        seen.note(name)?;
    }
    Ok(filter)
}

/// The known names that have stood already.
#[derive(Debug, Default)]
struct Once(Vec<String>);

impl Once {
    fn note(&mut self, name: &str) -> Result<(), Refusal> {
        if self.0.iter().any(|seen| seen == name) {
            return Err(Refusal::parameter("Each parameter stands once."));
        }
        self.0.push(name.to_owned());
        Ok(())
    }
}

fn unknown(fields: &str, paging: Paging, pages: &str) -> Refusal {
    match paging {
        Paging::Allowed => Refusal::parameter(format!("The parameters are {fields}, {pages}.")),
        Paging::None => Refusal::parameter(format!("The members of `filter` are {fields}.")),
    }
}

fn find_state(text: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| state.as_str() == text)
}

fn event_state(text: &str) -> Result<EventState, Refusal> {
    if text == "unrouted" {
        return Ok(EventState::Unrouted);
    }
    find_state(text).map(EventState::Of).ok_or_else(|| {
        Refusal::parameter("`state` is unrouted, pending, parked, delivered or dropped.")
    })
}

fn delivery_state(text: &str) -> Result<State, Refusal> {
    find_state(text)
        .ok_or_else(|| Refusal::parameter("`state` is pending, parked, delivered or dropped."))
}

fn reason(text: &str) -> Result<Reason, Refusal> {
    Reason::from_code(text)
        .ok_or_else(|| Refusal::parameter("`reason` is a code of deliveries such as SP-D201."))
}

fn ascending(text: &str) -> Result<bool, Refusal> {
    match text {
        "asc" => Ok(true),
        "desc" => Ok(false),
        _ => Err(Refusal::parameter("`order` is asc or desc.")),
    }
}

fn limit(text: &str) -> Result<usize, Refusal> {
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_PAGE).contains(limit))
        .ok_or_else(|| {
            Refusal::parameter(format!("`limit` is a whole number from 1 to {MAX_PAGE}."))
        })
}

fn since(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    moment(text, now).ok_or_else(|| Refusal::parameter(format!("`since` is {MOMENT}.")))
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    moment(text, now).ok_or_else(|| Refusal::parameter(format!("`until` is {MOMENT}.")))
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| duration::parse(text).ok().map(|age| now.minus(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(10_000);

    fn pairs(query: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    #[test]
    fn every_filter_is_read() {
        let query =
            "source=s&type=t&key=k&workflow=w%201&route=r&state=parked&since=1h&limit=7&cursor=c";
        let filter = events(pairs(query), Paging::Allowed, NOW).unwrap();
        assert_eq!(filter.workflow.as_deref(), Some("w 1"));
        assert_eq!(filter.state, Some(EventState::Of(State::Parked)));
        assert_eq!(filter.since, Some(Timestamp::from_seconds(6_400)));
        assert_eq!(filter.limit, 7);
        let query = "state=parked&reason=SP-D201&route=r&workflow=w&source=s&until=1m&order=asc";
        let filter = deliveries(pairs(query), Paging::Allowed, NOW).unwrap();
        assert_eq!(filter.reason, Some(Reason::WorkflowMissing));
        assert_eq!(filter.until, Some(Timestamp::from_seconds(9_940)));
        assert!(filter.ascending);
    }

    #[test]
    fn bad_unknown_and_repeated_parameters_are_refused() {
        for bad in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "state=done",
            "since=5",
            "reason=SP-X1",
            "order=up",
            "color=red",
            "source=a&source=b",
        ] {
            assert!(
                deliveries(pairs(bad), Paging::Allowed, NOW).is_err(),
                "{bad}"
            );
            assert!(events(pairs(bad), Paging::Allowed, NOW).is_err(), "{bad}");
        }
        for paging in ["limit=5", "cursor=c", "order=asc"] {
            assert!(deliveries(pairs(paging), Paging::None, NOW).is_err());
        }
        assert!(deliveries(pairs("state=unrouted"), Paging::None, NOW).is_err());
    }
}
