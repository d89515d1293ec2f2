//! The shared inbox: one Redis, many replicas.
//!
//! Every step that must be whole is one Lua call (`lua/`), and every key lies under one hash tag (`keys`), so that the
//! call is atomic wherever Redis runs. Lanes are grouped into partitions; a replica works those that it holds a lease of
//! (`leases`), and keeps their lanes in memory (`board`), fed from Redis in order of acceptance (`feed`). Any replica accepts
//! for any partition. What a yes waits for is `durability`'s.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod accepting;
mod acting;
mod address;
mod arrivals;
mod claiming;
mod clerk;
mod connect;
mod doubt;
mod durability;
mod erasing;
mod examine;
mod failure;
mod feed;
mod heads;
mod history;
mod intake;
mod job;
mod keeping;
mod keys;
mod leases;
mod link;
mod listing;
mod measure;
mod paging;
mod partitions;
mod parts;
mod pause;
mod reading;
mod replaying;
mod replicas;
mod rows;
mod scripts;
mod settling;
mod span;
mod standing;
mod tenancy;

pub use address::{Address, Malformed};
pub use doubt::doubt;
pub use durability::Durability;
pub(super) use settling::Hold;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::partition::partition;
use super::{Error, Retention};
use crate::event::Delivery;
use crate::secret::Secret;
use clerk::Clerk;
use intake::Intake;
use keys::Keys;
use leases::Leases;
use link::Link;
use partitions::Partitions;
use replicas::Replica;

/// More than this gains nothing, and every one costs the server.
const MAX_CONNECTIONS: usize = 64;

/// A server that is gone keeps nobody from stopping for longer.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
use measure::Gauges;
use reading::Readers;

/// Which Redis, and how much may pend in it.
#[derive(Clone, Debug)]
pub struct Options {
    /// As [`Address`] reads it; never shown, for it may hold a password.
    pub address: Secret,
    /// Instead of a password in the address; read again for each connection.
    pub password_file: Option<PathBuf>,
    /// The Sentinels' own password.
    pub sentinel_password_file: Option<PathBuf>,
    /// Certificates (PEM) of whom `rediss://` trusts; none: whom the system trusts.
    pub ca: Option<PathBuf>,
    /// Every key begins with `{prefix}`.
    pub prefix: String,
    pub durability: Durability,
    /// Connections that accept, each with a batch and a wait of its own.
    pub connections: usize,
    /// Pending deliveries; one source may hold half of them.
    pub max_backlog: u64,
    pub retention: Retention,
}

impl Options {
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: Secret::new(address.into().into_bytes()),
            password_file: None,
            sentinel_password_file: None,
            ca: None,
            prefix: "signalpost".to_owned(),
            durability: Durability::default(),
            connections: 4,
            max_backlog: 1_000_000,
            retention: Retention::default(),
        }
    }
}

#[derive(Debug)]
pub struct Store {
    keys: Keys,
    link: Arc<Link>,
    /// Who we are among those that share this Redis.
    replica: Replica,
    /// Lanes of the partitions that this replica owns.
    board: Arc<Board>,
    partitions: Arc<Partitions>,
    intake: Arc<Intake>,
    clerk: Arc<Clerk>,
    max_backlog: u64,
    stop: CancellationToken,
    /// Those that must not be cut off at the end; the others end with `stop`.
    closing: Mutex<Vec<JoinHandle<()>>>,
    readers: Readers,
    gauges: Arc<Gauges>,
}

impl Store {
    pub(super) async fn open(options: &Options) -> Result<Self, Error> {
        let link = Arc::new(Link::open(options).await?);
        let board = Arc::new(Board::new(
            options.max_backlog,
            super::board::Tally::default(),
        ));
        let partitions = Arc::new(Partitions::new(Arc::clone(&board)));
        let keys = Keys::new(&options.prefix);
        let who = Replica::new();
        let replica = who.id.to_string();
        let gauges = Arc::new(Gauges::new(keys.clone(), link.clone(), replica.clone()));
        let store = Self {
            keys,
            readers: Readers::default(),
            gauges,
            link,
            replica: who,
            board,
            intake: Arc::new(Intake::new(Arc::clone(&partitions))),
            partitions,
            clerk: Arc::new(Clerk::new()),
            max_backlog: options.max_backlog,
            stop: CancellationToken::new(),
            closing: Mutex::default(),
        };
        store.start(options.connections).await;
        store.until_stopped(measure::run(Arc::clone(&store.gauges)));
        store.until_stopped(keeping::run(keeping::Keeper {
            keys: store.keys.clone(),
            link: Arc::clone(&store.link),
            replica: store.replica.id.to_string(),
            retention: options.retention,
        }));
        Ok(store)
    }

