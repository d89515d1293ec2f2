//! A time that is too old, too new, or not written as the scheme says.

use std::cmp::Ordering;
use std::time::Duration;

use super::super::scheme::Scheme;
use super::super::spec::Unit;
use super::super::verifier::{Moment, Verifier};
use super::super::{Refusal, Source, WebhookRequest, freshness};
use super::Advice;
use crate::clock::Timestamp;
use crate::duration;
use crate::token;

const HOUR: u64 = 3600;
/// Around a whole number of hours: the offset of a zone, and the way of the request.
const NEAR: u64 = 300;
/// Doublings of a minute, which reach further than any time is written.
const MAX_STEPS: u32 = 34;

/// For a signature that holds and a time that does not.
pub(super) fn judge(
    source: &Source,
    scheme: &Scheme,
    request: &WebhookRequest,
    now: Timestamp,
) -> Vec<Advice> {
    let offer = scheme.offer(request).ok();
    let (Some(time), Some((text, at))) = (
        &scheme.time,
        offer.and_then(|offer| Some((offer.fields.timestamp, offer.at?))),
    ) else {
        return vec![of_event(source)];
    };
    let holds = |at, unit| freshness::signed(at, unit, time.tolerance, source.dedup, now).is_ok();
    if let Some((unit, name)) = other_unit(time.unit)
        && unit.read(text).is_some_and(|at| holds(at, unit))
    {
        return vec![Advice::new(
            "timestamp_unit",
            format!(
                "the timestamp is in {name}: say so in the source's `timestamp = {{ unit = … }}`"
            ),
        )];
    }
    let limit = time.tolerance.unwrap_or(source.dedup).min(source.dedup);
    vec![beyond(at, limit, now)]
}

/// Of a scheme that is code, which says no more than yes, too old and too new: asked at other times until it says yes, and then
/// where it begins to.
pub(super) fn found(
    source: &Source,
    scheme: &dyn Verifier,
    request: &WebhookRequest,
    now: Timestamp,
) -> Vec<Advice> {
    let retention = source.dedup;
    let seal = |now| scheme.verify(request, Moment { now, retention });
    // Where a time of judging lies beside those that are good.
    let judge = |at| match seal(at) {
        Ok(_) => Some(Ordering::Equal),
        Err(Refusal::Stale | Refusal::Token(token::Refusal::Expired)) => Some(Ordering::Greater),
        Err(Refusal::Future | Refusal::Token(token::Refusal::NotYet)) => Some(Ordering::Less),
        Err(_) => None,
    };
    let advice = match judge(now) {
        Some(Ordering::Equal) => Some(of_event(source)),
        Some(side) => good(judge, now, side).and_then(|good| {
            let at = seal(good).ok()?.signed_at?;
            let edge = edge(judge, good, now);
            let limit = edge.since(at).max(at.since(edge));
            Some(beyond(at, Duration::from_secs(limit.as_secs()), now))
        }),
        None => None,
    };
    advice.into_iter().collect()
}

type Side = Option<Ordering>;

/// A time at which the request is good: further and further away, and back between the last two.
fn good(judge: impl Fn(Timestamp) -> Side, now: Timestamp, side: Ordering) -> Option<Timestamp> {
    let (mut near, mut far) = (now, None);
    for step in 0..MAX_STEPS {
        let by = Duration::from_mins(1 << step);
        let at = match side {
            Ordering::Greater => now.minus(by),
            _ => now.plus(by),
        };
        match judge(at)? {
            Ordering::Equal => return Some(at),
            same if same == side => near = at,
            _ => {
                far = Some(at);
                break;
            }
        }
    }
    let mut far = far?;
    while near.since(far).max(far.since(near)) > Duration::from_millis(1) {
        let at = between(near, far);
        match judge(at)? {
            Ordering::Equal => return Some(at),
            same if same == side => near = at,
            _ => far = at,
        }
    }
    None
}

/// The last good time on the way to one that is not.
fn edge(judge: impl Fn(Timestamp) -> Side, mut good: Timestamp, mut bad: Timestamp) -> Timestamp {
    while good.since(bad).max(bad.since(good)) > Duration::from_millis(1) {
        let at = between(good, bad);
        match judge(at) {
            Some(Ordering::Equal) => good = at,
            _ => bad = at,
        }
    }
    good
}

fn between(one: Timestamp, other: Timestamp) -> Timestamp {
    Timestamp::from_millis(one.millis().midpoint(other.millis()))
}

fn of_event(source: &Source) -> Advice {
    Advice::new(
        "event_time",
        format!(
            "the event's own time (`event.time`) is not within the source's `dedup` ({}) of the time at which it is judged",
            duration::show(source.dedup)
        ),
    )
}

/// By how much a time is beyond the limit.
fn beyond(at: Timestamp, limit: Duration, now: Timestamp) -> Advice {
    let limit = duration::show(limit);
    let (past, future) = (now.since(at), at.since(now));
    let zone = if is_zone(past.max(future)) {
        " (whole hours: perhaps local time that is taken for UTC)"
    } else {
        ""
    };
    if future > Duration::ZERO {
        let amount = shown(future);
        return Advice::new(
            "timestamp_future",
            format!(
                "the request's time is {amount} ahead of the time at which it is judged, and {limit} is allowed: a clock is wrong, the sender's or ours{zone}"
            ),
        );
    }
    let amount = shown(past);
    Advice::new(
        "timestamp_old",
        format!(
            "the request's time is {amount} before the time at which it is judged, and {limit} is allowed: it waited on its way (a queue, a retry that was not signed anew), or a clock is wrong{zone}; a capture is judged at its own time with --at {}",
            at.to_rfc3339()
        ),
    )
}

fn is_zone(by: Duration) -> bool {
    let seconds = by.as_secs();
    let off = seconds % HOUR;
    (HOUR - NEAR..=14 * HOUR + NEAR).contains(&seconds) && (off <= NEAR || off >= HOUR - NEAR)
}

/// Whole seconds are enough here.
fn shown(by: Duration) -> String {
    duration::show(Duration::from_secs(by.as_secs().max(1)))
}

const fn other_unit(unit: Unit) -> Option<(Unit, &'static str)> {
    match unit {
        Unit::Seconds => Some((Unit::Millis, "milliseconds")),
        Unit::Millis => Some((Unit::Seconds, "seconds")),
        Unit::Iso => None,
    }
}

/// For a time that does not read as the scheme says.
pub(super) fn unreadable(
    scheme: &Scheme,
    request: &WebhookRequest,
    refusal: &Refusal,
) -> Option<Advice> {
    let header = scheme.names_in(request).timestamp.as_ref()?;
    if *refusal != Refusal::Malformed(header.to_string()) {
        return None;
    }
    let text = request.headers.get(header)?.to_str().ok()?;
    let form = if Timestamp::parse_rfc3339(text).is_some() {
        "in RFC 3339"
    } else if text.parse::<f64>().is_ok() {
        "a number with a sign or a fraction"
    } else {
        "no number"
    };
    Some(Advice::new(
        "timestamp_form",
        format!("the timestamp in `{header}` is {form}: the scheme reads digits and nothing else"),
    ))
}
