//! The span of one attempt, in the trace of the webhook, however long ago that was; and the log lines that name both.

use crate::event::{Delivery, Reason};
use crate::inbox::{Claim, Settlement};
use crate::telemetry::Telemetry;
use crate::telemetry::trace::Span;

/// Named as Temporal's SDKs name theirs.
pub(super) fn begin(telemetry: &Telemetry, claim: &Claim) -> Span {
    let delivery = &claim.delivery;
    let target = &delivery.target;
    let name = || format!("SignalWorkflow:{}", target.signal);
    let mut span = telemetry.tracer().continued(name, delivery.trace);
    span.note("signalpost.event_id", delivery.event);
    span.note("signalpost.delivery_id", delivery.id);
    span.note("signalpost.source", &delivery.source);
    span.note("signalpost.route", &delivery.route);
    span.note("signalpost.namespace", &target.namespace);
    span.note("signalpost.workflow_id", &target.workflow);
    // What Temporal's SDKs call the same.
    span.note("temporalWorkflowID", &target.workflow);
    span.set("signalpost.attempt", i64::from(delivery.attempts) + 1);
    span.set("signalpost.doubtful", claim.doubtful);
    span
}

/// What the log lines of the attempt bear; nothing where there is no trace.
pub(super) fn lines(span: &Span, delivery: &Delivery) -> tracing::Span {
    let Some(context) = span.context() else {
        return tracing::Span::none();
    };
    // At the error level, so that no filter takes it away from the lines that it lets through.
    tracing::error_span!("delivery", event = %delivery.event, trace_id = context.trace_id())
}

/// An attempt that is to be made again is an error where Temporal did not do as asked, and none where a workflow is waited for.
pub(super) fn end(mut span: Span, settlement: &Settlement, waiting: bool) {
    let (outcome, reason) = match settlement {
        Settlement::Delivered { run_id } => {
            if let Some(run_id) = run_id {
                span.note("signalpost.run_id", run_id);
                span.note("temporalRunID", run_id);
            }
            ("delivered", None)
        }
        Settlement::Parked { reason, .. } => ("parked", Some(*reason)),
        Settlement::Dropped { reason, .. } => ("dropped", Some(*reason)),
        Settlement::Retry { .. } => ("retried", None),
        Settlement::Unseen { .. } => ("unseen", None),
        Settlement::Postponed { .. } => ("postponed", None),
    };
    span.set("signalpost.outcome", outcome);
    if let Some(reason) = reason.map(Reason::code) {
        span.set("signalpost.reason", reason);
    }
    match settlement {
        Settlement::Parked { reason, .. } => span.fail(reason.code()),
        Settlement::Unseen { .. } => span.fail("unseen"),
        Settlement::Retry { .. } if !waiting => span.fail("retried"),
        Settlement::Retry { .. }
        | Settlement::Delivered { .. }
        | Settlement::Dropped { .. }
        | Settlement::Postponed { .. } => {}
    }
}
