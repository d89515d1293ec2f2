//! What a matching route says about an event: the signals to send, or why there are none.
//!
//! Nothing vanishes here (P3): a template that cannot be rendered is a parked delivery that says
//! so, and `drop = true` is a dropped one.

use std::sync::Arc;

use super::request_id::request_id;
use super::{ClosedRule, Effect, MissingRule, Route, Signal, StartRule};
use crate::event::{
    Closed, Delivery, Event, MAX_NAME, Missing, Reason, Rules, Start, State, Target,
};
use crate::expr::{Error, Variables};

/// For one event of one route; a workflow that must reach more passes the signal on.
const MAX_WORKFLOWS: usize = 100;

/// Why a route gives no signal, or one of its ids none.
struct Failure {
    reason: Reason,
    error: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Reason::TemplateFailed, error.0)
    }
}

impl Failure {
    fn new(reason: Reason, error: impl Into<String>) -> Self {
        Self {
            reason,
            error: error.into(),
        }
    }
}

/// What all signals of one route share.
struct Rendered {
    signal: String,
    args: String,
    rules: Rules,
}

pub(super) fn render(
    route: &Route,
    event: &Event,
    vars: &Variables<'_>,
    deliveries: &mut Vec<Delivery>,
) {
    let signal = match &route.effect {
        Effect::Signal(signal) => signal,
        Effect::Drop => {
            let draft = draft(route, event, nowhere(""));
            return deliveries.push(settled(draft, State::Dropped, Reason::RouteDrops, None));
        }
    };
    let parked = |workflow: &str, failure: Failure| {
        let mut target = nowhere(&signal.namespace);
        workflow.clone_into(&mut target.workflow);
        signal
            .signal
            .constant()
            .unwrap_or_default()
            .clone_into(&mut target.signal);
        let mut draft = draft(route, event, target);
        draft.rules.after_park = signal.lane.after_park;
        settled(draft, State::Parked, failure.reason, Some(failure.error))
    };
    let ids = match workflows(signal, vars) {
        Ok(ids) => ids,
        Err(failure) => return deliveries.push(parked("", failure)),
    };
    let rendered = match shared(signal, vars) {
        Ok(rendered) => rendered,
        Err(failure) => {
            let known = match ids.as_slice() {
                [only] if bad_id(only).is_none() => only,
                _ => "",
            };
            return deliveries.push(parked(known, failure));
        }
    };
    let mut bad = None;
    for id in ids {
        if let Some(failure) = bad_id(&id) {
            bad = bad.or(Some(failure));
            continue;
        }
        let mut delivery = draft(route, event, rendered.target(signal, id));
        delivery.args.clone_from(&rendered.args);
        delivery.rules = rendered.rules.clone();
        deliveries.push(delivery);
    }
    // One for all of them: they have no id that could tell them apart.
    deliveries.extend(bad.map(|failure| parked("", failure)));
}

/// The ids the route names, each once, in order.
fn workflows(signal: &Signal, vars: &Variables<'_>) -> Result<Vec<String>, Failure> {
    let mut seen = std::collections::HashSet::new();
    let mut ids = signal.workflow.list(vars)?;
    ids.retain(|id| seen.insert(id.clone()));
    if ids.is_empty() {
        return Err(Failure::new(
            Reason::NoWorkflowId,
            "the list of workflow ids is empty",
        ));
    }
    if ids.len() > MAX_WORKFLOWS {
        return Err(Failure::new(
            Reason::TooManyWorkflows,
            format!("the list names {} workflows", ids.len()),
        ));
    }
    Ok(ids)
}

fn bad_id(id: &str) -> Option<Failure> {
    let error = if id.is_empty() {
        "the workflow id is empty".to_owned()
    } else if id.len() > MAX_NAME {
        format!("the workflow id is {} bytes long", id.len())
    } else {
        return None;
    };
    Some(Failure::new(Reason::BadWorkflowId, error))
}

fn shared(signal: &Signal, vars: &Variables<'_>) -> Result<Rendered, Failure> {
    let name = signal.signal.text(vars)?;
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Failure::new(
            Reason::BadArgument,
            format!("the signal name is {} bytes long", name.len()),
        ));
    }
    let args = match &signal.args {
        Some(args) => args.json(vars)?,
        None => body(vars)?,
    };
    Ok(Rendered {
        signal: name,
        args,
        rules: Rules {
            missing: missing(&signal.missing, vars)?,
            closed: closed(&signal.closed, vars)?,
            after_park: signal.lane.after_park,
            pace_ms: signal.lane.pace_ms,
        },
    })
}

/// The body as sent, as the only argument.
fn body(vars: &Variables<'_>) -> Result<String, Error> {
    match &vars.body {
        Some(body) => body.json().map(|json| format!("[{json}]")),
        None => Ok("[]".to_owned()),
    }
}

fn missing(rule: &MissingRule, vars: &Variables<'_>) -> Result<Missing, Error> {
    match rule {
        MissingRule::Fixed(missing) => Ok(missing.clone()),
        MissingRule::Start(rule) => start(rule, vars).map(Missing::Start),
    }
}

fn closed(rule: &ClosedRule, vars: &Variables<'_>) -> Result<Closed, Error> {
    match rule {
        ClosedRule::Fixed(closed) => Ok(closed.clone()),
        ClosedRule::Start(rule) => start(rule, vars).map(Closed::Start),
    }
}

fn start(rule: &StartRule, vars: &Variables<'_>) -> Result<Start, Error> {
    let args = match &rule.args {
        Some(args) => args.json(vars)?,
        None => "[]".to_owned(),
    };
    Ok(Start {
        workflow_type: rule.workflow_type.clone(),
        task_queue: rule.task_queue.clone(),
        args,
        id_reuse: rule.id_reuse,
    })
}

impl Rendered {
    fn target(&self, signal: &Signal, workflow: String) -> Target {
        Target {
            namespace: signal.namespace.to_string(),
            workflow,
            signal: self.signal.clone(),
        }
    }
}

fn nowhere(namespace: &str) -> Target {
    Target {
        namespace: namespace.to_owned(),
        workflow: String::new(),
        signal: String::new(),
    }
}

/// Ended as it began: no attempt will be made.
fn settled(delivery: Delivery, state: State, reason: Reason, error: Option<String>) -> Delivery {
    Delivery {
        state,
        reason: Some(reason),
        last_error: error,
        next_attempt_at: None,
        settled_at: Some(delivery.accepted_at),
        ..delivery
    }
}

fn draft(route: &Route, event: &Event, target: Target) -> Delivery {
    let request_id = request_id(event, &route.name, &target);
    Delivery::pending(event, Arc::clone(&route.name), target, request_id)
}
