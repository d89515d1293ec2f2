//! The one connection: made with patience, watched, made anew when it fails.
//!
//! HTTP/2 multiplexes every call over it. A call that fails for want of an answer only raises a
//! doubt; whether Temporal is away, [`Link::keep`] finds out by asking, and it asks again every two
//! seconds at the most until there is an answer. Imports `telemetry` and what lies
//! below it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use temporalio_client::grpc::WorkflowService;
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, GetSystemInfoRequest,
};
use tokio::sync::{Notify, watch};
use tonic::{Code, Request, Response, Status};

use super::options::Settings;
use super::refusal::Refusals;
use super::run::present_run;
use super::{FailureKind, error};
use crate::chance;
use crate::clock;
use crate::telemetry::{Telemetry, log};

/// First and longest pause between two attempts to connect. With [`PROBE_DEADLINE`] the longest one
/// keeps what waits for Temporal within ten seconds of its return.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one attempt to connect, or one question whether Temporal is there, may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(4);
/// Doubts are looked into at most this often.
const DOUBT_INTERVAL: Duration = Duration::from_secs(1);
/// An idle connection is looked after this often, so that `/ready` tells the truth.
const IDLE_INTERVAL: Duration = Duration::from_secs(30);
/// The client's own timer ends a call first; this one covers a channel that never gets ready.
const GRACE: Duration = Duration::from_millis(250);
/// No workflow has this id. Describing it asks the whole cluster, not only its front end.
const PROBE_WORKFLOW: &str = "signalpost-connection-probe";

/// What a raw call of the client gives back.
pub(super) type Call<'a, T> =
    Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

pub(super) struct Link {
    options: ConnectionOptions,
    namespace: String,
    identity: String,
    connection: ArcSwapOption<Connection>,
    status: watch::Sender<super::Status>,
    connections: watch::Sender<u64>,
    doubt: Notify,
    telemetry: Telemetry,
    refusals: Refusals,
}

impl Link {
    pub(super) fn new(settings: Settings, telemetry: Telemetry) -> Self {
        Self {
            options: settings.connection,
            namespace: settings.namespace,
            identity: settings.identity,
            connection: ArcSwapOption::empty(),
            status: watch::Sender::default(),
            connections: watch::Sender::default(),
            doubt: Notify::new(),
            telemetry,
            refusals: Refusals::default(),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.status.borrow().connected
    }

    pub(super) fn status(&self) -> super::Status {
        let mut status = self.status.borrow().clone();
        if status.trouble.is_none() {
            status.trouble = self.refusals.recent(clock::now());
        }
        status
    }

    /// One attempt over the present connection, without any retry of the client's. `method` is the
    /// call's name for the metrics.
    pub(super) async fn call<Q, A>(
        &self,
        method: &'static str,
        deadline: Duration,
        message: Q,
        send: impl for<'a> FnOnce(&'a mut dyn WorkflowService, Request<Q>) -> Call<'a, A>,
    ) -> Result<A, Status> {
        let Some(connection) = self.connection.load_full() else {
            let never = tonic::ConnectError("not connected to Temporal yet".into());
            return Err(Status::from_error(Box::new(never)));
        };
        let mut request = Request::new(message);
        request.set_timeout(deadline);
        let mut service = connection.workflow_service();
        let answer = tokio::time::timeout(deadline + GRACE, send(service.as_mut(), request)).await;
        let answer = match answer {
            Ok(answer) => answer.map(Response::into_inner),
            Err(_) => Err(Status::cancelled("Timeout expired")),
        };
        let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
        self.telemetry.temporal_call(method, error::code_name(code));
        answer
    }

