//! A replay inside the writer's transaction: what was unfinished leaves, what is routed anew takes its place.

use super::acting::{Effect, Outcome, Step, failed};
use super::records::{self, Kept, KeptEvent};
use crate::clock::Timestamp;
use crate::event::{Delivery, EventId, Reason, State, Target};
use crate::inbox::{Action, ActionError};

impl<'b> Step<'_, 'b> {
    pub(super) fn replay(
        &self,
        id: EventId,
        fresh: &[Delivery],
        again: bool,
    ) -> Result<Outcome<'b>, ActionError> {
        let event = records::event(self.connection, id)
            .map_err(failed)?
            .ok_or(ActionError::NotFound)?;
        if event.erased {
            return Err(ActionError::Unsendable);
        }
        let before = records::deliveries(self.connection, &event).map_err(failed)?;
        let (mut unfinished, settled): (Vec<_>, Vec<_>) = before
            .into_iter()
            .partition(|kept| matches!(kept.delivery.state, State::Pending | State::Parked));
        if !again && unfinished.iter().any(|kept| self.is_in_doubt(kept, fresh)) {
            return Err(ActionError::InFlight);
        }
        let seized = self.seize(&unfinished)?;
        let mut effects = Vec::new();
        for kept in &mut unfinished {
            effects.push(self.drop_kept(kept, Reason::Superseded)?);
        }
        let delivered = if again { Vec::new() } else { reached(&settled) };
        let wanted = fresh.iter().filter(|it| !delivered.contains(&&it.target));
        effects.extend(self.enter(&event, wanted)?);
        self.admit(&effects)?;
        self.keep_note(event.seq, None, Action::Replay)?;
        let now = records::deliveries(self.connection, &event).map_err(failed)?;
        Ok(Outcome {
            answer: now.into_iter().map(|kept| kept.delivery).collect(),
            seized,
            effects,
        })
    }

    /// A new delivery must not go where this one may have arrived. Whoever comes again later finds it proved.
    fn is_in_doubt(&self, kept: &Kept, fresh: &[Delivery]) -> bool {
        let doubtful = match kept.delivery.state {
            State::Pending => self.board.is_doubtful(kept.seq),
            _ => kept.delivery.is_parked_in_doubt(),
        };
        doubtful && fresh.iter().any(|it| it.target == kept.delivery.target)
    }

    fn enter<'d>(
        &self,
        event: &KeptEvent,
        wanted: impl Iterator<Item = &'d Delivery>,
    ) -> Result<Vec<Effect>, ActionError> {
        let mut effects = Vec::new();
        for delivery in wanted {
            let delivery = accepted(delivery, event, self.at);
            let seq = records::insert(self.connection, event, &delivery).map_err(failed)?;
            effects.push(Effect::Entered(seq, delivery));
        }
        if event.unrouted && !effects.is_empty() {
            records::set_routed(self.connection, event).map_err(failed)?;
            effects.push(Effect::Routed);
        }
        Ok(effects)
    }

    /// A replay that only takes the place of what was pending lengthens no backlog.
    fn admit(&self, effects: &[Effect]) -> Result<(), ActionError> {
        let (mut arriving, mut leaving, mut source) = (0, 0, None);
        for effect in effects {
            match effect {
                Effect::Entered(_, delivery) if delivery.state == State::Pending => {
                    arriving += 1;
                    source = Some(&delivery.source);
                }
                Effect::Dropped(_, State::Pending) => leaving += 1,
                _ => {}
            }
        }
        source.map_or(Ok(()), |source| {
            Ok(self
                .board
                .admit(source, u64::saturating_sub(arriving, leaving))?)
        })
    }
}

/// Where the event has arrived.
fn reached(settled: &[Kept]) -> Vec<&Target> {
    settled
        .iter()
        .filter(|kept| kept.delivery.state == State::Delivered)
        .map(|kept| &kept.delivery.target)
        .collect()
}

/// As routed, but accepted now: each one's waits count from then.
fn accepted(delivery: &Delivery, event: &KeptEvent, now: Timestamp) -> Delivery {
    Delivery {
        event: event.id,
        accepted_at: now,
        next_attempt_at: delivery.next_attempt_at.map(|_| now),
        settled_at: delivery.settled_at.map(|_| now),
        ..delivery.clone()
    }
}
