//! Figures for `/ready` and metrics.
//!
//! One small script a second answers all of them, so that a probe never waits for Redis; who needs them exact asks for a count.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ::redis::Script;

use super::heads::DeliveryHead;
use super::keys::Keys;
use super::link::Link;
use super::{Error, Store};
use crate::clock::Timestamp;
use crate::inbox::{Overdue, Partition, Replica, Shared, Stats};
use crate::telemetry::Telemetry;

static STATS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/stats.lua")));

const BETWEEN_COUNTS: Duration = Duration::from_secs(1);
/// A replica that has been silent for longer counts as dead, milliseconds: as long as a lease lasts.
pub(super) const SILENCE: u32 = 8_000;

/// The figures as last counted, and what is needed to count them.
#[derive(Debug)]
pub(super) struct Gauges {
    keys: Keys,
    link: Arc<Link>,
    replica: String,
    last: Mutex<Stats>,
    telemetry: OnceLock<Telemetry>,
    /// Moves before there was anybody to report to: the first leases are taken while the store opens.
    early: Mutex<BTreeMap<&'static str, u32>>,
    /// Of the routing that this replica serves.
    digest: Mutex<String>,
}

/// As `stats.lua` answers.
type Answer = (
    Vec<u64>,
    Vec<u8>,
    Vec<(u16, u64, Vec<u8>)>,
    Vec<(String, i64, Vec<u8>)>,
);

/// Counts every second, until it is dropped.
pub(super) async fn run(gauges: Arc<Gauges>) {
    loop {
        // What keeps Redis from answering is told by those who need its promises.
        if let Err(error) = gauges.count().await {
            tracing::debug!(%error, "the figures could not be counted");
        }
        tokio::time::sleep(BETWEEN_COUNTS).await;
    }
}

impl Store {
    pub(in crate::inbox) fn stats(&self) -> Stats {
        Stats {
            trouble: self.board.stats().trouble,
            server: self.link.shown(),
            round_trip: self.link.round_trip(),
            ..self.gauges.last()
        }
    }

    pub(in crate::inbox) async fn count(&self) -> Result<Stats, Error> {
        self.written().await;
        self.gauges.count().await?;
        Ok(self.stats())
    }

    pub(in crate::inbox) fn announce(&self, digest: &str) {
        digest.clone_into(
            &mut self
                .gauges
                .digest
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    pub(in crate::inbox) fn report_to(&self, telemetry: &Telemetry) {
        let mut early = self.gauges.early();
        // Given once, by whoever built both.
        drop(self.gauges.telemetry.set(telemetry.clone()));
        for (how, count) in std::mem::take(&mut *early) {
            for _ in 0..count {
                telemetry.lease_moved(how);
            }
        }
    }
}

impl Gauges {
    pub(super) fn new(keys: Keys, link: Arc<Link>, replica: String) -> Self {
        Self {
            keys,
            link,
            replica,
            last: Mutex::default(),
            telemetry: OnceLock::new(),
            early: Mutex::default(),
            digest: Mutex::default(),
        }
    }

    /// What `replica:<id>` says of the routing; empty before the first announcement.
    pub(super) fn digest(&self) -> String {
        self.digest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A partition has come or gone: `taken`, `given up`, `lost`.
    pub(super) fn lease_moved(&self, how: &'static str) {
        let mut early = self.early();
        match self.telemetry.get() {
            Some(telemetry) => telemetry.lease_moved(how),
            None => *early.entry(how).or_default() += 1,
        }
    }

    // A few numbers, each whole.
    fn early(&self) -> MutexGuard<'_, BTreeMap<&'static str, u32>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redis has answered, after so long: `accept`, `work`, …
    pub(super) fn answered(&self, what: &'static str, took: Duration) {
        if let Some(telemetry) = self.telemetry.get() {
            telemetry.redis_answered(what, took);
        }
    }

    fn last(&self) -> Stats {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn count(&self) -> Result<(), Error> {
        let args = [
            self.replica.clone(),
            self.link.standing()?.partitions.to_string(),
            SILENCE.to_string(),
        ];
        let began = std::time::Instant::now();
        let answer: Answer = self.link.call(&STATS, self.keys.base(), &args).await?;
        self.answered("stats", began.elapsed());
        let stats = self.read(answer)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = stats;
        Ok(())
    }

    fn read(&self, (counts, oldest, partitions, replicas): Answer) -> Result<Stats, Error> {
        let [
            all,
            pending,
            parked,
            dropped,
            unrouted,
            bytes,
            events,
            of_them,
        ] = *counts
        else {
            return Err(Error::Unavailable("Redis counts strangely".to_owned()));
        };
        Ok(Stats {
            pending,
            parked,
            dropped,
            delivered: all.saturating_sub(pending + parked + dropped),
            unrouted,
            oldest_pending: accepted_at(&oldest),
            bytes,
            overdue: Overdue {
                events,
                bytes: of_them,
            },
            shared: Some(Shared {
                replica: self.replica.clone(),
                partitions: partitions
                    .into_iter()
                    .map(|(number, members, oldest)| Partition {
                        number,
                        members,
                        oldest: accepted_at(&oldest),
                    })
                    .collect(),
                replicas: replicas
                    .into_iter()
                    .map(|(id, seen, about)| Replica {
                        id,
                        seen: Timestamp::from_millis(seen),
                        about: serde_json::from_slice(&about).unwrap_or_default(),
                    })
                    .collect(),
            }),
            ..Stats::default()
        })
    }
}

fn accepted_at(doc: &[u8]) -> Option<Timestamp> {
    Some(DeliveryHead::from_doc(doc).ok()?.accepted_at)
}
