//! Heads that are ready, and whose turn it is: sources take turns, each gives its oldest.
//!
//! So a flood on one source cannot starve another. Pure, like all of `lanes`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::Seq;

#[derive(Debug, Default)]
pub(super) struct Turns {
    /// As many as there are sources in the routing file, over time; never shrinks.
    sources: Vec<Source>,
    numbers: HashMap<Arc<str>, u32>,
    /// Sources in line for their turn; each at most once, as its `queued` says.
    line: VecDeque<u32>,
}

#[derive(Debug, Default)]
struct Source {
    pending: u64,
    ready: BTreeSet<Seq>,
    queued: bool,
}

impl Turns {
    /// The number under which the source is known here.
    pub(super) fn number(&mut self, source: &Arc<str>) -> u32 {
        if let Some(&number) = self.numbers.get(source) {
            return number;
        }
        let number = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        self.sources.push(Source::default());
        self.numbers.insert(Arc::clone(source), number);
        number
    }

    pub(super) fn pending_of(&self, source: &str) -> u64 {
        self.numbers
            .get(source)
            .and_then(|&number| self.sources.get(number as usize))
            .map_or(0, |source| source.pending)
    }

    pub(super) fn one_more_pending(&mut self, source: u32) {
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.pending += 1;
        }
    }

    pub(super) fn one_less_pending(&mut self, source: u32) {
        if let Some(source) = self.sources.get_mut(source as usize) {
            source.pending = source.pending.saturating_sub(1);
        }
    }

    pub(super) fn insert(&mut self, number: u32, seq: Seq) {
        if let Some(source) = self.sources.get_mut(number as usize) {
            source.ready.insert(seq);
            if !source.queued {
                source.queued = true;
                self.line.push_back(number);
            }
        }
    }

    /// A source with nothing left keeps its place in line until its turn comes.
    pub(super) fn remove(&mut self, number: u32, seq: Seq) {
        if let Some(source) = self.sources.get_mut(number as usize) {
            source.ready.remove(&seq);
        }
    }

    /// True also where what was ready has been taken out of its turn.
    pub(super) fn any_ready(&self) -> bool {
        !self.line.is_empty()
    }

    /// The oldest of the source whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Seq> {
        while let Some(number) = self.line.pop_front() {
            let Some(source) = self.sources.get_mut(number as usize) else {
                continue;
            };
            let oldest = source.ready.pop_first();
            source.queued = !source.ready.is_empty();
            if source.queued {
                self.line.push_back(number);
            }
            if oldest.is_some() {
                return oldest;
            }
        }
        None
    }
}
