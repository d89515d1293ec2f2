//! One method for each fact: the log line and the metric, together.
//!
//! Levels: *error* needs a person, *warn* may come to need one, *info* is the life of the process,
//! *debug* the life of one request. Callers pass names from routes.toml; where a request named
//! something that is not there, they pass `None`, which counts under `unknown`.

mod record;
mod series;
mod sources;
mod tls;

use std::time::Duration;

use super::Telemetry;
use super::metrics::{
    ByDigest, ByMethodCode, ByQuery, ByQueryOutcome, ByRoute, ByRouteOutcome, BySource,
    BySourceOutcome, BySourceReason, ByState, ByWhat,
};
use crate::clock;
use crate::event::{Delivery, Reason, State};

/// The label of everything that routes.toml does not name.
const UNKNOWN: &str = "unknown";

/// What a webhook was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    Accepted,
    Duplicate,
    Unrouted,
    /// The caller's fault.
    Refused,
    /// Ours.
    Failed,
}

impl WebhookOutcome {
    const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Unrouted,
        Self::Refused,
        Self::Failed,
    ];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Unrouted => "unrouted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    const fn is_proven_event(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Unrouted)
    }
}

/// What a query was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryOutcome {
    Answered,
    Refused,
    Failed,
}

impl QueryOutcome {
    const ALL: [Self; 3] = [Self::Answered, Self::Refused, Self::Failed];

    const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The inbox in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxNumbers {
    pub pending: u64,
    pub parked: u64,
    pub delivered: u64,
    pub dropped: u64,
    /// Age of the oldest pending delivery; zero if there is none.
    pub oldest: Duration,
    /// Events past retention that are kept all the same.
    pub overdue: u64,
    pub bytes: u64,
    /// To the server that keeps it and back; none: it is a file, or away.
    pub round_trip: Option<Duration>,
}

/// A line about one delivery: the same fields under the same names in each of them.
macro_rules! of_delivery {
    ($level:ident, $message:literal, $delivery:ident, $($field:tt)+) => {
        tracing::$level!(
            delivery = %$delivery.id,
            route = %$delivery.route,
            workflow = $delivery.target.workflow,
            $($field)+,
            $message
        )
    };
}

impl Telemetry {
    /// Once for a request; `outcomes` has one for each of its events, or that of its refusal.
    pub fn webhook_answered(
        &self,
        source: Option<&str>,
        outcomes: &[WebhookOutcome],
        took: Duration,
    ) {
        let source = source.unwrap_or(UNKNOWN).to_owned();
        let by = BySource {
            source: source.clone(),
        };
        self.metrics
            .webhook_duration
            .get_or_create(&by)
            .observe(took.as_secs_f64());
        if outcomes.iter().any(|outcome| outcome.is_proven_event()) {
            self.source_sent(&source, clock::now());
        }
        for outcome in outcomes {
            let (source, outcome) = (source.clone(), outcome.label());
            tracing::debug!(source, outcome, ?took, "webhook answered");
            self.metrics
                .webhooks
                .get_or_create(&BySourceOutcome { source, outcome })
                .inc();
        }
    }

    /// `outcome` is a constant and becomes a label; `detail` says in the log why not.
    pub fn handshake_answered(
        &self,
        source: Option<&str>,
        outcome: &'static str,
        detail: Option<&str>,
    ) {
        let source = source.unwrap_or(UNKNOWN).to_owned();
        tracing::info!(source, outcome, detail, "handshake");
        self.metrics
            .handshakes
            .get_or_create(&BySourceOutcome { source, outcome })
            .inc();
    }

    /// `reason` is a constant and becomes a label; `detail` goes to the log only.
    pub fn webhook_refused(
        &self,
        source: Option<&str>,
        outcome: WebhookOutcome,
        reason: &'static str,
        detail: &str,
    ) {
        let source = source.unwrap_or(UNKNOWN).to_owned();
        if outcome == WebhookOutcome::Failed {
            tracing::warn!(source, reason, detail, "webhook failed");
        } else {
            // Not a warning: anybody can cause these, at any rate. The metric is what alerts watch.
            tracing::info!(source, reason, detail, "webhook refused");
        }
        self.metrics
            .webhook_refusals
            .get_or_create(&BySourceReason { source, reason })
            .inc();
    }

    /// A request was turned away because too many are in work; it reached no handler.
    pub fn overloaded(&self) {
        tracing::debug!("too many requests in work");
        self.metrics.overloaded.inc();
    }

    /// A request was turned away because its address sends too many; it reached no handler.
    pub fn turned_away(&self) {
        tracing::debug!("too many requests of one address");
        self.metrics.turned_away.inc();
    }

    /// `lag` is from acceptance to the signal.
    pub fn delivered(&self, delivery: &Delivery, lag: Duration) {
        of_delivery!(debug, "delivered", delivery, ?lag);
        let by = ByRoute {
            route: delivery.route.to_string(),
        };
        let seconds = lag.as_secs_f64();
        self.metrics
            .delivery_lag
            .get_or_create(&by)
            .observe(seconds);
        self.count_delivery(delivery, "delivered");
    }

    pub fn delivery_parked(&self, delivery: &Delivery, reason: Reason, detail: &str) {
        of_delivery!(
            warn,
            "delivery parked",
            delivery,
            reason = reason.code(),
            detail
        );
        self.count_delivery(delivery, "parked");
    }

    pub fn delivery_dropped(&self, delivery: &Delivery, reason: Reason, detail: &str) {
        of_delivery!(
            info,
            "delivery dropped",
            delivery,
            reason = reason.code(),
            detail
        );
        self.count_delivery(delivery, "dropped");
    }

