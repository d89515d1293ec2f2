//! What does it mean? From an event to its deliveries. Pure.

use std::sync::Arc;

use crate::event::{Closed, Delivery, Event};
use crate::expr::Expr;
use crate::expr::template::{JsonTemplate, Template};

/// One `[[routes]]`, compiled.
#[derive(Debug)]
pub struct Route {
    pub name: Arc<str>,
    pub on: On,
    pub when: Option<Expr>,
    pub effect: Effect,
    pub stop: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    Every,
    Types(Vec<String>),
} // exact, or a prefix with trailing `*`

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
    pub closed: Closed,
}

/// `missing` as compiled: start arguments are still templates.
#[derive(Debug)]
pub enum MissingRule {
    Fixed(crate::event::Missing),
    Start {
        workflow_type: String,
        task_queue: String,
        args: Option<JsonTemplate>,
    },
}

/// All routes, by source and then by event type: looked up, not scanned.
#[derive(Debug, Default)]
pub struct Routes {}

impl Routes {
    /// `routes` in the order of the file, each with the sources it names.
    #[must_use]
    pub fn new(_routes: Vec<(Vec<Arc<str>>, Route)>) -> Self {
        unimplemented!()
    }
    /// The deliveries of an event, in the order of the file; none: unrouted.
    #[must_use]
    pub fn resolve(&self, _event: &Event) -> Vec<Delivery> {
        unimplemented!()
    }
}
