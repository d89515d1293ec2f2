//! What an explanation shows of an event, its deliveries and an advice.

use serde::Serialize;
use serde_json::value::RawValue;

use super::webhook::Explanation;
use crate::event::{Delivery, Event, Reason, State};
use crate::verify::diagnosis::Advice;

#[derive(Debug, Serialize)]
pub(super) struct Later {
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) explanation: Explanation,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownEvent {
    source: String,
    key: String,
    r#type: String,
    received_at: String,
    /// Who sent it, where a token said so.
    who: Option<String>,
}

impl ShownEvent {
    pub(super) fn of(event: &Event, who: Option<String>) -> Self {
        Self {
            source: event.source.to_string(),
            key: event.key.text.clone(),
            r#type: event.kind.clone(),
            received_at: event.received_at.to_rfc3339(),
            who,
        }
    }
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct ShownDelivery {
    pub(in crate::cli) route: String,
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) workflow: String,
    pub(in crate::cli) signal: String,
    pub(in crate::cli) args: Option<Box<RawValue>>,
    pub(in crate::cli) state: &'static str,
    pub(in crate::cli) reason: Option<&'static str>,
    pub(in crate::cli) error: Option<String>,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct ShownAdvice {
    pub(in crate::cli) cause: &'static str,
    pub(in crate::cli) text: String,
}

impl From<&Delivery> for ShownDelivery {
    fn from(delivery: &Delivery) -> Self {
        Self {
            route: delivery.route.to_string(),
            namespace: delivery.target.namespace.clone(),
            workflow: delivery.target.workflow.clone(),
            signal: delivery.target.signal.clone(),
            args: RawValue::from_string(delivery.args.clone()).ok(),
            state: delivery.state.as_str(),
            reason: delivery.reason.map(Reason::code),
            error: delivery.last_error.clone(),
        }
    }
}

impl ShownDelivery {
    pub(super) fn title(&self) -> String {
        if self.state == State::Pending.as_str() {
            format!("{}/{}", self.workflow, self.signal)
        } else {
            format!("{} by route {}", self.state, self.route)
        }
    }
}

impl From<Advice> for ShownAdvice {
    fn from(advice: Advice) -> Self {
        Self {
            cause: advice.cause,
            text: advice.text,
        }
    }
}
