//! The API's filters as flags.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

/// Pairs of the API's names and what was asked for.
pub(in crate::cli) type Pairs = Vec<(&'static str, String)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EventState {
    Unrouted,
    Pending,
    Parked,
    Delivered,
    Dropped,
}

impl EventState {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unrouted => "unrouted",
            Self::Pending => "pending",
            Self::Parked => "parked",
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
        }
    }
}

/// States in which something can be done about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Unfinished {
    Parked,
    Pending,
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct Events {
    /// Only of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only of this event type.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only with this event key, which is the provider's id of the event where it has one.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only with a delivery to this workflow id.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Only with a delivery by this route.
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Only with a delivery in this state, or without any.
    #[arg(long, value_name = "STATE")]
    pub(super) state: Option<EventState>,
    /// Received then or later: RFC 3339, or an age such as 1h.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Received then or earlier: RFC 3339, or an age such as 1h.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct Deliveries {
    /// Only in this state; without it: parked.
    #[arg(long, value_name = "STATE")]
    state: Option<Unfinished>,
    /// Only for this reason, a code such as SP-D201.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only by this route.
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Only to this workflow id.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Only of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Accepted then or later: RFC 3339, or an age such as 1h.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Accepted then or earlier: RFC 3339, or an age such as 1h.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Events {
    pub(super) fn pairs(self) -> Pairs {
        given([
            ("source", self.source),
            ("type", self.kind),
            ("key", self.key),
            ("workflow", self.workflow),
            ("route", self.route),
            ("state", self.state.map(|state| state.as_str().to_owned())),
            ("since", self.since),
            ("until", self.until),
        ])
    }
}

impl Deliveries {
    pub(super) fn pairs(self) -> Pairs {
        let state = self.state.map(|state| match state {
            Unfinished::Parked => "parked".to_owned(),
            Unfinished::Pending => "pending".to_owned(),
        });
        given([
            ("state", state),
            ("reason", self.reason),
            ("route", self.route),
            ("workflow", self.workflow),
            ("source", self.source),
            ("since", self.since),
            ("until", self.until),
        ])
    }
}

fn given<const N: usize>(all: [(&'static str, Option<String>); N]) -> Pairs {
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The `filter` of a bulk action.
pub(super) fn as_object(pairs: &Pairs) -> Value {
    let members = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())));
    Value::Object(members.collect::<Map<_, _>>())
}
