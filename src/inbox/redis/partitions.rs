//! What this replica works: partitions under leases, and where each of their deliveries stands.
//!
//! All of it lies behind one short lock, taken before the board's, never after. How partitions come and go is in `tenancy`.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::job::Fresh;
use super::measure::Gauges;
use crate::event::DeliveryId;
use crate::inbox::board::{self, Board};
use crate::inbox::lanes::Seq;
use crate::inbox::lease::Term;

/// How long a lease lasts, by the server's clock.
pub(super) const LEASE: Duration = Duration::from_secs(8);

/// Claims wait no longer for a backlog to be read.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Who wants to see in the lanes what was done waits no longer for it.
const FOLLOW_WITHIN: Duration = Duration::from_secs(1);

/// One lease that this replica has had, for as long as anybody here still refers to it.
#[derive(Debug)]
pub(super) struct Tenure {
    pub partition: u16,
    /// `<replica id>:<fence>`
    pub token: Arc<str>,
    pub term: Arc<Term>,
    pub began: Instant,
    /// Claims under it that are neither settled nor dropped.
    pub(super) claims: AtomicUsize,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub partition: u16,
    pub id: DeliveryId,
}

#[derive(Debug)]
pub(super) struct Partitions {
    pub(super) board: Arc<Board>,
    owned: Mutex<Owned>,
    pub(super) gauges: OnceLock<Arc<Gauges>>,
    /// Told when the feed has something to read.
    pub news: Notify,
    /// Told when a partition may be given back.
    pub idle: Notify,
    /// Told when something was read.
    pub(super) fed: Notify,
    /// Whether what was taken at first has been read.
    ready: watch::Sender<Ready>,
}

/// Whether a partition is to be worked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Kept,
    /// To be given back once no claim is out; its lanes are gone.
    Leaving,
    /// Giving back was asked for.
    Freeing,
}

/// How far a start is; never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Ready {
    #[default]
    Not,
    /// Leases were asked for.
    Begun,
    /// What they brought is in the lanes.
    Loaded,
}

#[derive(Debug, Default)]
pub(super) struct Owned {
    pub(super) partitions: BTreeMap<u16, Partition>,
    pub(super) places: HashMap<Seq, Place>,
    /// Lost, though claims made under them are still out.
    pub(super) lingering: Vec<Arc<Tenure>>,
    /// No partition is wanted any more.
    pub(super) retired: bool,
    /// When the first round of leases was over.
    pub(super) begun: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) tenure: Arc<Tenure>,
    /// The last seq read of its feed.
    pub(super) known: u64,
    /// The last version read of its log; none: not read yet.
    pub(super) version: Option<u64>,
    pub(super) has_news: bool,
    /// How often somebody asked to see what is new, and up to which of them that was read.
    pub(super) asked: u64,
    pub(super) answered: u64,
    /// All that it held when it was taken is in the lanes.
    pub(super) loaded: bool,
    pub(super) stay: Stay,
}

impl Tenure {
    pub(super) fn claim_ends(&self) -> usize {
        self.claims.fetch_sub(1, Ordering::AcqRel) - 1
    }

    pub(super) fn is_idle(&self) -> bool {
        self.claims.load(Ordering::Acquire) == 0
    }
}

