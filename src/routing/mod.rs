//! What does it mean? From an event to its deliveries. Pure.
//!
//! `matcher` looks up by source and type which routes an event may take; this file asks each of
//! them in the order of the file, `delivery` renders what a matching one says, and `schema` judges what it renders. May
//! import `expr`, `token` and what lies below them.

mod delivery;
mod matcher;
mod recursion;
mod request_id;
pub mod schema;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{AfterPark, Closed, Delivery, Event, IdReuse};
use crate::expr::template::{JsonTemplate, Template};
use crate::expr::{Body, Error, EventFields, Expr, Variables};
use crate::token;
use matcher::Matcher;
pub use request_id::renewed;
use schema::{Contract, Fault, OnInvalid};

/// One `[[routes]]`, compiled.
#[derive(Debug)]
pub struct Route {
    pub name: Arc<str>,
    pub on: On,
    pub when: Option<Expr>,
    /// Roles of which the sender needs one; none: whoever the source lets in. Never an empty list.
    pub allow: Option<Vec<String>>,
    pub effect: Effect,
    pub stop: bool,
}

/// Event types: exact, or a prefix with trailing `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    Every,
    Types(Vec<String>),
}

#[derive(Debug)]
pub enum Effect {
    /// `drop = true`
    Drop,
    Signal(Box<Signal>),
}

#[derive(Debug)]
pub struct Signal {
    pub namespace: Arc<str>,
    pub workflow: Template,
    pub signal: Template,
    /// None: the body as sent.
    pub args: Option<JsonTemplate>,
    pub missing: MissingRule,
    pub closed: ClosedRule,
    pub lane: LaneRules,
    /// What the arguments must look like; none: anything.
    pub contract: Option<Contract>,
}

/// What a route asks of the lanes of its workflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneRules {
    pub after_park: AfterPark,
    /// Least time between two attempts at one workflow.
    pub pace_ms: Option<u32>,
}

/// `missing` as compiled: start arguments are still templates.
#[derive(Debug)]
pub enum MissingRule {
    Fixed(crate::event::Missing),
    Start(StartRule),
}

/// `closed` as compiled.
#[derive(Debug)]
pub enum ClosedRule {
    Fixed(Closed),
    Start(StartRule),
}

/// `start = { … }` as compiled.
#[derive(Debug)]
pub struct StartRule {
    pub workflow_type: String,
    pub task_queue: String,
    pub id_reuse: IdReuse,
    /// None: no arguments.
    pub args: Option<JsonTemplate>,
}

/// What one route whose `on` fits says to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Match,
    WhenFalse,
    /// An error in `when`, such as a field that is not there, is no match.
    WhenFailed(Error),
    /// None of the sender's roles is allowed. It is as if the route were not there: it stops nothing.
    Forbidden,
    /// An earlier match says `stop`.
    Stopped,
}

/// Why an event is not taken at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Routes match, and every one of them is for other roles than the sender's.
    #[error("none of the sender's roles is allowed by any route that matches")]
    Forbidden,
    /// A route that matches says `invalid = "refuse"`.
    #[error(transparent)]
    Invalid(Invalid),
}

impl Refusal {
    /// The stable label of metrics and logs.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Forbidden => "role",
            Self::Invalid(_) => "schema",
        }
    }
}

/// The arguments that a route made of an event do not fit its schema. Names places, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the arguments do not fit {schema}: {}", listed(.faults))]
pub struct Invalid {
    pub route: Arc<str>,
    /// The file as the routing file names it.
    pub schema: String,
    pub faults: Vec<Fault>,
}

fn listed(faults: &[Fault]) -> String {
    let texts: Vec<_> = faults.iter().map(Fault::to_string).collect();
    texts.join("; ")
}

/// All routes, by source and then by event type: looked up, not scanned.
#[derive(Debug, Default)]
pub struct Routes {
    /// In the order of the file, each with the sources it names.
    routes: Vec<(Vec<Arc<str>>, Route)>,
    sources: HashMap<Arc<str>, Matcher>,
}

impl Routes {
    /// `routes` in the order of the file, each with the sources it names.
    #[must_use]
    pub fn new(routes: Vec<(Vec<Arc<str>>, Route)>) -> Self {
        let mut all = Self::default();
        for (sources, route) in routes {
            for source in &sources {
                let matcher = all.sources.entry(Arc::clone(source)).or_default();
                matcher.add(all.routes.len(), &route.on);
            }
            all.routes.push((sources, route));
        }
        all
    }

