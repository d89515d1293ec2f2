//! Has this delivery arrived? The search for its signal in the histories of a workflow's runs.
//!
//! A request id is known to one run only. Whatever followed it (continue-as-new, a reset, another
//! start) knows nothing of it, and the signal may stand in any run since the first attempt: each one is
//! read from its end back to that time, within a bound. Imports `event` and `clock`.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryReverseRequest, ListWorkflowExecutionsRequest,
};

use super::run::time;
use super::signal::DELIVERY_HEADER;
use super::{Failure, FailureKind, Run, Temporal};
use crate::clock::Timestamp;
use crate::event::Delivery;

/// Pages of history that one search reads, over all runs.
const MAX_PAGES: usize = 20;
/// Runs that are looked up where a chain began after the first attempt.
const MAX_RUNS: i32 = 20;
/// How far the server's clock may be from ours.
pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Where a delivery's signal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub run_id: String,
    pub event_id: i64,
    pub time: Timestamp,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    Found(Proof),
    /// Everything was read: it has not arrived.
    NotFound,
    /// The bound was reached or history is gone; how far the search came.
    Unknown(String),
}

impl Temporal {
    /// Looks for a delivery's signal, from now back to `since`. `deadline` is for each call.
    pub async fn prove(
        &self,
        delivery: &Delivery,
        since: Timestamp,
        deadline: Duration,
    ) -> Result<Search, Failure> {
        let target = &delivery.target;
        let run = self
            .describe(&target.namespace, &target.workflow, deadline)
            .await?;
        match run {
            Some(run) => self.search(delivery, &run, since, deadline).await,
            None => Ok(Search::Unknown(
                "Temporal knows no such workflow, or not any more".to_owned(),
            )),
        }
    }

    /// The same for a caller that knows the present run already.
    pub async fn search(
        &self,
        delivery: &Delivery,
        present: &Run,
        since: Timestamp,
        deadline: Duration,
    ) -> Result<Search, Failure> {
        let mut hunt = Hunt {
            temporal: self,
            delivery,
            wanted: format!("\"{}\"", delivery.id).into_bytes(),
            earliest: since.minus(CLOCK_SKEW),
            deadline,
            pages: 0,
            runs: VecDeque::new(),
            seen: HashSet::new(),
            began_since: false,
        };
        hunt.visit(delivery.run_id.as_deref().unwrap_or_default());
        hunt.visit(&present.run_id);
        match hunt.follow().await {
            Ok(()) => Ok(Search::NotFound),
            Err(End::Found(proof)) => Ok(Search::Found(proof)),
            Err(End::Unknown(why)) => Ok(Search::Unknown(why)),
            Err(End::Failed(failure)) => Err(failure),
        }
    }
}

struct Hunt<'a> {
    temporal: &'a Temporal,
    delivery: &'a Delivery,
    /// The header's text.
    wanted: Vec<u8>,
    earliest: Timestamp,
    deadline: Duration,
    pages: usize,
    /// To be read.
    runs: VecDeque<String>,
    seen: HashSet<String>,
    /// A chain of runs began within the time that is searched, so that another may have ended in it.
    began_since: bool,
}

/// Why a search ends before all is read.
enum End {
    Found(Proof),
    Unknown(String),
    Failed(Failure),
}