    /// Starts every task of the store.
    async fn start(&self, connections: usize) {
        let (link, keys, partitions) = (&self.link, &self.keys, &self.partitions);
        partitions.report_to(&self.gauges);
        let mut closing = Vec::new();
        for _ in 0..connections.clamp(1, MAX_CONNECTIONS) {
            // Open before the first acceptance comes; a server that is away is waited for by the task.
            let first = link.dedicated().await.ok();
            let (intake, link, keys) = (Arc::clone(&self.intake), Arc::clone(link), keys.clone());
            self.intake.expect(first.is_some());
            closing.push(tokio::spawn(async move {
                intake.serve(&link, &keys, first).await;
            }));
        }
        let look = Arc::new(Notify::new());
        let leases = Leases {
            link: Arc::clone(link),
            keys: keys.clone(),
            replica: self.replica.clone(),
            partitions: Arc::clone(partitions),
            gauges: Arc::clone(&self.gauges),
            clerk: Arc::clone(&self.clerk),
            look: Arc::clone(&look),
            stop: self.stop.clone(),
        };
        closing.push(tokio::spawn(leases.run()));
        let clerk = Arc::clone(&self.clerk);
        let (to, names, of) = (Arc::clone(link), keys.clone(), Arc::clone(partitions));
        closing.push(tokio::spawn(async move {
            clerk.run(&to, &names, &of).await;
        }));
        let (to, names, of) = (Arc::clone(link), keys.clone(), Arc::clone(partitions));
        self.until_stopped(async move { feed::run(&to, &names, &of).await });
        let (to, names, of) = (Arc::clone(link), keys.clone(), Arc::clone(partitions));
        let id = Arc::clone(&self.replica.id);
        self.until_stopped(async move { feed::listen(&to, &names, &id, &of, &look).await });
        self.until_stopped(report(link.watch(), Arc::clone(&self.board)));
        *self.closing() = closing;
    }

    fn until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// For who is about to look at deliveries or to act on them: what was settled here so far is written.
    pub(super) async fn written(&self) {
        self.clerk.flush().await;
    }

    /// After an action on them: the lanes that are worked here show it.
    pub(super) async fn followed(&self, deliveries: &[Delivery]) {
        let Ok(standing) = self.link.standing() else {
            return;
        };
        let partitions: BTreeSet<_> = deliveries
            .iter()
            .map(|it| {
                partition(
                    &it.target.namespace,
                    &it.target.workflow,
                    standing.partitions,
                )
            })
            .collect();
        for partition in partitions {
            self.partitions.follow(partition).await;
        }
    }

    /// No more claims here: other replicas take over each partition as soon as what is in flight there has settled.
    pub(super) fn retire(&self) {
        self.partitions.retire();
    }

    /// Accepts what is queued, writes what was settled, and gives back every lease.
    pub(super) async fn close(&self) {
        self.stop();
        let closing = std::mem::take(&mut *self.closing());
        let ended = async {
            for task in closing {
                if task.await.is_err() {
                    tracing::error!("a task of the store has panicked");
                }
            }
        };
        if tokio::time::timeout(CLOSE_WITHIN, ended).await.is_err() {
            tracing::warn!("Redis does not answer: what was settled last is done again");
        }
    }

    fn stop(&self) {
        self.stop.cancel();
        self.intake.close();
        self.board.set_stopped();
    }

    // A list, replaced whole.
    fn closing(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    /// The tasks go on until they have given everything back.
    fn drop(&mut self) {
        self.stop();
    }
}

fn closed() -> Error {
    Error::Unavailable("it is closed".to_owned())
}

/// Tells `/ready` how the way stands, for as long as the link is there.
async fn report(mut way: watch::Receiver<link::Way>, board: Arc<Board>) {
    loop {
        let trouble = way.borrow_and_update().trouble.clone();
        board.set_trouble(trouble);
        if way.changed().await.is_err() {
            return;
        }
    }
}