    /// Parked or dropped as it was accepted: no attempt will be made.
    pub fn delivery_settled_at_birth(&self, delivery: &Delivery) {
        let Some(reason) = delivery.reason else {
            return;
        };
        let detail = delivery.last_error.as_deref().unwrap_or_default();
        match delivery.state {
            State::Parked => self.delivery_parked(delivery, reason, detail),
            State::Dropped => self.delivery_dropped(delivery, reason, detail),
            State::Pending | State::Delivered => {}
        }
    }

    /// An attempt that is to be made again: not a settled delivery, and counted under its own outcome.
    pub fn delivery_retried(&self, delivery: &Delivery, error: &str, after: Duration) {
        of_delivery!(debug, "delivery put off", delivery, error, ?after);
        self.count_delivery(delivery, "retried");
    }

    fn count_delivery(&self, delivery: &Delivery, outcome: &'static str) {
        let by = ByRouteOutcome {
            route: delivery.route.to_string(),
            outcome,
        };
        self.metrics.deliveries.get_or_create(&by).inc();
    }

    /// `rule` is the name under `[[queries]]`, if the path led to one; `detail` says what went wrong.
    pub fn query_answered(
        &self,
        rule: Option<&str>,
        outcome: QueryOutcome,
        took: Duration,
        detail: Option<&str>,
    ) {
        let query = rule.unwrap_or(UNKNOWN).to_owned();
        let label = outcome.label();
        match outcome {
            QueryOutcome::Answered => tracing::debug!(query, ?took, "query answered"),
            QueryOutcome::Refused => tracing::info!(query, ?took, detail, "query refused"),
            QueryOutcome::Failed => tracing::warn!(query, ?took, detail, "query failed"),
        }
        let by = ByQuery {
            query: query.clone(),
        };
        self.metrics
            .query_duration
            .get_or_create(&by)
            .observe(took.as_secs_f64());
        let by = ByQueryOutcome {
            query,
            outcome: label,
        };
        self.metrics.queries.get_or_create(&by).inc();
    }

    /// A permitted caller begins to wait for an answer, alone or with others.
    pub fn query_caller_came(&self) {
        self.metrics.query_callers.inc();
    }

    /// It has its answer, or gave up.
    pub fn query_caller_left(&self) {
        self.metrics.query_callers.dec();
    }

    /// `method` and `code` are the names of gRPC: `SignalWorkflowExecution`, `Unavailable`.
    pub fn temporal_call(&self, method: &'static str, code: &'static str) {
        tracing::trace!(method, code, "Temporal called");
        self.metrics
            .temporal_requests
            .get_or_create(&ByMethodCode { method, code })
            .inc();
    }

    pub fn temporal_connected(&self, server_version: &str) {
        tracing::info!(server_version, "connected to Temporal");
        self.metrics.temporal_connected.set(1);
    }

    pub fn temporal_lost(&self, error: &str) {
        tracing::error!(error, "Temporal cannot be reached; events are kept");
        self.metrics.temporal_connected.set(0);
    }

    /// `what` is a constant and becomes a label: our namespace, our credentials. `aloud`: not only counted.
    pub fn temporal_refused(&self, what: &'static str, message: &str, aloud: bool) {
        if aloud {
            tracing::error!(what, message, "Temporal refuses us: deliveries wait");
        }
        self.metrics
            .temporal_refusals
            .get_or_create(&ByWhat { what })
            .inc();
    }

    /// A routing file is now the one served.
    pub fn config_loaded(&self, digest: &str) {
        tracing::info!(digest, "configuration loaded");
        self.metrics.reload_successful.set(1);
        self.metrics.reload_success_time.set(clock::now().seconds());
        self.metrics.config_info.clear();
        let by = ByDigest {
            digest: digest.to_owned(),
        };
        self.metrics.config_info.get_or_create(&by).set(1);
    }

    /// A routing file was refused; the one before goes on being served.
    pub fn config_refused(&self, problems: &str) {
        tracing::error!(problems, "configuration refused, the one before stays");
        self.metrics.reload_successful.set(0);
    }

    /// The sources of a routing file now served, each with whether one of its secrets cannot be read, so that
    /// its last value stays in use.
    pub fn secrets_read<'a>(&self, sources: impl IntoIterator<Item = (&'a str, bool)>) {
        self.metrics.secret_unreadable.clear();
        for (source, unreadable) in sources {
            if unreadable {
                tracing::error!(source, "secret unreadable, its last value stays");
            }
            let by = BySource {
                source: source.to_owned(),
            };
            self.metrics
                .secret_unreadable
                .get_or_create(&by)
                .set(i64::from(unreadable));
        }
    }

    /// Beyond so many bytes settled events leave before their time.
    pub fn store_limited(&self, bytes: Option<u64>) {
        self.metrics.store_limit.set(gauge(bytes.unwrap_or(0)));
    }

    pub fn set_inbox(&self, numbers: &InboxNumbers) {
        let states = [
            ("pending", numbers.pending),
            ("parked", numbers.parked),
            ("delivered", numbers.delivered),
            ("dropped", numbers.dropped),
        ];
        for (state, count) in states {
            self.metrics
                .inbox_deliveries
                .get_or_create(&ByState { state })
                .set(gauge(count));
        }
        self.metrics
            .inbox_oldest
            .set(gauge(numbers.oldest.as_secs()));
        self.metrics.inbox_overdue.set(gauge(numbers.overdue));
        self.metrics.store_bytes.set(gauge(numbers.bytes));
        if let Some(round_trip) = numbers.round_trip {
            self.metrics.redis_round_trip.set(round_trip.as_secs_f64());
        }
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

mod shared;
#[cfg(test)]
mod tests;
