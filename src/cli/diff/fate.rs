//! What becomes of one stored event by a plan, and what is different by another one. Pure.

use serde::Serialize;

use crate::config::Plan;
use crate::event::{Delivery, Event, State, Target};
use crate::routing;

/// What would become of an event.
#[derive(Debug)]
pub(super) enum Fate {
    Refused(String),
    /// Kept, and sent nowhere.
    Unrouted,
    Routed(Vec<Delivery>),
}

/// How an event fares otherwise, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Effect {
    Refused,
    Lost,
    Parked,
    Dropped,
    Elsewhere,
    Arguments,
    Rules,
    Signalled,
    Kept,
}

impl Effect {
    /// After a number of events.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Refused => "would be refused",
            Self::Lost => "would be lost: no route takes them any more",
            Self::Parked => "would be parked",
            Self::Dropped => "would be dropped by a route",
            Self::Elsewhere => "would go elsewhere",
            Self::Arguments => "would get other arguments",
            Self::Rules => {
                "would go the same way by other routes, by other rules or in another order"
            }
            Self::Signalled => "would be signalled that are not now",
            Self::Kept => "would be kept, unrouted, that are refused now",
        }
    }
}

impl Fate {
    /// As the gateway decides on a request, save the proof: source, caller, body, roles, routes.
    pub(super) fn of(event: &Event, plan: &Plan) -> Self {
        let refused = |why: &str| Self::Refused(why.to_owned());
        let Some(source) = plan.sources.get(&event.source) else {
            return refused("there is no such source (404)");
        };
        if source.trust().is_some() && source.speaker(event).is_none() {
            return refused("the source trusts nobody who vouches for the sender (401)");
        }
        let event = match source.reread(event) {
            Ok(event) => event,
            Err(why) => return Self::Refused(format!("{why} (400)")),
        };
        match plan.route(&event) {
            Err(why @ routing::Refusal::Forbidden) => Self::Refused(format!("{why} (403)")),
            Err(why @ routing::Refusal::Invalid(_)) => Self::Refused(format!("{why} (400)")),
            Ok(deliveries) if !deliveries.is_empty() => Self::Routed(deliveries),
            Ok(_) if source.refuse_unrouted => refused("no route takes it (404)"),
            Ok(_) => Self::Unrouted,
        }
    }

    /// None: the same in every respect.
    pub(super) fn effect_of(&self, new: &Self) -> Option<Effect> {
        match (self, new) {
            (Self::Refused(_), Self::Refused(_)) | (Self::Unrouted, Self::Unrouted) => None,
            (Self::Unrouted | Self::Routed(_), Self::Refused(_)) => Some(Effect::Refused),
            (Self::Routed(_), Self::Unrouted) => Some(Effect::Lost),
            (Self::Refused(_), Self::Unrouted) => Some(Effect::Kept),
            (Self::Refused(_) | Self::Unrouted, Self::Routed(new)) => deliveries(&[], new),
            (Self::Routed(old), Self::Routed(new)) => deliveries(old, new),
        }
    }
}

fn deliveries(old: &[Delivery], new: &[Delivery]) -> Option<Effect> {
    if old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same(old, new)) {
        return None;
    }
    let parked = |all: &[Delivery]| all.iter().filter(|it| it.state == State::Parked).count();
    if parked(new) > parked(old) {
        return Some(Effect::Parked);
    }
    let (before, after) = (sent(old), sent(new));
    Some(match (before.is_empty(), after.is_empty()) {
        (_, true) => Effect::Dropped,
        (true, false) => Effect::Signalled,
        (false, false) if targets(&before) != targets(&after) => Effect::Elsewhere,
        (false, false) if before != after => Effect::Arguments,
        (false, false) => Effect::Rules,
    })
}

/// All that is decided at acceptance. Not the request id: it follows from the rest and the event.
fn is_same(old: &Delivery, new: &Delivery) -> bool {
    old.route == new.route
        && old.target == new.target
        && old.args == new.args
        && old.rules == new.rules
        && (old.state, old.reason) == (new.state, new.reason)
}

/// Where signals go and with which arguments, whatever their order.
fn sent(deliveries: &[Delivery]) -> Vec<(&Target, &str)> {
    let pending = deliveries.iter().filter(|it| it.state == State::Pending);
    let mut sent: Vec<_> = pending.map(|it| (&it.target, &*it.args)).collect();
    let place = |target: &&Target| {
        let Target {
            namespace,
            workflow,
            signal,
        } = (*target).clone();
        (namespace, workflow, signal)
    };
    sent.sort_by_cached_key(|(target, args)| (place(target), (*args).to_owned()));
    sent
}

fn targets<'d>(sent: &[(&'d Target, &str)]) -> Vec<&'d Target> {
    sent.iter().map(|(target, _)| *target).collect()
}
