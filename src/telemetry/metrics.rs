//! The metrics of the contract: names, labels, buckets.
//!
//! Only `report` touches them. Label values are names from routes.toml or constants of ours, never
//! text of a request: the number of series is bounded by the configuration. prometheus-client
//! appends `_total` to counters and `_info` to infos by itself.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

/// An answer should take milliseconds: fine below 100 ms, coarse above.
const ANSWER_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0,
];
/// A delivery may wait for a workflow for a day.
const LAG_BUCKETS: [f64; 13] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0, 86400.0,
];

macro_rules! labels {
    ($($name:ident { $($field:ident : $kind:ty),* })*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
            pub(super) struct $name { $(pub(super) $field: $kind),* }
        )*
    };
}

labels! {
    BySource { source: String }
    BySourceOutcome { source: String, outcome: &'static str }
    BySourceReason { source: String, reason: &'static str }
    ByRoute { route: String }
    ByRouteOutcome { route: String, outcome: &'static str }
    ByState { state: &'static str }
    ByQuery { query: String }
    ByQueryOutcome { query: String, outcome: &'static str }
    ByMethodCode { method: &'static str, code: &'static str }
    ByDigest { digest: String }
    ByWhat { what: &'static str }
    ByPartition { partition: u16 }
    ByListener { listener: &'static str }
    ByCertificate { certificate: &'static str }
    ByReason { reason: &'static str }
}

/// How a family makes the histogram of a new series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Histograms<L> = Family<L, Histogram, Buckets>;

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    pub(super) webhooks: Family<BySourceOutcome, Counter>,
    pub(super) handshakes: Family<BySourceOutcome, Counter>,
    pub(super) webhook_duration: Histograms<BySource>,
    pub(super) webhook_refusals: Family<BySourceReason, Counter>,
    pub(super) source_last_event: Family<BySource, Gauge>,
    pub(super) source_silence: Family<BySource, Gauge<f64, AtomicU64>>,
    pub(super) source_silent: Family<BySource, Gauge>,
    pub(super) deliveries: Family<ByRouteOutcome, Counter>,
    pub(super) delivery_lag: Histograms<ByRoute>,
    pub(super) inbox_deliveries: Family<ByState, Gauge>,
    pub(super) inbox_oldest: Gauge,
    pub(super) inbox_overdue: Gauge,
    pub(super) store_bytes: Gauge,
    pub(super) store_limit: Gauge,
    pub(super) temporal_connected: Gauge,
    pub(super) redis_duration: Histograms<ByWhat>,
    pub(super) redis_replicas: Gauge,
    pub(super) partitions_owned: Gauge,
    pub(super) partition_moves: Family<ByWhat, Counter>,
    pub(super) partition_deliveries: Family<ByPartition, Gauge>,
    pub(super) partition_oldest: Family<ByPartition, Gauge>,
    pub(super) redis_round_trip: Gauge<f64, AtomicU64>,
    pub(super) queries: Family<ByQueryOutcome, Counter>,
    pub(super) query_duration: Histograms<ByQuery>,
    pub(super) query_callers: Gauge,
    pub(super) temporal_requests: Family<ByMethodCode, Counter>,
    pub(super) temporal_refusals: Family<ByWhat, Counter>,
    pub(super) reload_successful: Gauge,
    pub(super) reload_success_time: Gauge,
    pub(super) config_info: Family<ByDigest, Gauge>,
    pub(super) secret_unreadable: Family<BySource, Gauge>,
    pub(super) tls_reload_successful: Family<ByListener, Gauge>,
    pub(super) tls_expiry: Family<ByListener, Gauge>,
    pub(super) tls_handshake_failures: Family<ByReason, Counter>,
    pub(super) tls_clients: Family<ByCertificate, Counter>,
    pub(super) audit_failures: Counter,
    pub(super) spans_dropped: Family<ByReason, Counter>,
    pub(super) overloaded: Counter,
    pub(super) turned_away: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("signalpost"),
            webhooks: Family::default(),
            handshakes: Family::default(),
            webhook_duration: Family::new_with_constructor(Buckets(&ANSWER_BUCKETS)),
            webhook_refusals: Family::default(),
            source_last_event: Family::default(),
            source_silence: Family::default(),
            source_silent: Family::default(),
            deliveries: Family::default(),
            delivery_lag: Family::new_with_constructor(Buckets(&LAG_BUCKETS)),
            inbox_deliveries: Family::default(),
            inbox_oldest: Gauge::default(),
            inbox_overdue: Gauge::default(),
            store_bytes: Gauge::default(),
            store_limit: Gauge::default(),
            temporal_connected: Gauge::default(),
            redis_duration: Family::new_with_constructor(Buckets(&ANSWER_BUCKETS)),
            redis_replicas: Gauge::default(),
            partitions_owned: Gauge::default(),
            partition_moves: Family::default(),
            partition_deliveries: Family::default(),
            partition_oldest: Family::default(),
            redis_round_trip: Gauge::default(),
            queries: Family::default(),
            query_duration: Family::new_with_constructor(Buckets(&ANSWER_BUCKETS)),
            query_callers: Gauge::default(),
            temporal_requests: Family::default(),
            temporal_refusals: Family::default(),
            reload_successful: Gauge::default(),
            reload_success_time: Gauge::default(),
            config_info: Family::default(),
            secret_unreadable: Family::default(),
            tls_reload_successful: Family::default(),
            tls_expiry: Family::default(),
            tls_handshake_failures: Family::default(),
            tls_clients: Family::default(),
            audit_failures: Counter::default(),
            spans_dropped: Family::default(),
            overloaded: Counter::default(),
            turned_away: Counter::default(),
        };
        metrics.register_pipeline();
        metrics.register_sources();
        metrics.register_process();
        metrics.register_shared();
        metrics.register_tls();
        metrics
    }

    /// What moves with events, deliveries and queries.
    fn register_pipeline(&mut self) {
        let mut add = Adder(&mut self.registry);
        add.metric("webhooks", "Webhooks answered", &self.webhooks);
        add.metric("handshakes", "Handshakes of providers", &self.handshakes);
        add.metric(
            "webhook_duration_seconds",
            "From the first byte handled to the answer",
            &self.webhook_duration,
        );
        add.metric(
            "webhook_refusals",
            "Webhooks refused, by cause",
            &self.webhook_refusals,
        );
        add.metric(
            "deliveries",
            "Deliveries settled, and attempts put off",
            &self.deliveries,
        );
        add.metric(
            "delivery_lag_seconds",
            "From acceptance to the signal",
            &self.delivery_lag,
        );
        add.metric(
            "inbox_deliveries",
            "Deliveries in the store",
            &self.inbox_deliveries,
        );
        add.metric(
            "inbox_oldest_seconds",
            "Age of the oldest pending delivery",
            &self.inbox_oldest,
        );
        add.metric(
            "inbox_overdue",
            "Events past retention that are kept for what is pending or parked",
            &self.inbox_overdue,
        );
        add.metric("queries", "Queries answered", &self.queries);
        add.metric(
            "query_duration_seconds",
            "From the first byte handled to the answer",
            &self.query_duration,
        );
        add.metric(
            "query_callers",
            "Permitted callers who wait for an answer",
            &self.query_callers,
        );
    }

    /// What is known of the senders.
    fn register_sources(&mut self) {
        let mut add = Adder(&mut self.registry);
        add.metric(
            "source_last_event_timestamp_seconds",
            "When a source last sent an event that was proven",
            &self.source_last_event,
        );
        add.metric(
            "source_silence_seconds",
            "What the routing file says about how long a source may send nothing",
            &self.source_silence,
        );
        add.metric(
            "source_silent",
            "1 while a source has sent nothing for longer than that",
            &self.source_silent,
        );
    }

    /// What belongs to the process and its surroundings.
    fn register_process(&mut self) {
        let mut add = Adder(&mut self.registry);
        add.metric("store_bytes", "Bytes the store uses", &self.store_bytes);
        add.metric(
            "store_limit_bytes",
            "Bytes beyond which settled events leave before their time; 0: none",
            &self.store_limit,
        );
        add.metric(
            "temporal_connected",
            "Whether there is a connection to Temporal",
            &self.temporal_connected,
        );
        add.metric(
            "redis_round_trip_seconds",
            "To Redis and back, as last measured; 0 where it is not the store",
            &self.redis_round_trip,
        );
        add.metric(
            "temporal_requests",
            "Calls to Temporal",
            &self.temporal_requests,
        );
        add.metric(
            "temporal_refusals",
            "Calls that Temporal refused for our namespace or our credentials",
            &self.temporal_refusals,
        );
        add.metric(
            "config_last_reload_successful",
            "Whether the last load of the routing file succeeded",
            &self.reload_successful,
        );
        add.metric(
            "config_last_reload_success_timestamp_seconds",
            "When the routing file was last loaded",
            &self.reload_success_time,
        );
        add.metric(
            "config_info",
            "The routing that is served",
            &self.config_info,
        );
        add.metric(
            "secret_unreadable",
            "1 while a secret of the source cannot be read",
            &self.secret_unreadable,
        );
        add.metric(
            "audit_failures",
            "Audit lines that could not be written",
            &self.audit_failures,
        );
        add.metric(
            "spans_dropped",
            "Spans that no receiver of traces took, by cause",
            &self.spans_dropped,
        );
        add.metric(
            "overloaded",
            "Requests turned away before any handler saw them",
            &self.overloaded,
        );
        add.metric(
            "turned_away",
            "Requests of addresses that sent too many",
            &self.turned_away,
        );
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        self.registry
            .register("build", "The program that runs", Info::new(version));
    }

    /// What moves only where many replicas share the store.
    fn register_shared(&mut self) {
        let mut add = Adder(&mut self.registry);
        add.metric(
            "redis_duration_seconds",
            "From a call to Redis, or a batch with its wait, to the answer",
            &self.redis_duration,
        );
        add.metric(
            "redis_replicas",
            "Gateways that live and share the store",
            &self.redis_replicas,
        );
        add.metric(
            "partitions_owned",
            "Partitions whose lanes this replica works",
            &self.partitions_owned,
        );
        add.metric(
            "partition_moves",
            "Partitions that came to this replica or went from it",
            &self.partition_moves,
        );
        add.metric(
            "partition_deliveries",
            "What stands in the lanes of a partition of this replica",
            &self.partition_deliveries,
        );
        add.metric(
            "partition_oldest_seconds",
            "Age of the oldest pending delivery of a partition of this replica",
            &self.partition_oldest,
        );
    }

    /// What belongs to the certificate of the public listener.
    fn register_tls(&mut self) {
        let mut add = Adder(&mut self.registry);
        add.metric(
            "tls_last_reload_successful",
            "Whether the TLS files, as they are now, are the ones served with",
            &self.tls_reload_successful,
        );
        add.metric(
            "tls_certificate_expiry_timestamp_seconds",
            "When the certificate in use expires",
            &self.tls_expiry,
        );
        add.metric(
            "tls_handshake_failures",
            "Connections that came to no TLS, by cause",
            &self.tls_handshake_failures,
        );
        add.metric(
            "tls_clients",
            "Connections of clients that were asked for a certificate and let in",
            &self.tls_clients,
        );
    }

    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String fails only if an encoder does, and ours have nothing to refuse.
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics cannot be encoded");
        }
        text
    }
}

struct Adder<'a>(&'a mut Registry);

impl Adder<'_> {
    /// Families are handles: the registry's clone shares the series.
    fn metric<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: &M) {
        self.0.register(name, help, metric.clone());
    }
}
