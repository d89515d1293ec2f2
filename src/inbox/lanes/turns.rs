//! Heads that are ready, and whose turn it is: namespaces take turns, within each its sources, and these give their oldest.
//!
//! So a flood on one source cannot starve another, and a namespace without room costs the others nothing. Pure, like all
//! of `lanes`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::Seq;

#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Pending deliveries of each source. As many as there are sources in the routing file, over time; never shrinks.
    pending: Vec<u64>,
    sources: HashMap<Arc<str>, u32>,
    /// One for each namespace of the routing file, over time; never shrinks.
    namespaces: Vec<Namespace>,
    /// Whose turn it is.
    turn: usize,
    ready: usize,
}

#[derive(Debug)]
struct Namespace {
    name: Box<str>,
    /// By the numbers of sources.
    heads: Vec<Heads>,
    /// Sources in line for their turn; each at most once, as its `queued` says.
    line: VecDeque<u32>,
}

#[derive(Debug, Default)]
struct Heads {
    ready: BTreeSet<Seq>,
    queued: bool,
}

impl Turns {
    /// The number under which the source is known here.
    pub(super) fn source(&mut self, source: &Arc<str>) -> u32 {
        if let Some(&number) = self.sources.get(source) {
            return number;
        }
        let number = u32::try_from(self.pending.len()).unwrap_or(u32::MAX);
        self.pending.push(0);
        self.sources.insert(Arc::clone(source), number);
        number
    }

    /// The number of the namespace. Those beyond what a number can hold share the last one.
    pub(super) fn namespace(&mut self, name: &str) -> u16 {
        let known = self.namespaces.iter().position(|it| &*it.name == name);
        let number = known.unwrap_or_else(|| {
            if u16::try_from(self.namespaces.len()).is_ok() {
                self.namespaces.push(Namespace {
                    name: name.into(),
                    heads: Vec::new(),
                    line: VecDeque::new(),
                });
            }
            self.namespaces.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    pub(super) fn pending_of(&self, source: &str) -> u64 {
        self.sources
            .get(source)
            .and_then(|&number| self.pending.get(number as usize))
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn one_more_pending(&mut self, source: u32) {
        if let Some(pending) = self.pending.get_mut(source as usize) {
            *pending += 1;
        }
    }

    pub(super) fn one_less_pending(&mut self, source: u32) {
        if let Some(pending) = self.pending.get_mut(source as usize) {
            *pending = pending.saturating_sub(1);
        }
    }

    pub(super) fn insert(&mut self, namespace: u16, source: u32, seq: Seq) {
        let Some(namespace) = self.namespaces.get_mut(usize::from(namespace)) else {
            return;
        };
        let at = source as usize;
        if namespace.heads.len() <= at {
            namespace.heads.resize_with(at + 1, Heads::default);
        }
        if let Some(heads) = namespace.heads.get_mut(at) {
            self.ready += usize::from(heads.ready.insert(seq));
            if !heads.queued {
                heads.queued = true;
                namespace.line.push_back(source);
            }
        }
    }

    /// A source with nothing left keeps its place in line until its turn comes.
    pub(super) fn remove(&mut self, namespace: u16, source: u32, seq: Seq) {
        let heads = self
            .namespaces
            .get_mut(usize::from(namespace))
            .and_then(|namespace| namespace.heads.get_mut(source as usize));
        if let Some(heads) = heads {
            self.ready -= usize::from(heads.ready.remove(&seq));
        }
    }

    pub(super) fn any_ready(&self) -> bool {
        self.ready > 0
    }

    /// How much room each namespace has, by number; none is asked for where nothing is ready.
    pub(super) fn rooms(&self, room: impl Fn(&str) -> usize) -> Vec<usize> {
        let room = |namespace: &Namespace| {
            if namespace.line.is_empty() {
                0
            } else {
                room(&namespace.name)
            }
        };
        self.namespaces.iter().map(room).collect()
    }

    /// The next head of a namespace with room left, which then has one less.
    pub(super) fn pop(&mut self, rooms: &mut [usize]) -> Option<Seq> {
        let count = self.namespaces.len();
        for number in (0..count).map(|offset| (self.turn + offset) % count) {
            let (Some(namespace), Some(left)) =
                (self.namespaces.get_mut(number), rooms.get_mut(number))
            else {
                continue;
            };
            if *left > 0
                && let Some(seq) = namespace.pop()
            {
                *left -= 1;
                self.ready -= 1;
                self.turn = (number + 1) % count;
                return Some(seq);
            }
        }
        None
    }
}

impl Namespace {
    /// The oldest of the source whose turn it is.
    fn pop(&mut self) -> Option<Seq> {
        while let Some(source) = self.line.pop_front() {
            let Some(heads) = self.heads.get_mut(source as usize) else {
                continue;
            };
            let oldest = heads.ready.pop_first();
            heads.queued = !heads.ready.is_empty();
            if heads.queued {
                self.line.push_back(source);
            }
            if oldest.is_some() {
                return oldest;
            }
        }
        None
    }
}
