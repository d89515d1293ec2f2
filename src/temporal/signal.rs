//! Signal and signal-with-start.
//!
//! Every attempt of a delivery carries the same request id and the same two header fields, by which
//! a repeat can be known; a third names the trace, where there is one. Arguments go out as the JSON text they are. Imports `event`.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::value::RawValue;
use temporalio_common::protos::temporal::api::common::v1::{
    Header, Link, Payload, Payloads, WorkflowType, link,
};
use temporalio_common::protos::temporal::api::enums::v1::{TaskQueueKind, WorkflowIdReusePolicy};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    SignalWithStartWorkflowExecutionRequest, SignalWorkflowExecutionRequest,
};
use tonic::Status;

use super::run::present_run;
use super::{Done, Failure, FailureKind, Temporal, error};
use crate::event::{Delivery, IdReuse, MAX_NAME, Start, Target, TraceContext};

/// The header field by which a signal is found in history.
pub(super) const DELIVERY_HEADER: &str = "signalpost-delivery";

/// Where Temporal's SDKs look for the trace, with W3C's fields in it.
const TRACE_HEADER: &str = "_tracer-data";

impl Temporal {
    /// One attempt to signal the present run.
    pub async fn signal(
        &self,
        delivery: &Delivery,
        trace: Option<TraceContext>,
        deadline: Duration,
    ) -> Result<Done, Failure> {
        check_ids(&delivery.target)?;
        let message = SignalWorkflowExecutionRequest {
            namespace: delivery.target.namespace.clone(),
            workflow_execution: Some(present_run(&delivery.target.workflow)),
            signal_name: delivery.target.signal.clone(),
            input: Some(payloads(&delivery.args)?),
            identity: self.link.identity().to_owned(),
            request_id: delivery.request_id.clone(),
            header: Some(header(delivery, trace)),
            ..Default::default()
        };
        let answer = self
            .link
            .call(
                "SignalWorkflowExecution",
                deadline,
                message,
                |service, request| service.signal_workflow_execution(request),
            )
            .await
            .map_err(|status| self.failed(&status, &delivery.request_id))?;
        Ok(Done {
            run_id: answer.link.and_then(run_of),
        })
    }

    /// One attempt to signal the present run, or to start one with that signal. Whether a closed run may be followed
    /// by a new one, the start says; where it may, a repeat that meets a closed run delivers twice, so that the
    /// caller must have looked before.
    pub async fn signal_with_start(
        &self,
        delivery: &Delivery,
        start: &Start,
        trace: Option<TraceContext>,
        deadline: Duration,
    ) -> Result<Done, Failure> {
        check_ids(&delivery.target)?;
        let message = SignalWithStartWorkflowExecutionRequest {
            namespace: delivery.target.namespace.clone(),
            workflow_id: delivery.target.workflow.clone(),
            workflow_type: Some(WorkflowType {
                name: start.workflow_type.clone(),
            }),
            task_queue: Some(TaskQueue {
                name: start.task_queue.clone(),
                kind: TaskQueueKind::Normal.into(),
                normal_name: String::new(),
            }),
            input: Some(payloads(&start.args)?),
            identity: self.link.identity().to_owned(),
            request_id: delivery.request_id.clone(),
            workflow_id_reuse_policy: reuse_policy(start.id_reuse).into(),
            signal_name: delivery.target.signal.clone(),
            signal_input: Some(payloads(&delivery.args)?),
            header: Some(header(delivery, trace)),
            ..Default::default()
        };
        let answer = self
            .link
            .call(
                "SignalWithStartWorkflowExecution",
                deadline,
                message,
                |service, request| service.signal_with_start_workflow_execution(request),
            )
            .await
            .map_err(|status| self.failed(&status, &delivery.request_id))?;
        Ok(Done {
            run_id: Some(answer.run_id).filter(|id| !id.is_empty()),
        })
    }

