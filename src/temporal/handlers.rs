//! Which running workflows there are, and which signals and queries they know.
//!
//! The one question without a `Permit`: `__temporal_workflow_metadata` names handlers and shows no state, and nobody but an
//! operator at a command line asks it. What an SDK answers is what is registered so far. Imports what `query` does.

use std::time::Duration;

use serde::Deserialize;
use temporalio_common::protos::temporal::api::common::v1::{Payloads, WorkflowExecution};
use temporalio_common::protos::temporal::api::workflowservice::v1::ListWorkflowExecutionsRequest;

use super::query::Question;
use super::{Failure, QueryError, Temporal};

const METADATA: &str = "__temporal_workflow_metadata";

/// Workflows, as far as a rule says which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    Type(String),
    Id(String),
    IdPrefix(String),
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Running {
    pub workflow: String,
    pub run_id: String,
}

/// The handlers that a worker lists for a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handlers {
    pub signals: Vec<String>,
    pub queries: Vec<String>,
    /// A handler without a name takes every signal.
    pub any_signal: bool,
    pub any_query: bool,
}

#[derive(Deserialize)]
struct Metadata {
    definition: Option<Definition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Definition {
    #[serde(rename = "queryDefinitions")]
    queries: Vec<Handler>,
    #[serde(rename = "signalDefinitions")]
    signals: Vec<Handler>,
    #[serde(rename = "updateDefinitions")]
    updates: Vec<Handler>,
}

#[derive(Deserialize)]
struct Handler {
    name: Option<String>,
}

impl Reach {
    /// As visibility has it.
    fn filter(&self) -> String {
        let (what, text) = match self {
            Self::Type(name) => ("WorkflowType =", name),
            Self::Id(id) => ("WorkflowId =", id),
            Self::IdPrefix(prefix) => ("WorkflowId STARTS_WITH", prefix),
        };
        let text = text.replace('\\', r"\\").replace('\'', "''");
        format!("ExecutionStatus = 'Running' AND {what} '{text}'")
    }
}

impl Temporal {
    /// At most `most` running workflows, as visibility knows them: what began a moment ago may be missing.
    pub async fn running(
        &self,
        namespace: &str,
        reach: &Reach,
        most: u8,
        deadline: Duration,
    ) -> Result<Vec<Running>, Failure> {
        let message = ListWorkflowExecutionsRequest {
            namespace: namespace.to_owned(),
            page_size: most.into(),
            query: reach.filter(),
            ..Default::default()
        };
        let listed = self
            .link
            .call(
                "ListWorkflowExecutions",
                deadline,
                message,
                |service, request| service.list_workflow_executions(request),
            )
            .await
            .map_err(|status| self.failed(&status, ""))?;
        let executions = listed.executions.into_iter().take(most.into());
        Ok(executions
            .filter_map(|info| info.execution)
            .map(|execution| Running {
                workflow: execution.workflow_id,
                run_id: execution.run_id,
            })
            .collect())
    }

    /// None: the worker's SDK lists no handlers.
    pub async fn handlers(
        &self,
        namespace: &str,
        running: &Running,
        time: Duration,
    ) -> Result<Option<Handlers>, QueryError> {
        let question = Question {
            namespace,
            execution: WorkflowExecution {
                workflow_id: running.workflow.clone(),
                run_id: running.run_id.clone(),
            },
            query: METADATA,
            args: Payloads::default(),
        };
        handlers(&self.put(question, time).await?)
    }
}

fn handlers(answer: &str) -> Result<Option<Handlers>, QueryError> {
    let metadata: Metadata = serde_json::from_str(answer).map_err(|_| QueryError::NotJson)?;
    let definition = metadata.definition.unwrap_or_default();
    let lists = [
        &definition.queries,
        &definition.signals,
        &definition.updates,
    ];
    if lists.into_iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let (queries, any_query) = names(definition.queries);
    let (signals, any_signal) = names(definition.signals);
    Ok(Some(Handlers {
        signals,
        queries,
        any_signal,
        any_query,
    }))
}

/// The names, and whether one of them is missing.
fn names(handlers: Vec<Handler>) -> (Vec<String>, bool) {
    let all = handlers.len();
    let given = handlers.into_iter().filter_map(|handler| handler.name);
    let names: Vec<_> = given.filter(|name| !name.is_empty()).collect();
    let dynamic = names.len() < all;
    (names, dynamic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_handlers_or_says_nothing() {
        let full = r#"{"definition":{"type":"Order","queryDefinitions":[{"name":"get_status","description":"d"}],
            "signalDefinitions":[{"name":"paid"},{"description":"any"}]},"currentDetails":""}"#;
        let expected = Handlers {
            signals: vec!["paid".to_owned()],
            queries: vec!["get_status".to_owned()],
            any_signal: true,
            any_query: false,
        };
        assert_eq!(handlers(full), Ok(Some(expected)));
        for silent in [
            "{}",
            r#"{"definition":{"type":"Order"}}"#,
            r#"{"definition":null}"#,
        ] {
            assert_eq!(handlers(silent), Ok(None), "{silent}");
        }
        for other in ["null", "[]", r#"{"definition":"Order"}"#] {
            assert_eq!(handlers(other).err(), Some(QueryError::NotJson), "{other}");
        }
    }

    #[test]
    fn a_filter_cannot_be_left_by_a_quote() {
        let reach = Reach::IdPrefix(r"it's\".to_owned());
        assert_eq!(
            reach.filter(),
            r"ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH 'it''s\\'"
        );
    }
}
