//! The ledger: what was answered 2xx against what stands in the histories, while everything is killed.
//!
//! Real gateway, real Temporal on a file, a wire between them that breaks; a worker whose workflows take their signals in and
//! continue as new; a provider that repeats until it is answered 2xx. A seed decides what dies when, and is printed: the same
//! seed makes the same choices (`plan`). Short by default; `tests/ledger.sh --events 50000 --kills 100 --seed 7` for the long run.

mod plan;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::chaos::Wire;
use crate::support::disk::Disk;
use crate::support::gateway::{Gateway, Setup};
use crate::support::live::LiveWorker;
use crate::support::plan::{Choices, Plan, Strike};
use crate::support::provider::{self, Bases, Progress};
use crate::support::workflows::{PrivateServer, unique};
use crate::support::{ledger, sender, within};
use plan::Fault;

const WORKFLOWS: usize = 32;
/// Long runs have their own patience: a provider repeats for days.
const PATIENCE: Duration = Duration::from_mins(30);

/// Everything that can be killed.
struct Stage {
    server: PrivateServer,
    _worker: LiveWorker,
    wire: Wire,
    gateway: Gateway,
    bases: Bases,
    progress: Arc<Progress>,
    /// Last, for the gateway's store is on it.
    disk: Disk,
}

impl Stage {
    async fn set(plan: &Plan) -> Self {
        let server = PrivateServer::quick().await;
        let worker = LiveWorker::start(server.address());
        let wire = Wire::to(server.address()).await;
        // Room for everything, so that it is full only when it is filled.
        let disk = Disk::of_mebibytes(128 + plan.events / 100);
        let gateway = Setup::new(ledger::ROUTES, wire.address())
            .env("SECRET", sender::STRIPE_SECRET)
            .store(disk.path().join("store.db"))
            .start()
            .await;
        let bases = provider::bases([gateway.public()]);
        Self {
            server,
            _worker: worker,
            wire,
            gateway,
            bases,
            progress: Arc::default(),
            disk,
        }
    }

    async fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Gateway => {
                self.gateway.restart().await;
                provider::moved(&self.bases, [self.gateway.public()]);
            }
            Fault::Temporal => {
                self.server.kill().await;
                self.server.restart().await;
            }
            Fault::Wire => self.wire.cut(),
            Fault::SlowWire => self.wire.slow_down(Duration::from_millis(40)),
            Fault::Disk if self.disk.can_be_filled() => self.fill_the_disk().await,
            Fault::Disk => {
                eprintln!("ledger: the disk stays as it is: nothing may be mounted here");
            }
        }
        if !matches!(fault, Fault::SlowWire) {
            self.wire.slow_down(Duration::ZERO);
        }
    }

    async fn fill_the_disk(&self) {
        let before = self.progress.refused.load(Ordering::Relaxed);
        self.disk.fill();
        within(PATIENCE, "a full disk is a 503", || {
            std::future::ready(self.progress.refused.load(Ordering::Relaxed) > before)
        })
        .await;
        self.disk.make_room();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_twice_or_out_of_order_while_everything_dies() {
    let plan = Plan::from_environment(2_000, 8);
    let choices = plan.choose(WORKFLOWS, |dice, _| Fault::roll(dice));
    eprintln!(
        "ledger: {} events, {} kills, seed {}: {choices}",
        plan.events, plan.kills, plan.seed
    );
    let started = Instant::now();
    let mut stage = Stage::set(&plan).await;
    let orders: Vec<String> = (0..WORKFLOWS).map(|_| unique("l")).collect();
    let workflows = stage.server.workflows().await;
    workflows.start_all_live(&orders, &choices.runs).await;
    let each = plan.events.div_ceil(WORKFLOWS);
    let mut providers = provider::provide_all(&orders, each, &stage.bases, &stage.progress);
    let in_flight = kill_along_the_way(&choices, &mut stage).await;
    assert!(
        in_flight > 0,
        "no kill met work in flight: this run has shown nothing"
    );
    while let Some(end) = providers.join_next().await {
        end.expect("a provider");
    }
    eprintln!(
        "ledger: all answered after {:?}, waiting for the rest to arrive",
        started.elapsed()
    );
    wait_for_quiet(&stage.gateway).await;
    let workflows = stage.server.workflows().await;
    let unknown = ledger::unknown(&stage.gateway, each * WORKFLOWS).await;
    let mut runs = 0;
    for order in &orders {
        runs += ledger::compare(&workflows, order, each, &unknown).await;
    }
    assert!(
        runs > WORKFLOWS,
        "no workflow continued as new: this run has shown nothing of live ones"
    );
    eprintln!(
        "ledger: {} events, 0 lost, 0 twice, 0 reordered, {} parked as unknown; {runs} runs of {WORKFLOWS} live workflows; \
         {in_flight} of {} kills met work in flight; {:?}; seed {}",
        each * WORKFLOWS,
        unknown.len(),
        plan.kills,
        started.elapsed(),
        plan.seed
    );
}

/// Strikes at even distances of progress; how many strikes met deliveries in flight.
async fn kill_along_the_way(choices: &Choices<Fault>, stage: &mut Stage) -> usize {
    let mut in_flight = 0;
    for (number, &Strike { at, fault }) in (1..).zip(&choices.strikes) {
        within(PATIENCE, &format!("{at} events are answered"), || {
            std::future::ready(stage.progress.answered.load(Ordering::Relaxed) >= at)
        })
        .await;
        let pending = pending(&stage.gateway).await;
        in_flight += usize::from(pending > 0);
        eprintln!(
            "ledger: {number}/{} at {at} events: {fault:?}, {pending} pending",
            choices.strikes.len()
        );
        stage.strike(fault).await;
    }
    stage.wire.slow_down(Duration::ZERO);
    in_flight
}

async fn pending(gateway: &Gateway) -> u64 {
    let (_, metrics) = gateway.get("/metrics").await;
    let text = metrics.as_str().unwrap_or_default();
    ledger::sum(text, "signalpost_inbox_deliveries{state=\"pending\"}")
}

async fn wait_for_quiet(gateway: &Gateway) {
    within(PATIENCE, "every delivery is settled", || async {
        pending(gateway).await == 0
    })
    .await;
}
