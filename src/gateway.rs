//! Builds everything, owns every task, drains on shutdown.
//!
//! The one place that knows all components. They take small `Options` of their own and never see the
//! settings. A task that ends by itself takes the process down: a gateway that accepts and does not
//! deliver would be worse than none.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{self, PlanHandle};
use crate::inbox::{self, Inbox};
use crate::jwks::Jwks;
use crate::secret::Secret;
use crate::server::listener::Listener;
use crate::server::{self, Limits, Ops, Public};
use crate::telemetry::Telemetry;
use crate::temporal::{self, Temporal};
use crate::{delivery, jwks};

/// Everything a gateway is made of.
#[derive(Debug)]
pub struct Options {
    pub routes: PathBuf,
    pub config: config::Options,
    pub store: inbox::Options,
    pub temporal: temporal::Options,
    pub delivery: delivery::Options,
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
    pub limits: Limits,
    pub ops_token: Option<Secret>,
    /// After the signal to stop, requests are still accepted for so long.
    pub drain_delay: Duration,
    /// Then what is in flight has so long to finish.
    pub drain: Duration,
}

/// Why a gateway does not start: one sentence that says what to do, or the problems of the routing file.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Config(String),
    #[error(transparent)]
    Store(#[from] inbox::Error),
    #[error(transparent)]
    Temporal(#[from] temporal::Error),
    #[error(transparent)]
    Listen(#[from] server::listener::Error),
}

/// A running gateway.
pub struct Gateway {
    public: SocketAddr,
    ops: SocketAddr,
    inbox: Inbox,
    telemetry: Telemetry,
    draining: Arc<AtomicBool>,
    /// Delivery, key refresh, config watch, Temporal's connection.
    background: JoinSet<&'static str>,
    listeners: JoinSet<&'static str>,
    stop_background: CancellationToken,
    stop_listeners: CancellationToken,
    drain_delay: Duration,
    drain: Duration,
}

impl Gateway {
    /// Starts all of it. Temporal away is no reason to fail; a taken port, a bad routing file or a store in
    /// use by another process is.
    pub async fn start(options: Options, telemetry: Telemetry) -> Result<Self, StartError> {
        let plan = PlanHandle::load(&options.routes, options.config, telemetry.clone()).map_err(StartError::Config)?;
        let public = Listener::bind(options.listen, "--listen").await?;
        let ops = Listener::bind(options.ops_listen, "--ops-listen").await?;
        let inbox = Inbox::open(options.store)?;
        let temporal = Temporal::new(options.temporal, telemetry.clone())?;
        let jwks = Jwks::new(jwks::Options::default());
        let mut gateway = Self {
            public: public.local_addr(),
            ops: ops.local_addr(),
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
        let state = Public {
            plan: plan.clone(),
            inbox: inbox.clone(),
            temporal: temporal.clone(),
            jwks: Arc::clone(&jwks),
            telemetry: telemetry.clone(),
            limits: options.limits.clone(),
        };
        let ops_state = Ops {
            plan: plan.clone(),
            inbox: inbox.clone(),
            temporal: temporal.clone(),
            telemetry: telemetry.clone(),
            token: options.ops_token.map(Arc::new),
            draining: Arc::clone(&gateway.draining),
        };
        gateway.spawn_background(plan, jwks, temporal, inbox, telemetry, options.delivery);
        gateway.spawn_listeners(public, state, ops, ops_state, &options.limits);
        tracing::info!(public = %gateway.public, ops = %gateway.ops, "listening");
        Ok(gateway)
    }
}