    /// Classifies a failed call and takes note of it.
    pub(super) fn failed(&self, status: &Status, request_id: &str) -> Failure {
        let mut failure = error::classify(status, request_id);
        if failure.kind == FailureKind::Unimplemented
            && let Some(version) = self.link.status().server_version
        {
            failure.message = format!("{} (server {version})", failure.message);
        }
        self.link.observe(&failure);
        failure
    }
}

/// A list's elements as one payload each, their text untouched.
pub(super) fn payloads(list: &str) -> Result<Payloads, Failure> {
    let elements: Vec<&RawValue> = serde_json::from_str(list).map_err(|error| Failure {
        kind: FailureKind::BadArgument,
        message: format!("the arguments are not a JSON list: {error}"),
    })?;
    Ok(Payloads {
        payloads: elements.iter().map(|e| json_payload(e.get())).collect(),
    })
}

fn json_payload(text: &str) -> Payload {
    Payload {
        metadata: HashMap::from([("encoding".to_owned(), b"json/plain".to_vec())]),
        data: text.as_bytes().to_vec(),
        ..Default::default()
    }
}

fn reuse_policy(id_reuse: IdReuse) -> WorkflowIdReusePolicy {
    match id_reuse {
        IdReuse::RejectDuplicate => WorkflowIdReusePolicy::RejectDuplicate,
        IdReuse::AllowDuplicateFailedOnly => WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
        IdReuse::AllowDuplicate => WorkflowIdReusePolicy::AllowDuplicate,
    }
}

/// Kept in history with the signal: the proof of delivery, how a workflow knows a repeat, and the trace it is part of.
fn header(delivery: &Delivery, trace: Option<TraceContext>) -> Header {
    // A UUID needs no escaping in JSON.
    let field = |name: &str, id: String| (name.to_owned(), json_payload(&format!("\"{id}\"")));
    let mut fields = HashMap::from([
        field("signalpost-event", delivery.event.to_string()),
        field(DELIVERY_HEADER, delivery.id.to_string()),
    ]);
    if let Some(trace) = trace {
        let carrier = format!(r#"{{"traceparent":"{trace}"}}"#);
        fields.insert(TRACE_HEADER.to_owned(), json_payload(&carrier));
    }
    Header { fields }
}

/// A signal to a workflow id beyond the limit is answered like one to a workflow that does not exist, so
/// the answer must not be waited for.
fn check_ids(target: &Target) -> Result<(), Failure> {
    for (what, text) in [
        ("workflow id", &target.workflow),
        ("signal name", &target.signal),
    ] {
        if text.is_empty() || text.len() > MAX_NAME {
            return Err(Failure {
                kind: FailureKind::BadArgument,
                message: format!(
                    "the {what} has {} bytes, 1 to {MAX_NAME} are allowed",
                    text.len()
                ),
            });
        }
    }
    Ok(())
}

/// Servers from 1.31 on link the event that the signal became.
fn run_of(link: Link) -> Option<String> {
    match link.variant? {
        link::Variant::WorkflowEvent(event) => Some(event.run_id).filter(|id| !id.is_empty()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_text() {
        let sent = payloads(r#"[0.10, {"b":1e2,"a":null}, 12345678901234567890]"#).unwrap();
        let texts: Vec<&[u8]> = sent.payloads.iter().map(|p| p.data.as_slice()).collect();
        let expected: [&[u8]; 3] = [b"0.10", br#"{"b":1e2,"a":null}"#, b"12345678901234567890"];
        assert_eq!(texts, expected);
        assert_eq!(sent.payloads[0].metadata["encoding"], b"json/plain");
    }

    #[test]
    fn what_is_no_list_is_a_bad_argument() {
        assert_eq!(payloads("{}").unwrap_err().kind, FailureKind::BadArgument);
    }

    #[test]
    fn ids_over_the_limit_are_not_sent() {
        let mut target = Target {
            namespace: "default".to_owned(),
            workflow: "é".repeat(500),
            signal: "s".to_owned(),
        };
        assert!(check_ids(&target).is_ok());
        target.workflow.push('x');
        assert_eq!(
            check_ids(&target).unwrap_err().kind,
            FailureKind::BadArgument
        );
    }
}
