//! Counters that are there before they count: an alert on their growth sees the first event too.
//!
//! A counter that appears with 1 has not grown, as Prometheus sees it.

use super::super::Telemetry;
use super::super::metrics::{ByQueryOutcome, ByRouteOutcome, BySourceOutcome};
use super::{QueryOutcome, WebhookOutcome};

/// As `delivered`, `delivery_parked`, `delivery_dropped` and `delivery_retried` count them.
const DELIVERY_OUTCOMES: [&str; 4] = ["delivered", "parked", "dropped", "retried"];

impl Telemetry {
    /// What a plan serves, by the names of the routing file. Those of the plan before stay, with what they counted.
    pub fn serves<'a>(
        &self,
        sources: impl Iterator<Item = &'a str>,
        routes: impl Iterator<Item = &'a str>,
        queries: impl Iterator<Item = &'a str>,
    ) {
        for source in sources {
            for outcome in WebhookOutcome::ALL.map(WebhookOutcome::label) {
                let source = source.to_owned();
                let by = BySourceOutcome { source, outcome };
                drop(self.metrics.webhooks.get_or_create(&by));
            }
        }
        for route in routes {
            for outcome in DELIVERY_OUTCOMES {
                let route = route.to_owned();
                let by = ByRouteOutcome { route, outcome };
                drop(self.metrics.deliveries.get_or_create(&by));
            }
        }
        for query in queries {
            for outcome in QueryOutcome::ALL.map(QueryOutcome::label) {
                let query = query.to_owned();
                let by = ByQueryOutcome { query, outcome };
                drop(self.metrics.queries.get_or_create(&by));
            }
        }
    }
}
