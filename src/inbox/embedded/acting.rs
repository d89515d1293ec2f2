//! What an operator's action does inside the writer's transaction, and to the lanes once that is durable.
//!
//! A pending delivery that an action changes is seized first, so that no attempt can claim it between the look and the
//! commit. All actions of a batch share one transaction, each in a savepoint of its own: one that fails leaves no trace.
//! Replays have a file of their own beside this one.

use rusqlite::{Connection, TransactionBehavior};

use super::actions::{Act, Work};
use super::records::{self, Kept};
use super::seizure::Seizure;
use crate::clock::Timestamp;
use crate::event::{Delivery, DeliveryId, EventId, Reason, State};
use crate::inbox::board::Board;
use crate::inbox::lanes::Seq;
use crate::inbox::{Action, ActionError, Error, Note};

/// What is to be done to the lanes after the commit. Dropped before, it gives back what was seized.
#[derive(Debug)]
pub(super) struct Outcome<'b> {
    pub answer: Vec<Delivery>,
    pub seized: Seizure<'b>,
    pub effects: Vec<Effect>,
}

#[derive(Debug)]
pub(super) enum Effect {
    /// A pending one need not wait any longer.
    Hurried(Seq),
    /// A parked one is pending again.
    Returned {
        seq: Seq,
        delivery: Delivery,
        doubtful: bool,
    },
    /// One that was pending or parked is dropped.
    Dropped(Seq, State),
    /// A new one, of an event that was unrouted before or not.
    Entered(Seq, Delivery),
    /// An event has its first delivery.
    Routed,
}

/// Does all of them, then answers.
pub(super) fn perform(connection: &mut Connection, board: &Board, acts: Vec<Act>) {
    let mut outcomes = Vec::with_capacity(acts.len());
    match transact(connection, board, &acts, &mut outcomes) {
        Ok(()) => {
            for (act, outcome) in acts.into_iter().zip(outcomes) {
                let answer = outcome.map(|outcome| {
                    board.apply(outcome.seized, outcome.effects);
                    outcome.answer
                });
                // An answer nobody waits for any more is no loss.
                drop(act.answer.send(answer));
            }
        }
        Err(error) => {
            drop(outcomes);
            board.set_trouble(Some(error.to_string()));
            for act in acts {
                drop(act.answer.send(Err(unavailable(&error))));
            }
        }
    }
}

fn transact<'b>(
    connection: &mut Connection,
    board: &'b Board,
    acts: &[Act],
    outcomes: &mut Vec<Result<Outcome<'b>, ActionError>>,
) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for act in acts {
        let savepoint = transaction.savepoint()?;
        let outcome = act.run(&savepoint, board);
        if outcome.is_ok() {
            savepoint.commit()?;
        }
        outcomes.push(outcome);
    }
    transaction.commit()
}

impl Act {
    fn run<'b>(
        &self,
        connection: &Connection,
        board: &'b Board,
    ) -> Result<Outcome<'b>, ActionError> {
        let step = Step {
            connection,
            board,
            at: self.at,
            note: self.note.as_ref(),
        };
        match &self.work {
            Work::Retry(id) => step.retry(*id),
            Work::Drop(id) => step.give_up(*id),
            Work::Replay {
                event,
                deliveries,
                again,
            } => step.replay(*event, deliveries, *again),
            Work::Erase(event) => step.erase(*event),
        }
    }
}

/// One action, with what it works on.
pub(super) struct Step<'a, 'b> {
    pub connection: &'a Connection,
    pub board: &'b Board,
    pub at: Timestamp,
    note: Option<&'a Note>,
}

