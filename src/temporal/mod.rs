//! The only gRPC: signal, signal-with-start, describe, query.

use std::time::Duration;

use crate::access::Permit;
use crate::event::{Delivery, Start};

/// A handle to one Temporal cluster. Cheap to clone. Usable before it is connected: calls then fail as unreachable.
#[derive(Clone, Debug)]
pub struct Temporal {}

/// One attempt's success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub run_id: Option<String>,
}

/// How a call failed, told apart by status and details (reference table B2a), never by status alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {message}")]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// NotFound + NotFoundFailure: absent or closed; only describe can tell.
    WorkflowNotFound,
    NamespaceNotFound,
    /// AlreadyExists + WorkflowExecutionAlreadyStartedFailure; `ours`: our request id began that run.
    AlreadyStarted {
        ours: bool,
    },
    PayloadTooLarge,
    SignalLimit,
    /// The server is ending this run (history or state too large).
    RunEnding,
    BadArgument,
    /// This workflow alone is busy.
    BusyWorkflow,
    NamespaceThrottled,
    SystemThrottled,
    /// PermissionDenied, Unauthenticated: our credentials.
    Unauthorized,
    /// Unavailable, Internal, Unknown, Aborted, DataLoss, OutOfRange, FailedPrecondition+NamespaceNotActive.
    Transient,
    /// The end of the attempt was not seen: deadline, cancelled, broken connection.
    Ambiguous,
    Unimplemented,
    Other,
}

/// What describe says of a workflow id's present run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowStatus {
    Running,
    Closed,
    Missing,
}

/// Why a query gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("no such workflow")]
    WorkflowNotFound,
    #[error("no worker polls the task queue")]
    NoWorker,
    #[error("a worker polls, but did not answer in time")]
    Timeout,
    /// The handler failed or does not know the query; the text is the handler's own.
    #[error("the query failed: {0}")]
    Failed(String),
    #[error("the result is not JSON")]
    NotJson,
    #[error("Temporal is busy")]
    Throttled,
    #[error("Temporal cannot be reached: {0}")]
    Unreachable(String),
}

/// For `/ready` and the log.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub connected: bool,
    pub server_version: Option<String>,
    pub trouble: Option<String>,
}

impl Temporal {
    pub async fn signal(&self, _delivery: &Delivery, _deadline: Duration) -> Result<Done, Failure> {
        unimplemented!()
    }
    pub async fn signal_with_start(
        &self,
        _delivery: &Delivery,
        _start: &Start,
        _deadline: Duration,
    ) -> Result<Done, Failure> {
        unimplemented!()
    }
    pub async fn describe(
        &self,
        _namespace: &str,
        _workflow: &str,
        _deadline: Duration,
    ) -> Result<WorkflowStatus, Failure> {
        unimplemented!()
    }
    /// The result as JSON text. Only a [`Permit`] runs a query.
    pub async fn query(&self, _permit: &Permit) -> Result<String, QueryError> {
        unimplemented!()
    }
    #[must_use]
    pub fn status(&self) -> Status {
        unimplemented!()
    }
}
