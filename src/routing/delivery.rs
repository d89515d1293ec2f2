//! What a matching route says about an event: the signals to send, or why there are none.
//!
//! Nothing vanishes here (P3): a template that cannot be rendered is a parked delivery that says
//! so, arguments that do not fit their schema are whatever `invalid` says, and `drop = true` is a dropped one.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::request_id::request_id;
use super::schema::Fault;
use super::{
    ClosedRule, Contract, Effect, Invalid, MissingRule, OnInvalid, Route, Signal, StartRule,
};
use crate::event::{
    Closed, Delivery, Event, MAX_NAME, Missing, Reason, Rules, Start, State, Target,
};
use crate::expr::{Body, Error, Variables};

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
    /// The arguments do not fit, and are not sent.
    faults: Option<Vec<Fault>>,
}

/// What the compensating signal of `invalid = { signal = … }` says beside the body.
#[derive(Serialize)]
struct Complaint<'a> {
    reason: &'static str,
    route: &'a str,
    schema: &'a str,
    errors: &'a [Fault],
}

/// Adds the deliveries of a route that matches. The answer says that `invalid = "refuse"` refuses the event; the parked
/// deliveries are there all the same, for an event that is kept already.
pub(super) fn render(
    route: &Route,
    event: &Event,
    vars: &Variables<'_>,
    deliveries: &mut Vec<Delivery>,
) -> Result<(), Invalid> {
    match &route.effect {
        Effect::Signal(signal) => send(route, signal, event, vars, deliveries),
        Effect::Drop => {
            let draft = draft(route, event, nowhere(""));
            deliveries.push(settled(draft, State::Dropped, Reason::RouteDrops, None));
            Ok(())
        }
    }
}

fn send(
    route: &Route,
    signal: &Signal,
    event: &Event,
    vars: &Variables<'_>,
    deliveries: &mut Vec<Delivery>,
) -> Result<(), Invalid> {
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
        Err(failure) => {
            deliveries.push(parked("", failure));
            return Ok(());
        }
    };
    let rendered = match shared(route, signal, vars) {
        Ok(rendered) => rendered,
        Err(failure) => {
            let known = match ids.as_slice() {
                [only] if bad_id(only).is_none() => only,
                _ => "",
            };
            deliveries.push(parked(known, failure));
            return Ok(());
        }
    };
    let invalid = rendered.invalid(route, signal);
    let mut bad = None;
    for id in ids {
        if let Some(failure) = bad_id(&id) {
            bad = bad.or(Some(failure));
            continue;
        }
        if let Some(invalid) = &invalid {
            let failure = Failure::new(Reason::SchemaMismatch, invalid.to_string());
            deliveries.push(parked(&id, failure));
            continue;
        }
        let mut delivery = draft(route, event, rendered.target(signal, id));
        delivery.args.clone_from(&rendered.args);
        delivery.rules = rendered.rules.clone();
        deliveries.push(delivery);
    }
    // One for all of them: they have no id that could tell them apart.
    deliveries.extend(bad.map(|failure| parked("", failure)));
    let refuses = |contract: &Contract| contract.invalid == OnInvalid::Refuse;
    match invalid {
        Some(invalid) if signal.contract.as_ref().is_some_and(refuses) => Err(invalid),
        _ => Ok(()),
    }
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

fn shared(route: &Route, signal: &Signal, vars: &Variables<'_>) -> Result<Rendered, Failure> {
    let name = signal.signal.text(vars)?;
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Failure::new(
            Reason::BadArgument,
            format!("the signal name is {} bytes long", name.len()),
        ));
    }
    let args = match &signal.args {
        Some(args) => args.json(vars)?,
        None => body(vars)?.map_or_else(|| "[]".to_owned(), |json| format!("[{json}]")),
    };
    let mut rendered = Rendered {
        signal: name,
        args,
        faults: None,
        rules: Rules {
            missing: missing(&signal.missing, vars)?,
            closed: closed(&signal.closed, vars)?,
            after_park: signal.lane.after_park,
            pace_ms: signal.lane.pace_ms,
        },
    };
    if let Some(contract) = &signal.contract
        && let Err(faults) = contract.judge(&rendered.args)
    {
        match &contract.invalid {
            OnInvalid::Refuse | OnInvalid::Park => rendered.faults = Some(faults),
            OnInvalid::Signal(name) => {
                rendered.signal.clone_from(name);
                rendered.args = complaint(route, contract, &faults, vars)?;
            }
        }
    }
    Ok(rendered)
}

/// The body as sent.
fn body<'v>(vars: &'v Variables<'_>) -> Result<Option<Cow<'v, str>>, Error> {
    vars.body.as_ref().map(Body::json).transpose()
}

/// The arguments of the compensating signal: what is wrong, and the body as sent.
fn complaint(
    route: &Route,
    contract: &Contract,
    faults: &[Fault],
    vars: &Variables<'_>,
) -> Result<String, Failure> {
    let complaint = Complaint {
        reason: "the arguments do not fit the schema",
        route: &route.name,
        schema: &contract.schema.name,
        errors: faults,
    };
    let complaint = serde_json::to_string(&complaint)
        .map_err(|error| Failure::new(Reason::SchemaMismatch, error.to_string()))?;
    let body = body(vars)?.unwrap_or(Cow::Borrowed("null"));
    Ok(format!("[{complaint},{body}]"))
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
    fn invalid(&self, route: &Route, signal: &Signal) -> Option<Invalid> {
        Some(Invalid {
            route: Arc::clone(&route.name),
            schema: signal.contract.as_ref()?.schema.name.clone(),
            faults: self.faults.clone()?,
        })
    }

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
