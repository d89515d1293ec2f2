//! Builds everything, owns every task, drains on shutdown.
//!
//! The one place that knows all components. They take small `Options` of their own and never see the
//! settings. A task that ends by itself takes the process down: a gateway that accepts and does not
//! deliver would be worse than none.

mod silence;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{self, PlanHandle, Problem, Status};
use crate::delivery;
use crate::inbox::{self, Inbox};
use crate::jwks::{self, Jwks};
use crate::server::answers::Answers;
use crate::server::client::Proxies;
use crate::server::cors::Cors;
use crate::server::handshakes::Handshakes;
use crate::server::limits::{self, InFlight, Rates};
use crate::server::listener::Listener;
use crate::server::operators::Operators;
use crate::server::tls::Tls;
use crate::server::{self, Ops, Public, body, listener};
use crate::telemetry::Telemetry;
use crate::telemetry::audit::{self, Subject};
use crate::temporal::Temporal;

/// For the export of the last spans, where draining has left less.
const LAST_SPANS: Duration = Duration::from_secs(1);

/// Everything that a gateway is made of.
#[derive(Debug)]
pub struct Options {
    pub routes: PathBuf,
    pub config: config::Options,
    pub store: inbox::Options,
    pub delivery: delivery::Options,
    pub listen: SocketAddr,
    pub listener: listener::Options,
    /// Of the public listener; none: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    pub ops_listen: SocketAddr,
    pub ops_listener: listener::Options,
    pub operators: Arc<Operators>,
    /// Address of Temporal's own pages, for links.
    pub temporal_ui: Option<reqwest::Url>,
    pub body: body::Options,
    pub max_in_flight: usize,
    pub rates: limits::Options,
    pub proxies: Proxies,
    pub cors: Cors,
    /// After the signal to stop, requests are still accepted for so long.
    pub drain_delay: Duration,
    /// Then what is in flight has so long to finish.
    pub drain: Duration,
}

