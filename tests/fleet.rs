//! The ledger on Redis: three replicas, any of which may be asked, while replicas, Redis and Temporal are killed.
//!
//! As in `ledger`, what was answered 2xx is compared with what stands in the histories, and a seed decides what dies when.
//! `tests/ledger.sh --store redis --events 50000 --kills 20 --seed 7` for the long run. `handover` beside it is about single
//! replicas: frozen ones, ones that are replaced.

mod handover;
mod plan;
mod rolling;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::chaos::Wire;
use crate::support::gateway::{Gateway, Setup};
use crate::support::live::LiveWorker;
use crate::support::plan::{Choices, Plan, Strike};
use crate::support::provider::{self, Bases, Progress};
use crate::support::redis::Redis;
use crate::support::workflows::{PrivateServer, unique};
use crate::support::{ledger, sender, within};
use plan::Fault;

const REPLICAS: usize = 3;
const WORKFLOWS: usize = 32;
/// Long runs have their own patience: a provider repeats for days.
const PATIENCE: Duration = Duration::from_mins(30);
/// Longer than a lease.
const FROZEN: Duration = Duration::from_secs(10);

/// A replica on this Redis, its own wire to Temporal.
async fn replica(redis: &Redis, temporal: &str) -> Gateway {
    Setup::new(ledger::ROUTES, temporal)
        .env("SECRET", sender::STRIPE_SECRET)
        .store(PathBuf::from(redis.url()))
        .flag("--drain-delay", "1s")
        .start()
        .await
}

/// Everything that can be killed.
struct Fleet {
    server: PrivateServer,
    _worker: LiveWorker,
    wire: Wire,
    redis: Redis,
    replicas: Vec<Gateway>,
    bases: Bases,
    progress: Arc<Progress>,
    /// A replica that was killed and has not come back.
    dead: Option<usize>,
}

impl Fleet {
    async fn set() -> Self {
        let server = PrivateServer::quick().await;
        let worker = LiveWorker::start(server.address());
        let wire = Wire::to(server.address()).await;
        let redis = Redis::start().await;
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            replicas.push(replica(&redis, wire.address()).await);
        }
        let bases = provider::bases(replicas.iter().map(Gateway::public));
        Self {
            server,
            _worker: worker,
            wire,
            redis,
            replicas,
            bases,
            progress: Arc::default(),
            dead: None,
        }
    }

    async fn strike(&mut self, fault: Fault) {
        if let Some(dead) = self.dead.take() {
            self.replicas[dead].restart().await;
        }
        match fault {
            Fault::Replica(number) => self.replicas[number].restart().await,
            // It stays away until the next strike: its partitions must move.
            Fault::Death(number) => {
                self.replicas[number].kill();
                self.dead = Some(number);
            }
            Fault::Frozen(number) => {
                self.replicas[number].freeze();
                tokio::time::sleep(FROZEN).await;
                self.replicas[number].thaw();
            }
            Fault::Redis => {
                self.redis.kill();
                self.redis.restart().await;
            }
            Fault::Temporal => {
                self.server.kill().await;
                self.server.restart().await;
            }
            Fault::Wire => self.wire.cut(),
        }
        let alive = |number: &usize| self.dead != Some(*number);
        let bases = (0..REPLICAS).filter(alive);
        provider::moved(
            &self.bases,
            bases.map(|number| self.replicas[number].public()),
        );
    }

    fn living(&self) -> &Gateway {
        &self.replicas[usize::from(self.dead == Some(0))]
    }

    /// Deliveries that are pending, as any living replica counts them.
    async fn pending(&self) -> Option<u64> {
        let text = self.living().metrics().await;
        let prefix = "signalpost_inbox_deliveries{state=\"pending\"}";
        text.contains(prefix).then(|| ledger::sum(&text, prefix))
    }

    /// Strikes as chosen; how many strikes met deliveries in flight.
    async fn strike_along_the_way(&mut self, choices: &Choices<Fault>) -> usize {
        let mut in_flight = 0;
        for (number, &Strike { at, fault }) in (1..).zip(&choices.strikes) {
            within(PATIENCE, &format!("{at} events are answered"), || {
                std::future::ready(self.progress.answered.load(Ordering::Relaxed) >= at)
            })
            .await;
            let pending = self.pending().await.unwrap_or_default();
            in_flight += usize::from(pending > 0);
            eprintln!(
                "fleet: {number}/{} at {at} events: {fault:?}, {pending} pending",
                choices.strikes.len()
            );
            self.strike(fault).await;
        }
        in_flight
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_lose_nothing_repeat_nothing_and_keep_the_order_while_everything_dies() {
    let plan = Plan::from_environment(1_500, 6);
    let choices = plan.choose(WORKFLOWS, |dice, kill| Fault::roll(dice, kill, REPLICAS));
    eprintln!(
        "fleet: {REPLICAS} replicas, {} events, {} kills, seed {}: {choices}",
        plan.events, plan.kills, plan.seed
    );
    let started = Instant::now();
    let mut fleet = Fleet::set().await;
    let orders: Vec<String> = (0..WORKFLOWS).map(|_| unique("f")).collect();
    let workflows = fleet.server.workflows().await;
    workflows.start_all_live(&orders, &choices.runs).await;
    let each = plan.events.div_ceil(WORKFLOWS);
    let mut providers = provider::provide_all(&orders, each, &fleet.bases, &fleet.progress);
    let in_flight = fleet.strike_along_the_way(&choices).await;
    assert!(
        in_flight > 0,
        "no kill met work in flight: this run has shown nothing"
    );
    while let Some(end) = providers.join_next().await {
        end.expect("a provider");
    }
    eprintln!(
        "fleet: all answered after {:?}, waiting for the rest to arrive",
        started.elapsed()
    );
    within(PATIENCE, "every delivery is settled", || async {
        fleet.pending().await == Some(0)
    })
    .await;
    let workflows = fleet.server.workflows().await;
    let unknown = ledger::unknown(fleet.living(), each * WORKFLOWS).await;
    let mut runs = 0;
    for order in &orders {
        runs += ledger::compare(&workflows, order, each, &unknown).await;
    }
    eprintln!(
        "fleet: {} events, 0 lost, 0 twice, 0 reordered, {} parked as unknown; {runs} runs of {WORKFLOWS} live workflows; \
         {in_flight} of {} kills met work in flight; {:?}; seed {}",
        each * WORKFLOWS,
        unknown.len(),
        plan.kills,
        started.elapsed(),
        plan.seed
    );
}