impl<'b> Step<'_, 'b> {
    fn retry(&self, id: DeliveryId) -> Result<Outcome<'b>, ActionError> {
        let mut kept = records::delivery(self.connection, id)
            .map_err(failed)?
            .ok_or(ActionError::NotFound)?;
        let delivery = &mut kept.delivery;
        let effect = match delivery.state {
            State::Pending if self.board.waits(kept.seq) => Effect::Hurried(kept.seq),
            State::Pending => return Err(ActionError::InFlight),
            State::Parked if kept.erased || !delivery.is_sendable() => {
                return Err(ActionError::Unsendable);
            }
            State::Parked => {
                self.board.admit(&delivery.source, 1)?;
                let doubtful = delivery.is_parked_in_doubt();
                (delivery.state, delivery.reason, delivery.settled_at) =
                    (State::Pending, None, None);
                delivery.next_attempt_at = Some(self.at);
                Effect::Returned {
                    seq: kept.seq,
                    delivery: delivery.clone(),
                    doubtful,
                }
            }
            settled @ (State::Delivered | State::Dropped) => {
                return Err(ActionError::Settled(settled));
            }
        };
        records::set_due(self.connection, kept.seq, self.at).map_err(failed)?;
        self.keep_note(kept.event, Some(id), Action::Retry)?;
        delivery.next_attempt_at = Some(self.at);
        Ok(Outcome {
            answer: vec![kept.delivery],
            effects: vec![effect],
            ..Outcome::quiet(self.board)
        })
    }

    fn give_up(&self, id: DeliveryId) -> Result<Outcome<'b>, ActionError> {
        let mut kept = records::delivery(self.connection, id)
            .map_err(failed)?
            .ok_or(ActionError::NotFound)?;
        let seized = self.seize([&kept])?;
        let effect = self.drop_kept(&mut kept, Reason::OperatorDropped)?;
        self.keep_note(kept.event, Some(id), Action::Drop)?;
        Ok(Outcome {
            answer: vec![kept.delivery],
            seized,
            effects: vec![effect],
        })
    }

    fn erase(&self, id: EventId) -> Result<Outcome<'b>, ActionError> {
        let event = records::event(self.connection, id)
            .map_err(failed)?
            .ok_or(ActionError::NotFound)?;
        if event.erased {
            return Ok(Outcome::quiet(self.board));
        }
        let deliveries = records::deliveries(self.connection, &event).map_err(failed)?;
        if deliveries
            .iter()
            .any(|kept| kept.delivery.state == State::Pending)
        {
            return Err(ActionError::Pending);
        }
        records::erase(self.connection, &event, self.at).map_err(failed)?;
        Ok(Outcome::quiet(self.board))
    }

    /// Takes what is pending among them away from the lanes' claims; parked ones can be claimed by nobody.
    pub(super) fn seize<'k>(
        &self,
        all: impl IntoIterator<Item = &'k Kept>,
    ) -> Result<Seizure<'b>, ActionError> {
        let mut seized = Seizure::none(self.board);
        for kept in all {
            match kept.delivery.state {
                State::Parked => {}
                State::Pending => {
                    if !seized.take(kept.seq) {
                        return Err(ActionError::InFlight);
                    }
                }
                settled => return Err(ActionError::Settled(settled)),
            }
        }
        Ok(seized)
    }

    pub(super) fn drop_kept(&self, kept: &mut Kept, reason: Reason) -> Result<Effect, ActionError> {
        let delivery = &mut kept.delivery;
        let effect = Effect::Dropped(kept.seq, delivery.state);
        (delivery.state, delivery.reason) = (State::Dropped, Some(reason));
        (delivery.settled_at, delivery.next_attempt_at) = (Some(self.at), None);
        records::set_dropped(self.connection, kept.seq, reason, self.at).map_err(failed)?;
        Ok(effect)
    }

    pub(super) fn keep_note(
        &self,
        event: i64,
        delivery: Option<DeliveryId>,
        action: Action,
    ) -> Result<(), ActionError> {
        self.note.map_or(Ok(()), |note| {
            records::keep_note(self.connection, event, delivery, action, self.at, note)
                .map_err(failed)
        })
    }
}

impl<'b> Outcome<'b> {
    /// Nothing but what is on disk has changed.
    fn quiet(board: &'b Board) -> Self {
        Self {
            answer: Vec::new(),
            seized: Seizure::none(board),
            effects: Vec::new(),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
pub(super) fn failed(error: rusqlite::Error) -> ActionError {
    unavailable(&error)
}

/// The one who acts hears what SQLite says; nothing of a row's content is in it.
fn unavailable(error: &rusqlite::Error) -> ActionError {
    ActionError::Store(Error::Unavailable(error.to_string()))
}
