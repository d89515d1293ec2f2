//! Accepting: everything that must be worked out is, then it goes to a connection that accepts.

use std::borrow::Cow;

use ::redis::Cmd;
use tokio::sync::oneshot;

use super::job::{Job, Sent};
use super::{Store, rows, scripts};
use crate::clock::Timestamp;
use crate::event::{Delivery, Event, Reason, State};
use crate::inbox::dedup;
use crate::inbox::partition::partition;
use crate::inbox::{Acceptance, Error, Receipt};

/// What a key, the rows and the indexes of an event weigh beside what was sent, about; and of a delivery.
const EVENT_BYTES: usize = 600;
const DELIVERY_BYTES: usize = 400;

/// No key is remembered for longer.
const LONGEST_RETENTION_MS: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// A delivery as it is to be written.
struct Row<'a> {
    delivery: &'a Delivery,
    partition: u16,
    doc: String,
    args: Option<&'a str>,
}

/// An event with its deliveries.
struct Block<'a> {
    event: &'a Event,
    doc: String,
    rows: Vec<Row<'a>>,
}

impl Store {
    pub(in crate::inbox) async fn accept(
        &self,
        acceptances: Vec<Acceptance>,
    ) -> Result<Vec<Receipt>, Error> {
        let count = self.link.promise()?.partitions;
        let unreadable = |error: serde_json::Error| Error::Unavailable(error.to_string());
        let blocks = acceptances
            .iter()
            .map(|acceptance| Block::new(acceptance, count))
            .collect::<serde_json::Result<Vec<_>>>()
            .map_err(unreadable)?;
        let command = self.encode(&blocks).map_err(unreadable)?;
        let partitions = |block: Block<'_>| block.rows.iter().map(|row| row.partition).collect();
        let partitions: Vec<Vec<u16>> = blocks.into_iter().map(partitions).collect();
        let both = acceptances.into_iter().zip(partitions);
        let events = both.map(|(acceptance, partitions)| Sent {
            id: acceptance.event.id,
            partitions,
            deliveries: acceptance.deliveries,
        });
        let (answer, answered) = oneshot::channel();
        self.intake.push(Job {
            command,
            events: events.collect(),
            answer,
        })?;
        answered.await.map_err(|_| super::closed())?
    }

    /// In the order in which `accept.lua` takes it.
    fn encode(&self, blocks: &[Block<'_>]) -> serde_json::Result<Cmd> {
        let first = blocks.first().map(|block| block.event);
        let mut command = scripts::call(&scripts::ACCEPT, self.keys.base());
        command
            .arg(&*self.replica.id)
            .arg(first.map_or("", |event| &*event.source))
            .arg(self.max_backlog)
            .arg(self.max_backlog.div_ceil(2));
        let shared = first.and_then(|event| Some((event.id.to_string(), event.item.as_ref()?)));
        match &shared {
            Some((name, item)) => {
                let (content, form) = rows::kind_of(&item.whole_content);
                let form = form.map(serde_json::to_string).transpose()?;
                command.arg(name).arg(&item.whole[..]).arg(content);
                command.arg(form.unwrap_or_default());
            }
            None => {
                command.arg("").arg("").arg("").arg("");
            }
        }
        let shared = shared.as_ref().map(|(name, _)| name.as_str());
        for block in blocks {
            block.encode(&mut command, shared);
        }
        Ok(command)
    }
}

impl<'a> Block<'a> {
    fn new(acceptance: &'a Acceptance, partitions: u16) -> serde_json::Result<Self> {
        let Acceptance { event, deliveries } = acceptance;
        let rows = deliveries.iter().map(|delivery| {
            let target = &delivery.target;
            Ok(Row {
                delivery,
                partition: partition(&target.namespace, &target.workflow, partitions),
                doc: rows::delivery_doc(delivery)?,
                args: rows::own_args(&delivery.args, &event.body),
            })
        });
        Ok(Self {
            event,
            doc: rows::event_doc(event)?,
            rows: rows.collect::<serde_json::Result<_>>()?,
        })
    }

