//! An acceptance on its way, and what the script answered to it.

use ::redis::{Cmd, Value};
use tokio::sync::oneshot;

use crate::event::{Delivery, EventId, State};
use crate::inbox::lanes::Seq;
use crate::inbox::{Error, Receipt};

/// An acceptance, encoded.
#[derive(Debug)]
pub(super) struct Job {
    pub command: Cmd,
    pub event: EventId,
    pub strict: bool,
    /// One for each delivery.
    pub partitions: Vec<u16>,
    pub deliveries: Vec<Delivery>,
    pub answer: oneshot::Sender<Result<Receipt, Error>>,
}

impl Job {
    /// Its pending deliveries, of which the first of all has this place; partition and place beside each.
    pub(super) fn pending(&mut self, place: Seq) -> impl Iterator<Item = (u16, Seq, Delivery)> {
        let deliveries = std::mem::take(&mut self.deliveries).into_iter();
        let partitions = std::mem::take(&mut self.partitions).into_iter();
        (0..)
            .zip(partitions.zip(deliveries))
            .filter(|(_, (_, delivery))| delivery.state == State::Pending)
            .filter_map(move |(number, (partition, delivery))| {
                Some((partition, place.checked_add(number)?, delivery))
            })
    }

    pub(super) fn weight(&self) -> usize {
        self.command.args_iter().map(|arg| arg_len(&arg)).sum()
    }

    /// The receipt, and the place of the first delivery of what was accepted.
    pub(super) fn read(&self, answer: &Value) -> Result<(Receipt, Option<Seq>), Error> {
        let strange = || Error::Unavailable("Redis gave an answer that makes no sense".to_owned());
        let Value::Array(values) = answer else {
            return Err(strange());
        };
        let event = self.event;
        match values.as_slice() {
            [Value::Int(0), Value::Int(place)] => {
                let place = u64::try_from(*place).ok().and_then(Seq::new);
                let receipt = match self.deliveries.len() {
                    0 => Receipt::Unrouted { event },
                    deliveries => Receipt::Accepted { event, deliveries },
                };
                Ok((receipt, place))
            }
            [
                Value::Int(1),
                Value::BulkString(first),
                Value::Int(conflict),
            ] => {
                let first = std::str::from_utf8(first)
                    .ok()
                    .and_then(|first| first.parse().ok());
                let (first, conflict) = (first.ok_or_else(strange)?, *conflict == 1);
                if conflict && self.strict {
                    return Err(Error::Conflict { first });
                }
                Ok((Receipt::Duplicate { first, conflict }, None))
            }
            [Value::Int(2), Value::Int(source_only)] => Err(Error::Backlog {
                source_only: *source_only == 1,
            }),
            _ => Err(strange()),
        }
    }
}

fn arg_len(arg: &::redis::Arg<&[u8]>) -> usize {
    match arg {
        ::redis::Arg::Simple(bytes) => bytes.len(),
        _ => 0,
    }
}
