//! The one connection: made with patience, watched, made anew when it fails.
//!
//! HTTP/2 multiplexes every call over it. A call that fails for want of an answer only raises a
//! doubt; whether Temporal is away, [`Link::keep`] finds out by asking, and it asks again every two
//! seconds at the most until there is an answer. New credentials get a connection of their own, which takes the
//! place of the one before once Temporal has answered on it; calls in flight end where they began. Imports `telemetry`
//! and what lies below it.

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
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::{Code, Request, Response, Status};

use super::credentials::Credentials;
use super::options::{Options, Settings};
use super::refusal::Refusals;
use super::run::present_run;
use super::{FailureKind, error, trouble};
use crate::chance;
use crate::clock;
use crate::telemetry::Telemetry;

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
/// Files with credentials are looked at this often.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);
/// The client's own timer ends a call first; this one covers a channel that never gets ready.
const GRACE: Duration = Duration::from_millis(250);
/// No workflow has this id. Describing it asks the whole cluster, not only its front end.
const PROBE_WORKFLOW: &str = "signalpost-connection-probe";

/// What a raw call of the client gives back.
pub(super) type Call<'a, T> =
    Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

/// A connection on which Temporal has answered.
struct Made {
    connection: Connection,
    version: String,
    /// What it answered, if that was no.
    refusal: Option<super::Failure>,
}

/// Why there is none.
struct Trouble {
    sentence: String,
    /// It is our credentials that are not taken.
    refused: bool,
}

impl From<String> for Trouble {
    fn from(sentence: String) -> Self {
        Self {
            sentence,
            refused: false,
        }
    }
}

impl Made {
    fn is_refused(&self) -> bool {
        let kind = self.refusal.as_ref().map(|refusal| &refusal.kind);
        matches!(kind, Some(FailureKind::Unauthorized))
    }

    fn refused_for(self) -> String {
        self.refusal
            .map_or_else(String::new, |refusal| refusal.message)
    }
}

pub(super) struct Link {
    options: Options,
    /// As they were at the start; `Credentials` knows them as they are now.
    first: ConnectionOptions,
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
    pub(super) fn new(options: Options, settings: Settings, telemetry: Telemetry) -> Self {
        Self {
            options,
            first: settings.connection,
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
        let (options, first) = (self.options.clone(), self.first.clone());
        let mut credentials = Credentials::new(options, self.namespace.clone(), first);
        loop {
            let connection = self.connect(&mut credentials).await;
            self.put_to_use(connection);
            let trouble = self.watch(&mut credentials).await;
            self.telemetry.temporal_lost(&trouble);
            self.down(trouble);
        }
    }

    fn put_to_use(&self, made: Made) {
        self.telemetry.temporal_connected(&made.version);
        self.status.send_replace(super::Status {
            connected: true,
            server_version: Some(made.version),
            trouble: None,
        });
        self.connection.store(Some(Arc::new(made.connection)));
        self.connections.send_modify(|count| *count += 1);
    }

    async fn connect(&self, credentials: &mut Credentials) -> Made {
        let mut pause = FIRST_PAUSE;
        // Of the attempt before the last: two kinds of credentials may fail for two reasons in turn.
        let mut earlier = None;
        loop {
            let made = self.connect_once(credentials.newest()).await;
            let is_refused = made.as_ref().map_or_else(|it| it.refused, Made::is_refused);
            let has_others = credentials.others_taken().is_some();
            let trouble = match made {
                Ok(made) if !(is_refused && has_others) => {
                    if !is_refused {
                        credentials.take();
                        self.refusals.clear();
                    }
                    self.note(&made);
                    return made;
                }
                Ok(made) => made.refused_for(),
                Err(trouble) => trouble.sentence,
            };
            if is_refused && !has_others {
                self.refused("credentials", &trouble);
            }
            let last = self.status.borrow().trouble.clone();
            if !matches!(&trouble, it if last.as_ref() == Some(it) || earlier.as_ref() == Some(it))
            {
                tracing::warn!(
                    %trouble,
                    host = self.first.target.host_str(),
                    port = self.first.target.port_or_known_default(),
                    "cannot connect to Temporal, will keep trying"
                );
            }
            earlier = last;
            self.down(trouble);
            tokio::time::sleep(pause.mul_f64(0.8 + 0.2 * chance::fraction())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            credentials.turn().await;
        }
    }

    /// A new connection that has answered.
    async fn connect_once(&self, options: &ConnectionOptions) -> Result<Made, Trouble> {
        let connect = async {
            let connecting = Connection::connect(options.clone());
            let encrypted = options.tls_options.is_some();
            let connection = connecting.await.map_err(|error| Trouble {
                refused: trouble::is_refusal(&error),
                sentence: trouble::of_connecting(&error, encrypted),
            })?;
            let mut service = connection.workflow_service();
            let info = service
                .get_system_info(Request::new(GetSystemInfoRequest {}))
                .await
                .map_err(|status| trouble::of_status(&status))?
                .into_inner();
            let refusal = self.probe(&connection).await?;
            Ok(Made {
                connection,
                version: info.server_version,
                refusal,
            })
        };
        tokio::time::timeout(PROBE_DEADLINE, connect)
            .await
            .unwrap_or_else(|_| Err("no answer while connecting".to_owned().into()))
    }

    /// Ends when the connection no longer answers, with the reason.
    async fn watch(&self, credentials: &mut Credentials) -> String {
        let mut idle = rhythm(IDLE_INTERVAL);
        let mut renewal = rhythm(RENEWAL_INTERVAL);
        loop {
            let doubted = tokio::select! {
                () = self.doubt.notified() => true,
                _ = idle.tick() => false,
                _ = renewal.tick() => {
                    self.renew(credentials).await;
                    continue;
                }
            };
            let Some(connection) = self.connection.load_full() else {
                return "no connection".to_owned();
            };
            match self.probe(&connection).await {
                Ok(None) => {}
                Ok(Some(refusal)) => self.observe(&refusal),
                Err(trouble) => return trouble,
            }
            if doubted {
                tokio::time::sleep(DOUBT_INTERVAL).await;
            }
        }
    }

    /// Goes over to new credentials if Temporal takes them; those in use stay until then.
    async fn renew(&self, credentials: &mut Credentials) {
        let Some(found) = credentials.changed().await else {
            return;
        };
        let trouble = match self.connect_once(&found).await {
            Ok(made) if !made.is_refused() => {
                credentials.adopt(found);
                self.refusals.clear();
                self.note(&made);
                tracing::info!("Temporal has taken new credentials");
                return self.put_to_use(made);
            }
            Ok(made) => made.refused_for(),
            Err(trouble) => trouble.sentence,
        };
        if credentials.refuse(found) {
            tracing::error!(
                trouble,
                "Temporal does not take the new credentials; those before stay"
            );
        }
    }

    /// What a new connection was refused, if it was.
    fn note(&self, made: &Made) {
        if let Some(refusal) = &made.refusal {
            self.observe(refusal);
        }
    }

    /// Whether Temporal answers at all. A refusal is an answer.
    async fn probe(&self, connection: &Connection) -> Result<Option<super::Failure>, String> {
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
            return Ok(None);
        };
        let failure = error::classify(&status, "");
        match failure.kind {
            FailureKind::Transient | FailureKind::Ambiguous => Err(trouble::of_status(&status)),
            _ => Ok(Some(failure)),
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

/// Ticks that begin after the first pause, and are not caught up with.
fn rhythm(pause: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + pause, pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("host", &self.first.target.host_str())
            .field("namespace", &self.namespace)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}