    fn encode(&self, command: &mut Cmd, shared: Option<&str>) {
        let event = self.event;
        let part = event.item.as_ref().and_then(|item| item.at);
        let (body, packed) = match part {
            Some(_) => (Cow::Borrowed(&[][..]), None),
            None => rows::pack(&event.body),
        };
        let weight = self.weight(body.len());
        let ids: Vec<_> = self
            .rows
            .iter()
            .map(|row| row.delivery.id.to_string())
            .collect();
        let received = event.received_at.millis();
        let texts = [
            ("packed", packed.map(|size| size.to_string())),
            ("request", shared.map(str::to_owned)),
            ("from", part.map(|at| at.to_string())),
            ("length", part.map(|_| event.body.len().to_string())),
        ];
        let fields = 2 * (5 + texts.iter().filter(|(_, text)| text.is_some()).count());
        let of_rows: usize = self.rows.iter().map(|row| 5 + row.fields()).sum();
        let retention = u64::try_from(event.key.retention.as_millis())
            .unwrap_or(u64::MAX)
            .clamp(1, LONGEST_RETENTION_MS);
        command
            .arg(12 + fields + of_rows)
            .arg(hex::encode(dedup::key(event)))
            .arg(event.id.to_string())
            .arg(hex::encode(dedup::digest(&[&event.body])))
            .arg(received)
            .arg(event.received_at.plus(event.key.retention).millis())
            .arg(retention)
            .arg(if event.key.strict { "strict" } else { "" })
            .arg(weight)
            .arg(self.rows.iter().filter(|row| row.is_pending()).count())
            .arg(self.rows.len())
            .arg(fields);
        command.arg("at").arg(received).arg("doc").arg(&self.doc);
        command
            .arg("body")
            .arg(&*body)
            .arg("ids")
            .arg(ids.join(" "));
        command.arg("bytes").arg(weight);
        for (name, text) in texts {
            if let Some(text) = text {
                command.arg(name).arg(text);
            }
        }
        for row in &self.rows {
            row.encode(command);
        }
    }

    /// With its body, or its part of one.
    fn weight(&self, body: usize) -> usize {
        let rows = self.rows.iter();
        let rows = rows.map(|row| DELIVERY_BYTES + row.doc.len() + row.args.map_or(0, str::len));
        let part = self.event.item.as_ref().and_then(|item| item.at);
        let part = part.map_or(0, |_| self.event.body.len());
        EVENT_BYTES + self.doc.len() + body + part + rows.sum::<usize>()
    }
}

impl Row<'_> {
    fn is_pending(&self) -> bool {
        self.delivery.state == State::Pending
    }

    fn times(&self) -> [(&'static str, Option<Timestamp>); 3] {
        let delivery = self.delivery;
        [
            ("first", delivery.first_attempt_at),
            ("next", delivery.next_attempt_at),
            ("settled", delivery.settled_at),
        ]
    }

    fn texts(&self) -> [(&'static str, Option<&str>); 4] {
        let delivery = self.delivery;
        [
            ("args", self.args),
            ("reason", delivery.reason.map(Reason::code)),
            ("run", delivery.run_id.as_deref()),
            ("error", delivery.last_error.as_deref()),
        ]
    }

    /// Names and values.
    fn fields(&self) -> usize {
        let times = self
            .times()
            .iter()
            .filter(|(_, time)| time.is_some())
            .count();
        let texts = self
            .texts()
            .iter()
            .filter(|(_, text)| text.is_some())
            .count();
        2 * (2 + times + texts)
    }

    fn encode(&self, command: &mut Cmd) {
        let delivery = self.delivery;
        let stands = self.is_pending() || delivery.holds_lane();
        command
            .arg(delivery.id.to_string())
            .arg(self.partition)
            .arg(delivery.state.as_str())
            .arg(if stands { "stands" } else { "" })
            .arg(self.fields());
        command.arg("doc").arg(&self.doc);
        command.arg("attempts").arg(delivery.attempts);
        for (name, time) in self.times() {
            if let Some(time) = time {
                command.arg(name).arg(time.millis());
            }
        }
        for (name, text) in self.texts() {
            if let Some(text) = text {
                command.arg(name).arg(text);
            }
        }
    }
}
