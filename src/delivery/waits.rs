//! Lanes whose workflow does not exist yet: when each is looked for again. Pure.
//!
//! Every look is a call that a signal could have used, so that looks have a budget for each namespace:
//! with few lanes waiting each is looked for as often as its rule likes, with many less often, and
//! under pressure signals go first. What is kept here is lost with the process, which costs one
//! describe more for each waiting lane. Time is an argument. Imports `event` and `clock`.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::DeliveryId;

/// Looks in one second, of one namespace. At a look every five seconds that is enough for 500 lanes.
const LOOKS_PER_SECOND: u32 = 100;
/// So far ahead looks are planned; what comes later than that shares the last second.
const HORIZON_SECONDS: usize = 3600;
/// Only describe tells missing from closed: it is asked at every fourth look.
const LOOKS_PER_DESCRIBE: u8 = 4;
/// A look gives way to signals for as many seconds, then it is made.
const MOST_YIELDS: u8 = 3;
/// Beyond it a waiting lane is not remembered, and described at every look.
const MOST_REMEMBERED: usize = 100_000;

const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: HashMap<DeliveryId, Waiting>,
    swept_at: Timestamp,
    plans: HashMap<Box<str>, Plan>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    due: Timestamp,
    /// Since describe was asked.
    looks: u8,
    yields: u8,
}

impl Waits {
    /// The workflow did not exist: when to look again, at `at` or when the budget allows.
    pub(super) fn wait(
        &mut self,
        id: DeliveryId,
        namespace: &str,
        at: Timestamp,
        described: bool,
        now: Timestamp,
    ) -> Timestamp {
        let due = self.plan(namespace).reserve(at, now);
        self.sweep(now);
        if self.waiting.len() < MOST_REMEMBERED || self.waiting.contains_key(&id) {
            let waiting = self.waiting.entry(id).or_default();
            waiting.due = due;
            waiting.yields = 0;
            waiting.looks = if described { 1 } else { waiting.looks + 1 };
        }
        due
    }

    /// Whether its next attempt is a look.
    pub(super) fn is_waiting(&self, id: DeliveryId) -> bool {
        self.waiting.contains_key(&id)
    }

    /// Whether describe need not be asked this time.
    pub(super) fn known_missing(&self, id: DeliveryId) -> bool {
        let waiting = self.waiting.get(&id);
        waiting.is_some_and(|it| it.looks < LOOKS_PER_DESCRIBE)
    }

    /// Under pressure: when to look instead of now. None where it is no look, or has given way for long enough.
    pub(super) fn give_way(
        &mut self,
        id: DeliveryId,
        namespace: &str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let waiting = self.waiting.get_mut(&id)?;
        if waiting.yields == MOST_YIELDS {
            return None;
        }
        waiting.yields += 1;
        let at = now.plus(Duration::from_secs(1));
        Some(self.plan(namespace).reserve(at, now))
    }

    /// It waits no more.
    pub(super) fn forget(&mut self, id: DeliveryId) {
        self.waiting.remove(&id);
    }

    /// A look that was due long ago and was not made will not come: an operator has ended the wait.
    fn sweep(&mut self, now: Timestamp) {
        if now.since(self.swept_at) >= SWEEP_INTERVAL {
            self.swept_at = now;
            self.waiting
                .retain(|_, waiting| now.since(waiting.due) < SWEEP_INTERVAL);
        }
    }

    fn plan(&mut self, namespace: &str) -> &mut Plan {
        self.plans.entry(namespace.into()).or_default()
    }
}

/// Looks planned for the seconds to come.
#[derive(Debug, Default)]
struct Plan {
    /// The second that the first entry stands for.
    first: i64,
    looks: VecDeque<u32>,
}

impl Plan {
    /// The first time from `at` on at which there is room.
    ///
    /// With fewer lanes than five seconds have room for, that is within five seconds: each lane has one look planned.
    fn reserve(&mut self, at: Timestamp, now: Timestamp) -> Timestamp {
        self.advance(now.seconds());
        let wanted = usize::try_from(at.seconds().saturating_sub(self.first)).unwrap_or(0);
        let mut second = wanted.min(HORIZON_SECONDS);
        while second < HORIZON_SECONDS && self.planned(second) >= LOOKS_PER_SECOND {
            second += 1;
        }
        if self.looks.len() <= second {
            self.looks.resize(second + 1, 0);
        }
        let before = self.planned(second);
        if let Some(planned) = self.looks.get_mut(second) {
            *planned += 1;
        }
        if second == wanted {
            return at;
        }
        let start = self
            .first
            .saturating_add(i64::try_from(second).unwrap_or(0));
        let within = u64::from(1000 / LOOKS_PER_SECOND * (before % LOOKS_PER_SECOND));
        Timestamp::from_seconds(start).plus(Duration::from_millis(within))
    }

    fn planned(&self, second: usize) -> u32 {
        self.looks.get(second).copied().unwrap_or(0)
    }

    /// Forgets the seconds that are over.
    fn advance(&mut self, now: i64) {
        while self.first < now && self.looks.pop_front().is_some() {
            self.first += 1;
        }
        if self.looks.is_empty() {
            self.first = now;
        }
    }
}

#[cfg(test)]
mod tests;
