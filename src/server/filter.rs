//! The parameters of the events list, read exactly: a bad, unknown or repeated one is refused, and the
//! answer says what would be right.
//!
//! The words of a refusal are constants: nothing of a request is repeated. What a filter finds is the
//! inbox's affair.

use axum::response::{IntoResponse, Response};

use super::error::{Exposed, Failure};
use crate::clock::Timestamp;
use crate::duration;
use crate::event::State as DeliveryState;
use crate::inbox::{self, EventFilter, EventState};

/// The default and the largest page of a list.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

/// What the caller should have written.
#[derive(Debug)]
pub(super) struct BadParameter(pub(super) &'static str);

/// A failure, and the words that mend it where there are any.
#[derive(Debug)]
pub(super) struct Refusal {
    failure: Failure,
    words: Option<&'static str>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            words: None,
        }
    }
}

impl From<BadParameter> for Refusal {
    fn from(BadParameter(words): BadParameter) -> Self {
        Self {
            failure: Failure::OpsParameter,
            words: Some(words),
        }
    }
}

impl From<inbox::Error> for Refusal {
    fn from(error: inbox::Error) -> Self {
        match error {
            inbox::Error::Cursor => {
                BadParameter("cursor is the `next` of the page before, from this store").into()
            }
            other => Failure::from(other).into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.failure.into_response();
        if let Some(words) = self.words {
            response.extensions_mut().insert(Exposed(words.to_owned()));
        }
        response
    }
}

pub(super) fn read(query: &str, now: Timestamp) -> Result<EventFilter, BadParameter> {
    let mut filter = EventFilter {
        limit: PAGE,
        ..EventFilter::default()
    };
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let text = || Some(value.clone().into_owned());
        match &*name {
            "source" => filter.source = text(),
            "type" => filter.kind = text(),
            "key" => filter.key = text(),
            "workflow" => filter.workflow = text(),
            "route" => filter.route = text(),
            "cursor" => filter.cursor = text(),
            "state" => filter.state = Some(state(&value)?),
            "since" => filter.since = Some(moment(&value, now)?),
            "until" => filter.until = Some(moment(&value, now)?),
            "limit" => filter.limit = limit(&value)?,
            _ => {
                return Err(BadParameter(
                    "allowed are source, type, key, workflow, route, state, since, until, limit and cursor",
                ));
            }
        }
        if seen.contains(&name) {
            return Err(BadParameter("each parameter stands once"));
        }
        seen.push(name);
    }
    Ok(filter)
}

fn state(text: &str) -> Result<EventState, BadParameter> {
    if text == "unrouted" {
        return Ok(EventState::Unrouted);
    }
    DeliveryState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .map(EventState::Of)
        .ok_or(BadParameter(
            "state is pending, delivered, parked, dropped or unrouted",
        ))
}

/// RFC 3339, or an age such as `1h`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, BadParameter> {
    Timestamp::parse_rfc3339(text)
        .or_else(|| duration::parse(text).ok().map(|age| now.minus(age)))
        .ok_or(BadParameter(
            "since and until are RFC 3339, as in 2026-08-01T12:00:00Z (a + of an offset is written %2B), or an age such as 1h30m",
        ))
}

fn limit(text: &str) -> Result<usize, BadParameter> {
    text.parse()
        .ok()
        .filter(|number| (1..=MAX_PAGE).contains(number))
        .ok_or(BadParameter("limit is a whole number from 1 to 1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(10_000);

    #[test]
    fn every_filter_is_read() {
        let text =
            "source=s&type=t&key=k&workflow=w%201&route=r&state=parked&since=1h&limit=7&cursor=c";
        let filter = read(text, NOW).expect("a good filter");
        assert_eq!(filter.workflow.as_deref(), Some("w 1"));
        assert_eq!(filter.state, Some(EventState::Of(DeliveryState::Parked)));
        assert_eq!(filter.since, Some(Timestamp::from_seconds(6_400)));
        assert_eq!(filter.limit, 7);
    }

    #[test]
    fn bad_unknown_and_repeated_parameters_are_refused() {
        for bad in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "state=done",
            "since=5",
            "color=red",
            "source=a&source=b",
        ] {
            assert!(read(bad, NOW).is_err(), "{bad}");
        }
    }
}
