//! The callers of one question: one round that is being asked, and one that is asked next. Pure.
//!
//! A caller belongs to a round that begins after the caller came in, so that nobody is told what was so before the
//! question was put. Temporal holds back one query for each workflow; more than one of a kind at a time would only be
//! refused there. What a round carries is the affair of whoever keeps it.

use std::time::{Duration, Instant};

/// Callers of both rounds together: more are a flood, and other questions need room too.
pub(super) const MOST_CALLERS: usize = 500;

#[derive(Debug)]
pub(super) struct Rounds<T> {
    running: Option<Round<T>>,
    next: Option<Round<T>>,
}

/// Callers who get one and the same answer.
#[derive(Debug)]
pub(super) struct Round<T> {
    pub(super) number: u64,
    callers: usize,
    /// When the last of the callers gives up.
    pub(super) until: Instant,
    /// When it was asked; none: it is not yet.
    asked: Option<Instant>,
    pub(super) carried: T,
}

/// How a caller comes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Of the round that begins with this caller, if one does: no round of any question has had it before, so that
    /// what is left over of a round that has gone is not taken for another's.
    pub(super) number: u64,
    pub(super) now: Instant,
    pub(super) until: Instant,
    /// An answer that was asked for so long ago is still good.
    pub(super) fresh: Option<Duration>,
}

/// Too many callers wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self {
            running: None,
            next: None,
        }
    }
}

impl<T> Rounds<T> {
    /// The round that the caller belongs to; `make` gives what a new one carries.
    pub(super) fn join(
        &mut self,
        arrival: Arrival,
        make: impl FnOnce() -> T,
    ) -> Result<&Round<T>, Full> {
        let rounds = [&self.running, &self.next];
        let callers: usize = rounds.into_iter().flatten().map(|r| r.callers).sum();
        if callers >= MOST_CALLERS {
            return Err(Full);
        }
        let running = self.running.as_mut().filter(|round| round.serves(&arrival));
        let round = match running {
            Some(running) => running,
            None => self.next.get_or_insert_with(|| Round {
                number: arrival.number,
                callers: 0,
                until: arrival.until,
                asked: None,
                carried: make(),
            }),
        };
        round.callers += 1;
        round.until = round.until.max(arrival.until);
        Ok(round)
    }

    /// A caller goes without an answer. The round, if that was its last caller: it is over.
    pub(super) fn leave(&mut self, number: u64) -> Option<Round<T>> {
        for slot in [&mut self.running, &mut self.next] {
            let Some(round) = slot.as_mut().filter(|round| round.number == number) else {
                continue;
            };
            round.callers = round.callers.saturating_sub(1);
            if round.callers == 0 {
                return slot.take();
            }
        }
        None
    }

    /// The round that was asked has ended; none if it was over already.
    pub(super) fn end(&mut self, number: u64) -> Option<Round<T>> {
        self.running.take_if(|round| round.number == number)
    }

    /// If nothing runs, the round that is to be asked now.
    pub(super) fn begin(&mut self, now: Instant) -> Option<&mut Round<T>> {
        if self.running.is_some() {
            return None;
        }
        let round = self.running.insert(self.next.take()?);
        round.asked = Some(now);
        Some(round)
    }

    /// The round that waits.
    pub(super) fn waiting(&mut self) -> Option<&mut Round<T>> {
        self.next.as_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_none() && self.next.is_none()
    }
}

impl<T> Round<T> {
    /// Whether a caller may have the answer of this round though it runs already.
    fn serves(&self, arrival: &Arrival) -> bool {
        match (self.asked, arrival.fresh) {
            (Some(asked), Some(fresh)) => arrival.now <= asked + fresh,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
