//! `signalpost serve`: the gateway, until it is told to stop.

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::notify::Notifier;
use super::{End, complain};
use crate::gateway::{Gateway, Options};
use crate::inbox::{self, embedded, redis};
use crate::settings::{ServeOptions, ServeSettings, Store, traces};
use crate::telemetry::{Telemetry, log};
use crate::temporal::{self, Temporal};
use crate::{config, delivery};

/// Serve webhooks and queries.
///
/// Where Temporal is, its own variables say: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`,
/// `TEMPORAL_API_KEY`, `TEMPORAL_TLS_*`, `TEMPORAL_PROFILE`; `TEMPORAL_UI_URL` is for links. Temporal away is no reason not to start:
/// events are kept and delivered once it answers. Neither is Redis, where it is the store: webhooks are answered 503 until it is there. The routing file is read again when it changes or on
/// SIGHUP, which also looks for a moved audit file; SIGTERM drains, and a second one cuts the drain delay short. Exit code 1 if it cannot start, 2 if a setting is malformed.
///
/// Traces go where OpenTelemetry's own variables say, and nowhere unless `OTEL_EXPORTER_OTLP_ENDPOINT` or
/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` gives an address: `OTEL_EXPORTER_OTLP_*` (`HEADERS`, `PROTOCOL`: http/protobuf,
/// `TIMEOUT`, `COMPRESSION`), `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and its `_ARG`, `OTEL_BSP_*`,
/// `OTEL_TRACES_EXPORTER`, `OTEL_SDK_DISABLED`. `--trusted-proxies` are whose `traceparent` is gone on with.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: ServeSettings,
}

pub(super) async fn run(arguments: Arguments) -> End {
    let settings = match arguments.settings.options() {
        Ok(settings) => settings,
        Err(error) => {
            complain(&error.to_string());
            return End::Usage;
        }
    };
    if let Err(error) = log::init(&settings.log) {
        complain(&error.to_string());
        return End::Usage;
    }
    // Before anything is open: a signal that comes while it starts shall find somebody.
    let Ok(signals) = Signals::listen() else {
        complain("the system takes no signal handlers");
        return End::Problem;
    };
    let telemetry = match Telemetry::open(&settings.audit) {
        Ok(telemetry) => traced(telemetry),
        Err(error) => {
            complain(&error.to_string());
            return End::Usage;
        }
    };
    let reached = temporal::Options {
        api_key_file: settings.temporal_api_key_file.clone(),
        ..temporal::Options::default()
    };
    let temporal = match Temporal::new(&reached, telemetry.clone()) {
        Ok(temporal) => temporal,
        Err(error) => {
            complain(&error.to_string());
            return End::Usage;
        }
    };
    let options = options(settings, temporal.namespace());
    let notifier = Notifier::open();
    match Gateway::start(options, temporal, telemetry).await {
        Ok(gateway) => until_stopped(gateway, signals, &notifier).await,
        Err(error) => {
            complain(&error.to_string());
            End::Problem
        }
    }
}

/// With traces, if they are wanted. Others set these variables too, an operator of the cluster perhaps, and not for us
/// alone: what cannot be obeyed is said and costs the traces, never the start.
pub(super) fn traced(telemetry: Telemetry) -> Telemetry {
    let said = |error: &dyn std::error::Error| {
        let trouble = error.to_string();
        tracing::error!(trouble, "there are no traces");
    };
    let traces = traces(|name| std::env::var(name).ok()).unwrap_or_else(|error| {
        said(&error);
        None
    });
    telemetry.clone().traced(traces).unwrap_or_else(|error| {
        said(&error);
        telemetry
    })
}

/// The settings, cut up for the gateway.
pub(super) fn options(settings: ServeOptions, namespace: &str) -> Options {
    let mut config = config::Options::new(namespace);
    config.allow_unverified = settings.allow_unverified;
    config.max_body = Some(settings.body.max_bytes);
    config.public_url = settings.public_url;
    let (max_backlog, retention) = (settings.max_backlog, settings.retention);
    let store = match settings.store {
        Store::File(path) => inbox::Options::Embedded(embedded::Options {
            max_backlog,
            retention,
            ..embedded::Options::new(path)
        }),
        Store::Redis(redis) => inbox::Options::Redis(redis::Options {
            max_backlog,
            retention,
            ..redis
        }),
    };
    Options {
        routes: settings.routes,
        config,
        store,
        delivery: delivery::Options::default(),
        listen: settings.listen,
        listener: settings.listener,
        tls: settings.tls,
        ops_listen: settings.ops_listen,
        ops_listener: settings.ops_listener,
        operators: settings.operators,
        temporal_ui: temporal_ui(),
        body: settings.body,
        max_in_flight: settings.max_in_flight,
        rates: settings.rates,
        proxies: settings.proxies,
        cors: settings.cors,
        drain_delay: settings.drain_delay,
        drain: settings.drain,
    }
}

/// Where Temporal's own pages are, for links; named like Temporal's other variables. What is no address is said, and
/// there are no links then: nothing else depends on it.
fn temporal_ui() -> Option<reqwest::Url> {
    let url = std::env::var("TEMPORAL_UI_URL").ok()?;
    match reqwest::Url::parse(&url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
        _ => {
            complain("TEMPORAL_UI_URL is no http or https address: there will be no links");
            None
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// A person who asks again does not want to wait for load balancers.
    async fn asked_again(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// SIGTERM drains, Ctrl-C drains without the wait for load balancers, SIGHUP reads the routing file anew.
async fn until_stopped(mut gateway: Gateway, mut signals: Signals, notifier: &Notifier) -> End {
    notifier.ready(&serving(&gateway));
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => {
                notifier.stopping("draining");
                gateway.drain(signals.asked_again()).await;
                return End::Ok;
            }
            _ = signals.interrupt.recv() => {
                notifier.stopping("draining");
                gateway.drain_now().await;
                return End::Ok;
            }
            _ = signals.hangup.recv() => {
                notifier.reloading();
                if gateway.reload("SIGHUP").await {
                    notifier.ready(&serving(&gateway));
                } else {
                    notifier.ready("the routing file was refused; the one before is served");
                }
            }
            task = gateway.broken() => {
                tracing::error!("{task} ended by itself: a gateway cannot go on without it");
                notifier.stopping("a task has ended");
                gateway.drain_now().await;
                return End::Problem;
            }
        }
    }
}

fn serving(gateway: &Gateway) -> String {
    let (public, ops) = (gateway.public_address(), gateway.ops_address());
    format!("serving on {public}, operators on {ops}")
}
