//! Accepting: everything that must be worked out is, then it goes to a connection that accepts.

use ::redis::Cmd;
use tokio::sync::oneshot;

use super::job::Job;
use super::keys::{Keys, partition};
use super::replicas::Replica;
use super::{Store, rows, scripts};
use crate::event::{Delivery, Event, Reason, State};
use crate::inbox::dedup;
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

impl Store {
    pub(in crate::inbox) async fn accept(&self, acceptance: Acceptance) -> Result<Receipt, Error> {
        let Acceptance { event, deliveries } = acceptance;
        let count = self.link.promise()?.partitions;
        let unreadable = |error: serde_json::Error| Error::Unavailable(error.to_string());
        let rows = deliveries
            .iter()
            .map(|delivery| {
                let target = &delivery.target;
                Ok(Row {
                    delivery,
                    partition: partition(&target.namespace, &target.workflow, count),
                    doc: rows::delivery_doc(delivery)?,
                    args: rows::own_args(&delivery.args, &event.body),
                })
            })
            .collect::<serde_json::Result<Vec<_>>>()
            .map_err(unreadable)?;
        let command = encode(&self.keys, &self.replica, self.max_backlog, &event, &rows)
            .map_err(unreadable)?;
        let partitions = rows.iter().map(|row| row.partition).collect();
        drop(rows);
        let (answer, answered) = oneshot::channel();
        self.intake.push(Job {
            command,
            event: event.id,
            strict: event.key.strict,
            partitions,
            deliveries,
            answer,
        })?;
        answered.await.map_err(|_| super::closed())?
    }
}

fn encode(
    keys: &Keys,
    replica: &Replica,
    max_backlog: u64,
    event: &Event,
    rows: &[Row<'_>],
) -> serde_json::Result<Cmd> {
    let doc = rows::event_doc(event)?;
    let (body, packed) = rows::pack(&event.body);
    let mut ids = String::with_capacity(37 * rows.len());
    for row in rows {
        if !ids.is_empty() {
            ids.push(' ');
        }
        ids.push_str(&row.delivery.id.to_string());
    }
    let of_rows: usize = rows
        .iter()
        .map(|row| DELIVERY_BYTES + row.doc.len() + row.args.map_or(0, str::len))
        .sum();
    let weight = EVENT_BYTES + doc.len() + body.len() + of_rows;
    let pending = rows.iter().filter(|row| row.is_pending()).count();
    let received = event.received_at.millis();
    let retention = u64::try_from(event.key.retention.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, LONGEST_RETENTION_MS);
    let mut command = scripts::call(&scripts::ACCEPT, keys.base());
    command
        .arg(&*replica.id)
        .arg(hex::encode(dedup::key(event)))
        .arg(event.id.to_string())
        .arg(hex::encode(dedup::digest(&[&event.body])))
        .arg(received)
        .arg(event.received_at.plus(event.key.retention).millis())
        .arg(retention)
        .arg(&*event.source)
        .arg(max_backlog)
        .arg(max_backlog.div_ceil(2))
        .arg(pending)
        .arg(weight)
        .arg(rows.len())
        .arg(if packed.is_some() { 12 } else { 10 });
    command.arg("at").arg(received).arg("doc").arg(doc);
    command.arg("body").arg(&*body).arg("ids").arg(ids);
    command.arg("bytes").arg(weight);
    if let Some(packed) = packed {
        command.arg("packed").arg(packed);
    }
    for row in rows {
        row.encode(&mut command);
    }
    Ok(command)
}

impl Row<'_> {
    fn is_pending(&self) -> bool {
        self.delivery.state == State::Pending
    }

    fn encode(&self, command: &mut Cmd) {
        let delivery = self.delivery;
        let times = [
            ("first", delivery.first_attempt_at),
            ("next", delivery.next_attempt_at),
            ("settled", delivery.settled_at),
        ];
        let texts = [
            ("args", self.args),
            ("reason", delivery.reason.map(Reason::code)),
            ("run", delivery.run_id.as_deref()),
            ("error", delivery.last_error.as_deref()),
        ];
        let fields = 2
            + times.iter().filter(|(_, time)| time.is_some()).count()
            + texts.iter().filter(|(_, text)| text.is_some()).count();
        let stands = self.is_pending() || delivery.holds_lane();
        command
            .arg(delivery.id.to_string())
            .arg(self.partition)
            .arg(delivery.state.as_str())
            .arg(if stands { "stands" } else { "" })
            .arg(2 * fields);
        command.arg("doc").arg(&self.doc);
        command.arg("attempts").arg(delivery.attempts);
        for (name, time) in times {
            if let Some(time) = time {
                command.arg(name).arg(time.millis());
            }
        }
        for (name, text) in texts {
            if let Some(text) = text {
                command.arg(name).arg(text);
            }
        }
    }
}
