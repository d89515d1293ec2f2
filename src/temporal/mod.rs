//! The only gRPC: signal, signal-with-start, describe, query, status, and the search of histories.
//!
//! One attempt for each call, with a deadline of its own and no retries of the client: when to try
//! again is for `delivery` to say, which is why a failure comes back as a [`FailureKind`]. What the
//! handle keeps alive is the connection (`connection`); what a status means is in `error`. May
//! import `access`, `telemetry` and what lies below them.

mod connection;
mod credentials;
mod error;
mod handlers;
mod options;
mod proof;
mod query;
mod refusal;
mod run;
mod signal;
mod status;
mod trouble;

use std::sync::Arc;

use connection::Link;
pub use handlers::{Handlers, Reach, Running};
pub use options::{Error, Options};
pub use proof::{CLOCK_SKEW, Proof, Search};
pub use run::{Run, RunState};

use crate::telemetry::Telemetry;

/// A handle to one Temporal cluster. Cheap to clone. Usable before it is connected: calls then fail
/// as [`FailureKind::Transient`] at once.
#[derive(Clone, Debug)]
pub struct Temporal {
    link: Arc<Link>,
}

/// One attempt's success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The run that has the signal, where the server says so.
    pub run_id: Option<String>,
}

/// How a call failed, told apart by status and details, never by status alone.
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
    /// Temporal is away, or the namespace is active elsewhere: certainly nothing was done.
    Transient,
    /// What was done is not known. The end was not seen (deadline, cancelled, broken connection), or the server failed
    /// on the way (Unavailable, Internal, Unknown, Aborted, DataLoss, OutOfRange): a write that it gave up waiting for
    /// may have succeeded.
    Ambiguous,
    Unimplemented,
    Other,
}

/// Why a query gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("no such workflow")]
    WorkflowNotFound,
    /// Nobody polls the task queue, or the workflow cannot be asked yet; later it may answer.
    #[error("no worker can answer now")]
    NoWorker,
    /// A worker polls and is slow; or it was not asked in time, or the server was slow.
    #[error("no answer in time")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub connected: bool,
    pub server_version: Option<String>,
    /// Why there is no connection, or what Temporal refuses us (namespace, credentials).
    pub trouble: Option<String>,
}

impl Temporal {
    /// Reads and checks the settings; connects to nothing yet, [`Temporal::run`] does.
    pub fn new(options: &Options, telemetry: Telemetry) -> Result<Self, Error> {
        let settings = options.resolve()?;
        Ok(Self {
            link: Arc::new(Link::new(options.clone(), settings, telemetry)),
        })
    }

    /// Connects, and keeps the connection until `shutdown` is ready.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            () = self.link.keep() => {}
        }
    }

    /// The namespace that Temporal's own settings name; for routes and queries that name none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.link.namespace()
    }

    /// Whether calls are worth making now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.link.status()
    }

    /// Counts how often the connection came up; 0 until the first time. A change is the sign that
    /// whatever failed for want of Temporal may be tried again now.
    #[must_use]
    pub fn connections(&self) -> tokio::sync::watch::Receiver<u64> {
        self.link.connections()
    }
}
