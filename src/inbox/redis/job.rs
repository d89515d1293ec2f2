//! Events on their way to be accepted, and what the script answered to it.

use ::redis::{Cmd, Value};
use tokio::sync::oneshot;

use crate::event::{Delivery, EventId, State};
use crate::inbox::lanes::Seq;
use crate::inbox::{Error, Receipt};

/// The events of one request, encoded.
#[derive(Debug)]
pub(super) struct Job {
    pub command: Cmd,
    pub events: Vec<Sent>,
    pub answer: oneshot::Sender<Result<Vec<Receipt>, Error>>,
}

/// What of an event is needed once it is accepted.
#[derive(Debug)]
pub(super) struct Sent {
    pub id: EventId,
    /// One for each delivery.
    pub partitions: Vec<u16>,
    pub deliveries: Vec<Delivery>,
}

/// A pending delivery that was just accepted.
#[derive(Debug)]
pub(super) struct Fresh {
    pub partition: u16,
    pub seq: Seq,
    /// The last place before its own that stands in its partition; none where that is another's to work.
    pub before: Option<u64>,
    pub delivery: Delivery,
}

/// Places that the script gave.
#[derive(Debug)]
pub(super) struct Places {
    /// Of the first delivery of all.
    first: Seq,
    /// See [`Fresh::before`]; one for each delivery that stands in a lane.
    before: Vec<Option<u64>>,
}

impl Sent {
    /// Its pending deliveries.
    pub(super) fn pending(self, places: Places) -> impl Iterator<Item = Fresh> {
        let mut before = places.before.into_iter();
        let numbered = (0..).zip(self.partitions.into_iter().zip(self.deliveries));
        numbered.filter_map(move |(number, (partition, delivery))| {
            let pending = delivery.state == State::Pending;
            let stands = pending || delivery.holds_lane();
            let before = if stands {
                before.next().flatten()
            } else {
                None
            };
            pending.then_some(Fresh {
                partition,
                seq: places.first.checked_add(number)?,
                before,
                delivery,
            })
        })
    }

    /// Partitions of those that stand in a lane and are not pending: the feed brings them.
    pub(super) fn held(&self) -> impl Iterator<Item = u16> {
        let both = self.partitions.iter().zip(&self.deliveries);
        both.filter(|(_, delivery)| delivery.holds_lane())
            .map(|(partition, _)| *partition)
    }

    /// The receipt, and the places of what was accepted.
    fn read(&self, answer: &Value) -> Option<(Receipt, Option<Places>)> {
        let Value::Array(values) = answer else {
            return None;
        };
        let event = self.id;
        match values.as_slice() {
            [Value::Int(0), Value::Int(first), before @ ..] => {
                let first = u64::try_from(*first).ok().and_then(Seq::new);
                let before = before.iter().map(|before| match before {
                    Value::Int(before) => u64::try_from(*before).ok(),
                    _ => None,
                });
                let places = first.map(|first| Places {
                    first,
                    before: before.collect(),
                });
                let receipt = match self.deliveries.len() {
                    0 => Receipt::Unrouted { event },
                    deliveries => Receipt::Accepted { event, deliveries },
                };
                Some((receipt, places))
            }
            [Value::Int(1), first, Value::Int(conflict)] => {
                let (first, conflict) = (id(first)?, *conflict == 1);
                Some((Receipt::Duplicate { first, conflict }, None))
            }
            _ => None,
        }
    }
}

impl Job {
    pub(super) fn weight(&self) -> usize {
        self.command.args_iter().map(|arg| arg_len(&arg)).sum()
    }

    /// For each event its receipt, and the places of what was accepted.
    pub(super) fn read(&self, answer: &Value) -> Result<Vec<(Receipt, Option<Places>)>, Error> {
        let strange = || Error::Unavailable("Redis gave an answer that makes no sense".to_owned());
        let Value::Array(values) = answer else {
            return Err(strange());
        };
        match values.as_slice() {
            [Value::Int(2), Value::Int(source_only)] => Err(Error::Backlog {
                source_only: *source_only == 1,
            }),
            [Value::Int(3), first] => Err(Error::Conflict {
                first: id(first).ok_or_else(strange)?,
            }),
            answers if answers.len() == self.events.len() => self
                .events
                .iter()
                .zip(answers)
                .map(|(event, answer)| event.read(answer).ok_or_else(strange))
                .collect(),
            _ => Err(strange()),
        }
    }
}

fn id(value: &Value) -> Option<EventId> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

fn arg_len(arg: &::redis::Arg<&[u8]>) -> usize {
    match arg {
        ::redis::Arg::Simple(bytes) => bytes.len(),
        _ => 0,
    }
}