impl Hunt<'_> {
    fn visit(&mut self, run_id: &str) {
        if !run_id.is_empty() && self.seen.insert(run_id.to_owned()) {
            self.runs.push_back(run_id.to_owned());
        }
    }

    async fn follow(&mut self) -> Result<(), End> {
        let mut listed = false;
        loop {
            while let Some(run_id) = self.runs.pop_front() {
                self.read(&run_id).await?;
            }
            if listed || !self.began_since {
                return Ok(());
            }
            listed = true;
            self.list().await?;
        }
    }

    /// Reads one run from its end, as far back as it matters.
    async fn read(&mut self, run_id: &str) -> Result<(), End> {
        let mut token = Vec::new();
        loop {
            let (events, next) = self.page(run_id, token).await?;
            for event in events {
                let at = event
                    .event_time
                    .map_or_else(Timestamp::default, |at| time(at.seconds, at.nanos));
                if at < self.earliest {
                    return Ok(());
                }
                self.look_at(run_id, event, at)?;
            }
            if next.is_empty() {
                return Ok(());
            }
            token = next;
        }
    }

    async fn page(
        &mut self,
        run_id: &str,
        token: Vec<u8>,
    ) -> Result<(Vec<HistoryEvent>, Vec<u8>), End> {
        if self.pages == MAX_PAGES {
            return Err(End::Unknown(format!(
                "not found in the last {MAX_PAGES} pages of history, which do not reach back to the first attempt"
            )));
        }
        self.pages += 1;
        let message = GetWorkflowExecutionHistoryReverseRequest {
            namespace: self.delivery.target.namespace.clone(),
            execution: Some(WorkflowExecution {
                workflow_id: self.delivery.target.workflow.clone(),
                run_id: run_id.to_owned(),
            }),
            maximum_page_size: 0,
            next_page_token: token,
        };
        let answer = self
            .temporal
            .link
            .call(
                "GetWorkflowExecutionHistoryReverse",
                self.deadline,
                message,
                |service, request| service.get_workflow_execution_history_reverse(request),
            )
            .await
            .map_err(|status| {
                let history = format!("history of run {run_id}");
                unreadable(&history, self.temporal.failed(&status, ""))
            })?;
        Ok((
            answer.history.unwrap_or_default().events,
            answer.next_page_token,
        ))
    }

    /// The signal itself, or a hint to another run.
    fn look_at(&mut self, run_id: &str, event: HistoryEvent, at: Timestamp) -> Result<(), End> {
        match event.attributes {
            Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) => {
                let header = signal.header.unwrap_or_default();
                let id = header.fields.get(DELIVERY_HEADER);
                if id.is_some_and(|payload| payload.data == self.wanted) {
                    return Err(End::Found(Proof {
                        run_id: run_id.to_owned(),
                        event_id: event.event_id,
                        time: at,
                    }));
                }
            }
            // A reset: what came after this point stands in the run that was reset.
            Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => {
                self.visit(&failed.base_run_id);
            }
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
                if started.continued_execution_run_id.is_empty() {
                    self.began_since = true;
                }
                self.visit(&started.continued_execution_run_id);
            }
            _ => {}
        }
        Ok(())
    }

    /// Runs of this id that closed within the time searched, whatever chain they belong to.
    async fn list(&mut self) -> Result<(), End> {
        let message = ListWorkflowExecutionsRequest {
            namespace: self.delivery.target.namespace.clone(),
            page_size: MAX_RUNS,
            query: format!(
                "WorkflowId = \"{}\" AND CloseTime >= \"{}\"",
                escaped(&self.delivery.target.workflow),
                self.earliest.to_rfc3339()
            ),
            ..Default::default()
        };
        let answer = self
            .temporal
            .link
            .call(
                "ListWorkflowExecutions",
                self.deadline,
                message,
                |service, request| service.list_workflow_executions(request),
            )
            .await
            .map_err(|status| unlisted(self.temporal.failed(&status, "")))?;
        for info in answer.executions {
            self.visit(&info.execution.unwrap_or_default().run_id);
        }
        if answer.next_page_token.is_empty() {
            return Ok(());
        }
        Err(End::Unknown(format!(
            "more than {MAX_RUNS} runs of this workflow ended since the first attempt"
        )))
    }
}

/// A text within the double quotes of a list query.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What may pass is tried again; everything else leaves the question open.
fn unreadable(what: &str, failure: Failure) -> End {
    match failure.kind {
        FailureKind::Transient
        | FailureKind::Ambiguous
        | FailureKind::BusyWorkflow
        | FailureKind::NamespaceThrottled
        | FailureKind::SystemThrottled
        | FailureKind::NamespaceNotFound
        | FailureKind::Unauthorized => End::Failed(failure),
        FailureKind::WorkflowNotFound
        | FailureKind::AlreadyStarted { .. }
        | FailureKind::PayloadTooLarge
        | FailureKind::SignalLimit
        | FailureKind::RunEnding
        | FailureKind::BadArgument
        | FailureKind::Unimplemented
        | FailureKind::Other => {
            End::Unknown(format!("the {what} cannot be read: {}", failure.message))
        }
    }
}

/// Listing has a narrow limit of its own; that it is reached says nothing about signals.
fn unlisted(mut failure: Failure) -> End {
    if failure.kind == FailureKind::NamespaceThrottled {
        failure.kind = FailureKind::BusyWorkflow;
    }
    unreadable("list of runs", failure)
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn an_id_cannot_end_the_query() {
        assert_eq!(escaped(r#"a" OR "b\c"#), r#"a\" OR \"b\\c"#);
    }
}
