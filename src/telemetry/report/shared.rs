//! What only a gateway reports that shares its store with others.

use std::time::Duration;

use super::super::Telemetry;
use super::super::metrics::{ByPartition, ByWhat};
use super::gauge;

impl Telemetry {
    /// Redis answered a batch or a call; `what` is a constant and becomes a label.
    pub fn redis_answered(&self, what: &'static str, took: Duration) {
        self.metrics
            .redis_duration
            .get_or_create(&ByWhat { what })
            .observe(took.as_secs_f64());
    }

    /// A partition has come to this replica or gone from it; `how` is a constant and becomes a label.
    pub fn lease_moved(&self, how: &'static str) {
        self.metrics
            .partition_moves
            .get_or_create(&ByWhat { what: how })
            .inc();
    }

    /// The partitions whose lanes this replica works: number, members, age of the oldest pending one.
    pub fn set_partitions(&self, owned: &[(u16, u64, Duration)]) {
        self.metrics.partitions_owned.set(gauge(owned.len() as u64));
        self.metrics.partition_deliveries.clear();
        self.metrics.partition_oldest.clear();
        for &(partition, members, oldest) in owned {
            let by = ByPartition { partition };
            self.metrics
                .partition_deliveries
                .get_or_create(&by)
                .set(gauge(members));
            self.metrics
                .partition_oldest
                .get_or_create(&by)
                .set(gauge(oldest.as_secs()));
        }
    }

    pub fn set_replicas(&self, living: u64) {
        self.metrics.redis_replicas.set(gauge(living));
    }
}