impl Partitions {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            owned: Mutex::default(),
            gauges: OnceLock::new(),
            news: Notify::new(),
            idle: Notify::new(),
            fed: Notify::new(),
            ready: watch::Sender::default(),
        }
    }

    /// Who hears from now on of partitions that come and go, and how soon the server answers.
    pub(super) fn report_to(&self, gauges: &Arc<Gauges>) {
        // Given once, by whoever built both.
        drop(self.gauges.set(Arc::clone(gauges)));
    }

    /// The server has answered a call of this kind.
    pub(super) fn answered(&self, what: &'static str, took: Duration) {
        if let Some(gauges) = self.gauges.get() {
            gauges.answered(what, took);
        }
    }

    /// Something has happened in these partitions, if they are worked here.
    pub(super) fn tell(&self, partitions: impl IntoIterator<Item = u16>) {
        let mut owned = self.owned();
        let mut any = false;
        for partition in partitions {
            if let Some(it) = owned.partitions.get_mut(&partition) {
                it.has_news = true;
                any = true;
            }
        }
        drop(owned);
        if any {
            self.news.notify_one();
        }
    }

    /// Waits until the lanes show what has happened in the partition so far, if it is worked here.
    pub(super) async fn follow(&self, partition: u16) {
        let asked = {
            let mut owned = self.owned();
            let Some(it) = owned.partitions.get_mut(&partition) else {
                return;
            };
            it.has_news = true;
            it.asked += 1;
            it.asked
        };
        self.news.notify_one();
        let shown = || {
            let owned = self.owned();
            let it = owned.partitions.get(&partition);
            it.is_none_or(|it| it.is_leaving() || it.answered >= asked)
        };
        let wait = async {
            loop {
                let fed = self.fed.notified();
                tokio::pin!(fed);
                // Listens before it looks: what is read in between is not missed.
                fed.as_mut().enable();
                if shown() {
                    return;
                }
                fed.await;
            }
        };
        // Where it takes longer, it is not known here how long.
        drop(tokio::time::timeout(FOLLOW_WITHIN, wait).await);
    }

    /// Anything may have happened: messages were missed.
    pub(super) fn tell_all(&self) {
        let mut owned = self.owned();
        for it in owned.partitions.values_mut() {
            it.has_news = true;
        }
        drop(owned);
        self.news.notify_one();
    }

    /// Counts a claim of the delivery there; none where it is not to be claimed here any more.
    pub(super) fn claim(&self, seq: Seq) -> Option<(Place, Arc<Tenure>)> {
        let owned = self.owned();
        let place = *owned.places.get(&seq)?;
        let it = owned.partitions.get(&place.partition)?;
        if it.is_leaving() {
            return None;
        }
        it.tenure.claims.fetch_add(1, Ordering::AcqRel);
        Some((place, Arc::clone(&it.tenure)))
    }

    /// A claim under this lease is neither settled nor out any more.
    pub(super) fn claim_ended(&self, tenure: &Tenure) {
        if tenure.claim_ends() == 0 {
            self.idle.notify_one();
        }
    }

    /// It stands in no lane any more.
    pub(super) fn left(&self, seq: Seq) {
        self.owned().places.remove(&seq);
    }

    /// Puts what was accepted here and is to be claimed here into its lanes, where everything before it is there already: that
    /// spares reading it back. Returns the partitions of the rest, which the feed must bring.
    pub(super) fn enter(&self, fresh: Vec<Fresh>) -> Vec<u16> {
        let mut to_read = Vec::new();
        if fresh.is_empty() {
            return to_read;
        }
        let mut guard = self.owned();
        let owned = &mut *guard;
        let mut desk = self.board.desk();
        for Fresh {
            partition,
            seq,
            before,
            delivery,
        } in fresh
        {
            let Some(it) = owned.partitions.get_mut(&partition) else {
                continue;
            };
            let follows = before.is_some_and(|before| before <= it.known) && seq.get() > it.known;
            if follows && it.loaded && !it.is_leaving() {
                it.known = seq.get();
                let id = delivery.id;
                owned.places.insert(seq, Place { partition, id });
                desk.lanes.push(&board::arrival(seq, &delivery));
            } else {
                to_read.push(partition);
            }
            desk.cache.insert(seq, delivery);
        }
        drop(desk);
        drop(guard);
        self.board.changed.notify_waiters();
        to_read
    }

    /// Waits until what was taken at first stands in the lanes, so that whose turn it is can be told; but not for long: heads are
    /// read first, and may be claimed while the rest of a long backlog is still coming in.
    pub(super) async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // Fails only where the sender is gone, which `self` holds.
        drop(ready.wait_for(|ready| *ready >= Ready::Begun).await);
        let waited = self
            .owned()
            .begun
            .map_or(READY_WITHIN, |begun| begun.elapsed());
        let left = READY_WITHIN.saturating_sub(waited);
        let all = ready.wait_for(|ready| *ready == Ready::Loaded);
        drop(tokio::time::timeout(left, all).await);
    }

    pub(super) fn note_ready(&self, owned: &Owned) {
        if owned.begun.is_some() {
            let loaded = owned
                .partitions
                .values()
                .all(|it| it.loaded || it.is_leaving());
            let now = if loaded { Ready::Loaded } else { Ready::Begun };
            self.ready.send_if_modified(|ready| {
                let later = now > *ready;
                *ready = now.max(*ready);
                later
            });
        }
    }

    // What it guards is whole between any two statements.
    pub(super) fn owned(&self) -> MutexGuard<'_, Owned> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owned {
    /// The partition, if it is worked under this very lease.
    pub(super) fn of(&mut self, partition: u16, token: &str) -> Option<&mut Partition> {
        self.partitions
            .get_mut(&partition)
            .filter(|it| &*it.tenure.token == token)
    }
}

impl Partition {
    pub(super) fn is_leaving(&self) -> bool {
        self.stay != Stay::Kept
    }
}
