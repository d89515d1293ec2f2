//! The ledger: what was answered 2xx against what stands in the histories, while everything is killed.
//!
//! Real gateway, real Temporal on a file, a wire between them that breaks; a provider that repeats until it is
//! answered 2xx. A seed decides what dies when, and is printed: the same seed makes the same choices. Short by default;
//! `tests/ledger.sh --events 50000 --kills 100 --seed 7` for the long run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::chaos::Wire;
use crate::support::disk::Disk;
use crate::support::gateway::{Gateway, Setup};
use crate::support::workflows::{PrivateServer, Workflows, unique};
use crate::support::{ledger, sender, within};

const WORKFLOWS: usize = 32;
/// Long runs have their own patience: a provider repeats for days.
const PATIENCE: Duration = Duration::from_mins(30);

/// What a run does; from the environment, so that one test is both the short and the long run.
struct Plan {
    events: usize,
    kills: usize,
    seed: u64,
}

impl Plan {
    fn from_environment() -> Self {
        let read = |name: &str| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse().expect("a number"))
        };
        let clock = || signalpost::clock::now().millis().unsigned_abs();
        Self {
            events: read("LEDGER_EVENTS").map_or(2_000, |events: u64| {
                usize::try_from(events).expect("a count")
            }),
            kills: read("LEDGER_KILLS")
                .map_or(8, |kills: u64| usize::try_from(kills).expect("a count")),
            seed: read("LEDGER_SEED").unwrap_or_else(clock),
        }
    }
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What dies.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Gateway,
    Temporal,
    Wire,
    SlowWire,
    /// Full, until somebody has been refused for it.
    Disk,
}

impl Fault {
    fn roll(dice: &mut Dice) -> Self {
        match dice.below(12) {
            0..6 => Self::Gateway,
            6 | 7 => Self::Temporal,
            8 => Self::Wire,
            9 => Self::SlowWire,
            _ => Self::Disk,
        }
    }
}

/// Everything that can be killed.
struct Stage {
    server: PrivateServer,
    wire: Wire,
    gateway: Gateway,
    base: watch::Sender<String>,
    progress: Arc<Progress>,
    /// Last, for the gateway's store is on it.
    disk: Disk,
}

/// What the providers have seen.
#[derive(Default)]
struct Progress {
    /// Answered 2xx.
    answered: AtomicUsize,
    /// Answered 503: to be repeated.
    refused: AtomicUsize,
}

impl Stage {
    async fn set(plan: &Plan) -> Self {
        let server = PrivateServer::quick().await;
        let wire = Wire::to(server.address()).await;
        // Room for everything, so that it is full only when it is filled.
        let disk = Disk::of_mebibytes(128 + plan.events / 100);
        let gateway = Setup::new(ledger::ROUTES, wire.address())
            .env("SECRET", sender::STRIPE_SECRET)
            .store(disk.path().join("store.db"))
            .start()
            .await;
        let base = watch::Sender::new(gateway.public().to_owned());
        Self {
            server,
            wire,
            gateway,
            base,
            progress: Arc::default(),
            disk,
        }
    }

    async fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Gateway => {
                self.gateway.restart().await;
                self.base.send_replace(self.gateway.public().to_owned());
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
    let plan = Plan::from_environment();
    eprintln!(
        "ledger: {} events, {} kills, seed {}",
        plan.events, plan.kills, plan.seed
    );
    let started = Instant::now();
    let mut stage = Stage::set(&plan).await;
    let orders: Vec<String> = (0..WORKFLOWS).map(|_| unique("l")).collect();
    let workflows = stage.server.workflows().await;
    for order in &orders {
        workflows.start(&format!("order-{order}")).await;
    }
    let mut providers = JoinSet::new();
    let each = plan.events.div_ceil(WORKFLOWS);
    for order in &orders {
        let (base, progress) = (stage.base.subscribe(), Arc::clone(&stage.progress));
        providers.spawn(provide(order.clone(), each, base, progress));
    }
    let in_flight = kill_along_the_way(&plan, &mut stage).await;
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
    for order in &orders {
        compare(&workflows, order, each).await;
    }
    eprintln!(
        "ledger: {} events, 0 lost, 0 twice, 0 reordered; {in_flight} of {} kills met work in flight; {:?}; seed {}",
        each * WORKFLOWS,
        plan.kills,
        started.elapsed(),
        plan.seed
    );
}

/// Each of an order's payments stands once in its workflow's history, in order.
async fn compare(workflows: &Workflows, order: &str, each: usize) {
    let acknowledged: Vec<String> = (0..each)
        .map(|number| format!("pi_{}", event(order, number)))
        .collect();
    let signals = workflows.signals(&format!("order-{order}"), each).await;
    assert_eq!(
        signals.len(),
        each,
        "{order}: a signal that no provider sent, or one twice"
    );
    ledger::nothing_lost_twice_or_out_of_order(&acknowledged, &signals);
}

fn event(order: &str, number: usize) -> String {
    format!("{order}_{number:05}")
}

/// One workflow's provider: the next event goes out once the one before was answered 2xx, however often that takes.
async fn provide(
    order: String,
    each: usize,
    base: watch::Receiver<String>,
    progress: Arc<Progress>,
) {
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    for number in 0..each {
        let body = sender::payment(&order, &event(&order, number), 1);
        loop {
            let base = base.borrow().clone();
            let answer = sender::stripe(&base, sender::STRIPE_SECRET, &body).await;
            match answer.map(|answer| answer.status).unwrap_or_default() {
                200 => break,
                503 => {
                    progress.refused.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
            pause.tick().await;
        }
        progress.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Strikes at even distances of progress; how many strikes met deliveries in flight.
async fn kill_along_the_way(plan: &Plan, stage: &mut Stage) -> usize {
    let mut dice = Dice(plan.seed);
    let mut in_flight = 0;
    for kill in 1..=plan.kills {
        let step = plan.events / (plan.kills + 1);
        let jitter = usize::try_from(dice.below(1 + step as u64 / 2)).expect("a small number");
        let at = (kill * step + jitter).min(plan.events.saturating_sub(WORKFLOWS));
        within(PATIENCE, &format!("{at} events are answered"), || {
            std::future::ready(stage.progress.answered.load(Ordering::Relaxed) >= at)
        })
        .await;
        let fault = Fault::roll(&mut dice);
        let pending = pending(&stage.gateway).await;
        in_flight += usize::from(pending > 0);
        eprintln!(
            "ledger: {kill}/{} at {at} events: {fault:?}, {pending} pending",
            plan.kills
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
