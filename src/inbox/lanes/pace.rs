//! What time does to lanes: a pace between attempts, and a wall clock that is set back.

use std::time::Duration;

use super::{AT_ONCE, LaneHash, Lanes};
use crate::clock::Timestamp;

/// Empty lanes that are remembered for their pace; beyond it the ones that rest the longest are forgotten, and the next
/// attempt there may come early.
const MAX_RESTING: usize = 100_000;

/// A clock that is set back by less than this is left to run up again.
const TOLERATED: Duration = Duration::from_secs(1);

/// At least one: 0 is no pace.
pub(super) fn millis(pace: Duration) -> u32 {
    u32::try_from(pace.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// When an attempt may follow the one at `tried_at`.
pub(super) fn earliest(tried_at: Timestamp, pace: u32) -> Timestamp {
    if pace == 0 || tried_at == AT_ONCE {
        AT_ONCE
    } else {
        tried_at.plus(Duration::from_millis(pace.into()))
    }
}

impl Lanes {
    /// Forgets the empty lane, or remembers it for as long as the pace of its last attempt counts.
    pub(super) fn rest(&mut self, lane: LaneHash, pace: u32) {
        let tried_at = self.ends.get(&lane).map_or(AT_ONCE, |lane| lane.tried_at);
        let until = earliest(tried_at, pace);
        if until <= self.clock {
            self.ends.remove(&lane);
            return;
        }
        self.resting.insert((until, lane));
        if self.resting.len() > MAX_RESTING
            && let Some((_, lane)) = self.resting.pop_first()
        {
            self.forget_if_empty(lane);
        }
    }

    /// Forgets lanes that have rested enough; moves what waits along with a clock that was set back.
    pub(super) fn follow_clock(&mut self, now: Timestamp) {
        if now < self.clock.minus(TOLERATED) {
            self.set_back(self.clock.since(now));
            self.clock = now;
        }
        self.clock = self.clock.max(now);
        while let Some(&(until, lane)) = self.resting.first()
            && until <= now
        {
            self.resting.pop_first();
            self.forget_if_empty(lane);
        }
    }

    /// Rare, so that it may look at everything: else a clock set back by an hour would hold every waiting lane for one.
    fn set_back(&mut self, by: Duration) {
        let earlier = |due: Timestamp| due.minus(by).max(Timestamp::from_millis(1));
        let later = std::mem::take(&mut self.later).into_iter();
        self.later = later.map(|(due, seq)| (earlier(due), seq)).collect();
        for entry in self.entries.values_mut() {
            if entry.due != AT_ONCE {
                entry.due = earlier(entry.due);
            }
        }
        for (_, lane) in std::mem::take(&mut self.resting) {
            self.forget_if_empty(lane);
        }
        for lane in self.ends.values_mut() {
            lane.tried_at = AT_ONCE;
        }
    }

    fn forget_if_empty(&mut self, lane: LaneHash) {
        if self.ends.get(&lane).is_some_and(|lane| lane.head.is_none()) {
            self.ends.remove(&lane);
        }
    }
}