    /// Takes note of a failed call: is Temporal away, or does it refuse us?
    pub(super) fn observe(&self, failure: &super::Failure) {
        match failure.kind {
            FailureKind::Transient | FailureKind::Ambiguous => self.doubt.notify_one(),
            FailureKind::NamespaceNotFound => self.refused("namespace", &failure.message),
            FailureKind::Unauthorized => self.refused("credentials", &failure.message),
            FailureKind::WorkflowNotFound
            | FailureKind::AlreadyStarted { .. }
            | FailureKind::PayloadTooLarge
            | FailureKind::SignalLimit
            | FailureKind::RunEnding
            | FailureKind::BadArgument
            | FailureKind::BusyWorkflow
            | FailureKind::NamespaceThrottled
            | FailureKind::SystemThrottled
            | FailureKind::Unimplemented
            | FailureKind::Other => {}
        }
    }

    /// Connects and stays connected, for ever.
    pub(super) async fn keep(&self) {
        loop {
            let connection = self.connect().await;
            self.connection.store(Some(Arc::new(connection)));
            self.connections.send_modify(|count| *count += 1);
            let trouble = self.watch().await;
            self.telemetry.temporal_lost(&trouble);
            self.down(trouble);
        }
    }

    async fn connect(&self) -> Connection {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect_once().await {
                Ok((connection, version)) => {
                    self.telemetry.temporal_connected(&version);
                    self.status.send_replace(super::Status {
                        connected: true,
                        server_version: Some(version),
                        trouble: None,
                    });
                    return connection;
                }
                Err(trouble) => {
                    if self.status.borrow().trouble.as_deref() != Some(trouble.as_str()) {
                        tracing::warn!(
                            %trouble,
                            host = self.options.target.host_str(),
                            port = self.options.target.port_or_known_default(),
                            "cannot connect to Temporal, will keep trying"
                        );
                    }
                    self.down(trouble);
                }
            }
            tokio::time::sleep(pause.mul_f64(0.8 + 0.2 * chance::fraction())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A new connection that has answered, and the server's version.
    async fn connect_once(&self) -> Result<(Connection, String), String> {
        let connect = async {
            let connection = Connection::connect(self.options.clone())
                .await
                .map_err(|error| log::causes(&error))?;
            let mut service = connection.workflow_service();
            let info = service
                .get_system_info(Request::new(GetSystemInfoRequest {}))
                .await
                .map_err(|status| error::message(&status))?
                .into_inner();
            self.probe(&connection).await?;
            Ok((connection, info.server_version))
        };
        tokio::time::timeout(PROBE_DEADLINE, connect)
            .await
            .unwrap_or_else(|_| Err("no answer while connecting".to_owned()))
    }

    /// Ends when the connection no longer answers, with the reason.
    async fn watch(&self) -> String {
        loop {
            let doubted = tokio::time::timeout(IDLE_INTERVAL, self.doubt.notified()).await;
            let Some(connection) = self.connection.load_full() else {
                return "no connection".to_owned();
            };
            if let Err(trouble) = self.probe(&connection).await {
                return trouble;
            }
            if doubted.is_ok() {
                tokio::time::sleep(DOUBT_INTERVAL).await;
            }
        }
    }

    /// Whether Temporal answers at all. A refusal is an answer, and is told to whoever asks.
    async fn probe(&self, connection: &Connection) -> Result<(), String> {
        let mut request = Request::new(DescribeWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            execution: Some(present_run(PROBE_WORKFLOW)),
        });
        request.set_timeout(PROBE_DEADLINE);
        let mut service = connection.workflow_service();
        let answer = service.describe_workflow_execution(request);
        let Ok(answer) = tokio::time::timeout(PROBE_DEADLINE, answer).await else {
            return Err("no answer in time".to_owned());
        };
        let Err(status) = answer else {
            return Ok(());
        };
        let failure = error::classify(&status, "");
        match failure.kind {
            FailureKind::Transient | FailureKind::Ambiguous => Err(failure.message),
            _ => {
                self.observe(&failure);
                Ok(())
            }
        }
    }

    fn down(&self, trouble: String) {
        self.status.send_modify(|status| {
            status.connected = false;
            status.trouble = Some(trouble);
        });
    }

    fn refused(&self, what: &'static str, message: &str) {
        let aloud = self.refusals.note(message, clock::now());
        self.telemetry.temporal_refused(what, message, aloud);
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("host", &self.options.target.host_str())
            .field("namespace", &self.namespace)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}