/// Why a gateway does not start: one sentence that says what to do, or the problems of the routing file.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{}", shown(.0))]
    Config(Vec<Problem>),
    #[error(transparent)]
    Store(#[from] inbox::Error),
    #[error(transparent)]
    Keys(#[from] jwks::Error),
    #[error(transparent)]
    Listen(#[from] listener::Error),
}

fn shown(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    public: SocketAddr,
    ops: SocketAddr,
    plan: Arc<PlanHandle>,
    inbox: Inbox,
    telemetry: Telemetry,
    draining: Arc<AtomicBool>,
    /// Temporal's connection, delivery, keys, the watch over the files.
    background: JoinSet<&'static str>,
    listeners: JoinSet<&'static str>,
    stop_background: CancellationToken,
    stop_listeners: CancellationToken,
    drain_delay: Duration,
    drain: Duration,
}

impl Gateway {
    /// Starts all of it. Temporal away is no reason to fail; a taken port, a bad routing file or a store in use by
    /// another process is. Nothing is touched before the routing file is known to be good.
    pub async fn start(
        options: Options,
        temporal: Temporal,
        telemetry: Telemetry,
    ) -> Result<Self, StartError> {
        let (plan, warnings) =
            PlanHandle::open(options.routes, options.config).map_err(StartError::Config)?;
        for warning in &warnings {
            tracing::warn!(code = warning.code, "routing file:\n{warning}");
        }
        let public = Listener::bind(options.listen, "--listen")
            .await?
            .secured(options.tls.clone(), telemetry.clone());
        let ops = Listener::bind(options.ops_listen, "--ops-listen").await?;
        let inbox = Inbox::open(&options.store).await?;
        inbox.report_to(&telemetry);
        telemetry.store_limited(options.store.retention().size);
        inbox.announce(&plan.status().digest);
        let jwks = Arc::new(Jwks::new(jwks::Options::default())?);
        let handshakes = Arc::new(Handshakes::new().map_err(jwks::Error::Client)?);
        let mut gateway = Self {
            public: public.local_addr(),
            ops: ops.local_addr(),
            plan: Arc::clone(&plan),
            inbox: inbox.clone(),
            telemetry: telemetry.clone(),
            draining: Arc::default(),
            background: JoinSet::new(),
            listeners: JoinSet::new(),
            stop_background: CancellationToken::new(),
            stop_listeners: CancellationToken::new(),
            drain_delay: options.drain_delay,
            drain: options.drain,
        };
        let router = server::public(Public {
            plan: Arc::clone(&plan),
            inbox: inbox.clone(),
            temporal: temporal.clone(),
            jwks: Arc::clone(&jwks),
            telemetry: telemetry.clone(),
            body: options.body,
            in_flight: InFlight::new(options.max_in_flight, telemetry.clone()),
            rates: Arc::new(Rates::new(options.rates)),
            proxies: Arc::new(options.proxies),
            cors: options.cors,
            answers: Answers::new(telemetry.clone()),
            handshakes: Arc::clone(&handshakes),
        });
        let ops_router = server::ops(Ops {
            plan: Arc::clone(&plan),
            inbox: inbox.clone(),
            temporal: temporal.clone(),
            telemetry: telemetry.clone(),
            operators: options.operators,
            handshakes,
            temporal_ui: options.temporal_ui,
            draining: Arc::clone(&gateway.draining),
        });
        let stop = gateway.stop_listeners.clone();
        gateway.listen(
            "the public listener",
            public.serve(router, options.listener, stop.clone()),
        );
        gateway.listen(
            "the ops listener",
            ops.serve(ops_router, options.ops_listener, stop),
        );
        if let Some(tls) = options.tls {
            gateway.watch_tls(tls, telemetry.clone());
        }
        gateway.run_background(&plan, &jwks, temporal, inbox, telemetry, options.delivery);
        tracing::info!(public = %gateway.public, ops = %gateway.ops, "listening");
        Ok(gateway)
    }

    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    #[must_use]
    pub fn ops_address(&self) -> SocketAddr {
        self.ops
    }

    fn listen(
        &mut self,
        name: &'static str,
        serving: impl Future<Output = usize> + Send + 'static,
    ) {
        self.listeners.spawn(async move {
            let cut = serving.await;
            if cut > 0 {
                tracing::warn!(
                    connections = cut,
                    "{name}: the time to drain is over, connections were cut"
                );
            }
            name
        });
    }

    fn watch_tls(&mut self, tls: Arc<Tls>, telemetry: Telemetry) {
        let stop = self.stop_background.clone().cancelled_owned();
        self.keep("the watch over the TLS files", tls.watch(telemetry, stop));
    }

    fn run_background(
        &mut self,
        plan: &Arc<PlanHandle>,
        jwks: &Arc<Jwks>,
        temporal: Temporal,
        inbox: Inbox,
        telemetry: Telemetry,
        delivery: delivery::Options,
    ) {
        // Before the plan is looked at: the ops listener takes reloads already, and none may be missed.
        let news = plan.subscribe();
        adopt(&plan.current(), jwks, &telemetry);
        telemetry.config_loaded(&plan.status().digest);
        let token = self.stop_background.clone();
        let stop = || token.clone().cancelled_owned();
        self.keep(
            "the watch over the routing file",
            plan.clone().watch(stop()),
        );
        self.keep(
            "the adoption of new plans",
            follow_plan(
                plan.clone(),
                news,
                jwks.clone(),
                inbox.clone(),
                telemetry.clone(),
                stop(),
            ),
        );
        self.keep(
            "the watch over silent sources",
            silence::watch(plan.clone(), inbox.clone(), telemetry.clone(), stop()),
        );
        self.keep("the refresh of keys", jwks.clone().run(stop()));
        let (connection, stopped) = (temporal.clone(), stop());
        self.keep("the connection to Temporal", async move {
            connection.run(stopped).await;
        });
        self.keep(
            "delivery",
            delivery::run(inbox, temporal, telemetry, delivery, stop()),
        );
    }

    /// A task that works until it is told to stop, and its name for the log if it ends before.
    fn keep(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(async move {
            task.await;
            name
        });
    }

    /// Looks for the audit file at its path again and reads the routing file anew, because `who` asked for it;
    /// what came of it is in the log. False: the plan before is still served.
    pub async fn reload(&self, who: &str) -> bool {
        self.telemetry.reopen_audit();
        let plan = Arc::clone(&self.plan);
        let reloaded = tokio::task::spawn_blocking(move || plan.reload().is_ok()).await;
        let (outcome, reason) = match reloaded {
            Ok(true) => ("accepted", None),
            Ok(false) => ("refused", Some("problems")),
            Err(_) => ("failed", Some("panic")),
        };
        self.telemetry.audit(audit::Entry {
            request: "",
            action: "reload",
            outcome,
            who,
            subject: Subject::Process {},
            workflow: None,
            events: None,
            reason,
        });
        outcome == "accepted"
    }

    /// Returns when a task has ended that never should, with its name.
    pub async fn broken(&mut self) -> String {
        let ended = tokio::select! {
            Some(ended) = self.background.join_next() => ended,
            Some(ended) = self.listeners.join_next() => ended,
            else => return "everything".to_owned(),
        };
        match ended {
            Ok(name) => name.to_owned(),
            Err(error) => format!("a task ({error})"),
        }
    }

    /// The orderly end: unready at once, accepting for a while yet, or until `hurry`; then finishing what is in
    /// flight.
    pub async fn drain(self, hurry: impl Future<Output = ()>) {
        self.draining.store(true, Ordering::Relaxed);
        tracing::info!(delay = ?self.drain_delay, "draining: not ready any more, still accepting");
        tokio::select! {
            () = tokio::time::sleep(self.drain_delay) => {}
            () = hurry => {}
        }
        self.drain_now().await;
    }

    /// The same without waiting for load balancers to notice.
    pub async fn drain_now(mut self) {
        self.draining.store(true, Ordering::Relaxed);
        self.stop_listeners.cancel();
        self.stop_background.cancel();
        let all = async {
            while self.listeners.join_next().await.is_some() {}
            while self.background.join_next().await.is_some() {}
        };
        // The listeners cut their connections at the same limit; a little more lets them say so.
        let limit = self.drain + Duration::from_secs(1);
        let ends = Instant::now() + self.drain;
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!(
                "the time to drain is over; deliveries in flight stay pending and are repeated at the next start"
            );
        }
        self.background.shutdown().await;
        self.inbox.close().await;
        let left = ends.saturating_duration_since(Instant::now());
        self.telemetry.tracer().close(left.max(LAST_SPANS)).await;
        tracing::info!("stopped");
    }
}

/// Tells those who follow a plan that it is now the one served.
fn adopt(plan: &config::Plan, jwks: &Jwks, telemetry: &Telemetry) {
    let rings: Vec<_> = plan.key_rings().collect();
    jwks.adopt(&rings);
    let holders: Vec<_> = plan.secret_holders().collect();
    telemetry.secrets_read(holders.iter().map(|(name, stale)| (&**name, *stale)));
    telemetry.serves(
        plan.sources.keys().map(AsRef::as_ref),
        plan.routes.iter().map(|(route, _)| &*route.name),
        plan.queries.iter().map(|rule| &*rule.name),
    );
}

/// Hands the key rings of each new plan to the keys' keeper, and keeps the metrics of the config and what other replicas see of it in
/// step.
async fn follow_plan(
    plan: Arc<PlanHandle>,
    mut status: watch::Receiver<Status>,
    jwks: Arc<Jwks>,
    inbox: Inbox,
    telemetry: Telemetry,
    stop: impl Future<Output = ()>,
) {
    // Whatever comes first is adopted: what was looked at before may be older.
    let mut generation = 0;
    let follow = async {
        while status.changed().await.is_ok() {
            let now = status.borrow_and_update().clone();
            match &now.last_problem {
                Some(problem) => telemetry.config_refused(problem),
                None => telemetry.config_loaded(&now.digest),
            }
            if now.generation != generation {
                generation = now.generation;
                adopt(&plan.current(), &jwks, &telemetry);
                inbox.announce(&now.digest);
            }
        }
    };
    tokio::select! {
        () = follow => {}
        () = stop => {}
    }
}
