//! How partitions come to this replica and go from it.
//!
//! One that is lost or given up leaves the lanes at once. It is not taken again before the last claim made under the old lease is
//! gone: so no claim of one lease is ever taken for one of another.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::partitions::{LEASE, Owned, Partition, Partitions, Stay, Tenure};
use crate::inbox::lease::Term;

/// What the keeping of leases must know.
#[derive(Debug)]
pub(super) struct Standing {
    /// All that are owned, with their tokens.
    pub owned: Vec<(u16, Arc<str>)>,
    /// How many of them are to be kept.
    pub kept: usize,
    /// Not to be taken: claims of an earlier lease are out.
    pub unwanted: Vec<u16>,
    pub retired: bool,
}

impl Partitions {
    pub(super) fn standing(&self) -> Standing {
        let mut owned = self.owned();
        owned.lingering.retain(|tenure| !tenure.is_idle());
        let kept = owned
            .partitions
            .values()
            .filter(|it| !it.is_leaving())
            .count();
        Standing {
            owned: owned
                .partitions
                .values()
                .map(|it| (it.tenure.partition, Arc::clone(&it.tenure.token)))
                .collect(),
            kept,
            unwanted: owned.lingering.iter().map(|it| it.partition).collect(),
            retired: owned.retired,
        }
    }

    /// A lease asked for at `asked` was granted.
    pub(super) fn granted(&self, partition: u16, token: Arc<str>, asked: Instant) {
        let mut owned = self.owned();
        let tenure = Arc::new(Tenure {
            partition,
            token,
            term: Arc::new(Term::new(asked, LEASE)),
            began: Instant::now(),
            claims: AtomicUsize::new(0),
        });
        let new = Partition {
            tenure,
            known: 0,
            version: None,
            has_news: true,
            asked: 0,
            answered: 0,
            loaded: false,
            stay: if owned.retired {
                Stay::Leaving
            } else {
                Stay::Kept
            },
        };
        owned.partitions.insert(partition, new);
        drop(owned);
        self.moved("taken", 1);
        self.news.notify_one();
    }

    /// A lease was renewed; `version` and `last` say how far its log and its lanes reach.
    pub(super) fn renewed(
        &self,
        partition: u16,
        token: &str,
        asked: Instant,
        version: u64,
        last: u64,
    ) {
        let mut owned = self.owned();
        if let Some(it) = owned.of(partition, token) {
            it.tenure.term.extend(asked, LEASE);
            // A message that came late or not at all costs no more than the time to the next renewal.
            if last > it.known || it.version.is_some_and(|known| known != version) {
                it.has_news = true;
                self.news.notify_one();
            }
        }
    }

    /// The first round of leases is over: what was not taken by now is others'.
    pub(super) fn begun(&self) {
        let mut owned = self.owned();
        owned.begun.get_or_insert_with(Instant::now);
        self.note_ready(&owned);
    }

    /// Somebody else has it, or may have it.
    pub(super) fn lost(&self, partition: u16, token: &str) {
        let mut owned = self.owned();
        if owned.of(partition, token).is_some() {
            tracing::warn!(partition, "the lease of a partition was lost");
            self.forget(&mut owned, &[partition]);
            self.moved("lost", 1);
        }
    }

    /// Loses those whose leases were not renewed in time.
    pub(super) fn expire(&self) {
        let mut owned = self.owned();
        let over: Vec<_> = owned
            .partitions
            .values()
            .filter(|it| it.tenure.term.rest().is_zero())
            .map(|it| it.tenure.partition)
            .collect();
        if !over.is_empty() {
            tracing::warn!(
                partitions = over.len(),
                "leases ran out before they were renewed"
            );
            self.forget(&mut owned, &over);
            self.moved("lost", over.len());
        }
    }

    /// Begins to give back so many of those that it keeps.
    pub(super) fn leave(&self, count: usize) {
        let mut owned = self.owned();
        let leaving: Vec<_> = owned
            .partitions
            .values()
            .rev()
            .filter(|it| !it.is_leaving())
            .take(count)
            .map(|it| it.tenure.partition)
            .collect();
        self.begin_to_leave(&mut owned, &leaving);
    }

    /// Has a partition given back, and read anew by whoever takes it.
    pub(super) fn reread(&self, partition: u16, token: &str) {
        let mut owned = self.owned();
        if owned.of(partition, token).is_some() {
            self.begin_to_leave(&mut owned, &[partition]);
        }
    }

    /// Gives everything back and takes nothing any more.
    pub(super) fn retire(&self) {
        let mut owned = self.owned();
        owned.retired = true;
        let all: Vec<_> = owned.partitions.keys().copied().collect();
        self.begin_to_leave(&mut owned, &all);
    }

    /// Those that can be given back now, each told once. `all`: whatever claims are out.
    pub(super) fn to_free(&self, all: bool) -> Vec<(u16, Arc<str>)> {
        let mut owned = self.owned();
        owned
            .partitions
            .values_mut()
            .filter(|it| it.stay == Stay::Leaving && (all || it.tenure.is_idle()))
            .map(|it| {
                it.stay = Stay::Freeing;
                (it.tenure.partition, Arc::clone(&it.tenure.token))
            })
            .collect()
    }

    /// It was given back.
    pub(super) fn freed(&self, partition: u16, token: &str) {
        let mut owned = self.owned();
        if owned.of(partition, token).is_some() {
            self.forget(&mut owned, &[partition]);
            self.moved("given up", 1);
        }
    }

    fn moved(&self, how: &'static str, count: usize) {
        for _ in 0..count {
            if let Some(gauges) = self.gauges.get() {
                gauges.lease_moved(how);
            }
        }
    }

    fn begin_to_leave(&self, owned: &mut Owned, partitions: &[u16]) {
        for partition in partitions {
            if let Some(it) = owned.partitions.get_mut(partition)
                && it.stay == Stay::Kept
            {
                it.stay = Stay::Leaving;
            }
        }
        self.clear(owned, partitions);
        self.note_ready(owned);
        self.idle.notify_one();
    }

    fn forget(&self, owned: &mut Owned, partitions: &[u16]) {
        self.clear(owned, partitions);
        for partition in partitions {
            if let Some(it) = owned.partitions.remove(partition) {
                it.tenure.term.end();
                if !it.tenure.is_idle() {
                    owned.lingering.push(it.tenure);
                }
            }
        }
        self.note_ready(owned);
    }

    /// Takes all that stands there out of the lanes, claimed or not. One pass for all of them: rare, and long enough as it is.
    fn clear(&self, owned: &mut Owned, partitions: &[u16]) {
        let mut desk = self.board.desk();
        owned.places.retain(|seq, place| {
            let leaves = partitions.contains(&place.partition);
            if leaves {
                desk.lanes.remove(*seq);
                desk.cache.take(*seq);
            }
            !leaves
        });
    }
}