    /// In the order of the file, each with the sources it names.
    pub fn iter(&self) -> impl Iterator<Item = (&Route, &[Arc<str>])> {
        self.routes
            .iter()
            .map(|(sources, route)| (route, sources.as_slice()))
    }

    /// The deliveries of an event whose sender has these roles, in the order of the file; none: unrouted.
    pub fn resolve(&self, event: &Event, roles: &[String]) -> Result<Vec<Delivery>, Refusal> {
        match self.render(event, roles) {
            (_, Some(refusal)) => Err(refusal),
            (deliveries, None) => Ok(deliveries),
        }
    }

    /// The same for an event that is kept already and cannot be refused any more: where roles do not suffice it has no
    /// deliveries, and where a route would refuse it, that route's are parked.
    #[must_use]
    pub fn resolve_kept(&self, event: &Event, roles: &[String]) -> Vec<Delivery> {
        self.render(event, roles).0
    }

    fn render(&self, event: &Event, roles: &[String]) -> (Vec<Delivery>, Option<Refusal>) {
        let mut deliveries = Vec::new();
        let (mut matched, mut forbidden) = (false, false);
        let mut invalid = None;
        self.consider(event, roles, |route, verdict, vars| match verdict {
            Verdict::Match => {
                matched = true;
                if let Err(misfit) = delivery::render(route, event, vars, &mut deliveries) {
                    invalid.get_or_insert(misfit);
                }
            }
            Verdict::Forbidden => forbidden = true,
            Verdict::WhenFalse | Verdict::WhenFailed(_) | Verdict::Stopped => {}
        });
        let forbidden = (forbidden && !matched).then_some(Refusal::Forbidden);
        (deliveries, invalid.map(Refusal::Invalid).or(forbidden))
    }

    /// What each route whose source and `on` fit says to an event, in the order of the file: [`Self::resolve`] step by
    /// step, for `explain`.
    #[must_use]
    pub fn verdicts(&self, event: &Event, roles: &[String]) -> Vec<(&Route, Verdict)> {
        let mut verdicts = Vec::new();
        self.consider(event, roles, |route, verdict, _| {
            verdicts.push((route, verdict));
        });
        verdicts
    }

    /// Asks every route whose source and `on` fit, and tells `visit` what each one said.
    fn consider<'r>(
        &'r self,
        event: &Event,
        roles: &[String],
        mut visit: impl FnMut(&'r Route, Verdict, &Variables<'_>),
    ) {
        let Some(matcher) = self.sources.get(&event.source) else {
            return;
        };
        let candidates = matcher.candidates(&event.kind);
        if candidates.is_empty() {
            return;
        }
        let (id, received_at) = (event.id.to_string(), event.received_at.to_rfc3339());
        let vars = variables(event, &id, &received_at);
        let mut stopped = false;
        for (_, route) in candidates.iter().filter_map(|&at| self.routes.get(at)) {
            let verdict = if stopped {
                Verdict::Stopped
            } else {
                route.judge(&vars, roles)
            };
            stopped |= route.stop && verdict == Verdict::Match;
            visit(route, verdict, &vars);
        }
    }
}

impl Route {
    fn judge(&self, vars: &Variables<'_>, roles: &[String]) -> Verdict {
        match self.when.as_ref().map(|when| when.test(vars)) {
            None | Some(Ok(true)) if self.allows(roles) => Verdict::Match,
            None | Some(Ok(true)) => Verdict::Forbidden,
            Some(Ok(false)) => Verdict::WhenFalse,
            Some(Err(error)) => Verdict::WhenFailed(error),
        }
    }

    fn allows(&self, roles: &[String]) -> bool {
        self.allow
            .as_ref()
            .is_none_or(|allow| token::allows(allow, roles))
    }
}

fn variables<'a>(event: &'a Event, id: &'a str, received_at: &'a str) -> Variables<'a> {
    Variables {
        body: Some(Body {
            content: &event.content,
            raw: &event.body,
        }),
        request: event.item.as_ref().map(|item| Body {
            content: &item.whole_content,
            raw: &item.whole,
        }),
        headers: &event.headers,
        query: &event.query,
        claims: event.claims.as_ref(),
        event: Some(EventFields {
            id,
            source: &event.source,
            key: &event.key.text,
            kind: &event.kind,
            received_at,
        }),
        ..Variables::default()
    }
}
