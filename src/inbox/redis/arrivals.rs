//! What the feed answers, read: who stands in the lanes, and what has happened there.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{FromRedisValue, Value};
use uuid::Uuid;

use super::rows::LaneDoc;
use crate::clock::Timestamp;
use crate::event::{DeliveryId, State};
use crate::inbox::SOON;
use crate::inbox::lanes::{Arrival, Seq};

/// What was read of one partition.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub version: u64,
    /// The log does not reach back to what was known.
    pub gap: bool,
    pub arrivals: Vec<Read>,
    /// Arrivals that are left out.
    pub unreadable: usize,
    pub log: Vec<(What, Seq, Option<Read>)>,
    /// The last seq among the arrivals, readable or not.
    pub last: Option<u64>,
}

/// A delivery as far as lanes must know it.
#[derive(Debug)]
pub(super) struct Read {
    pub seq: Seq,
    pub id: DeliveryId,
    pub state: State,
    namespace: String,
    workflow: String,
    source: Arc<str>,
    accepted_at: Timestamp,
    pace: Option<Duration>,
    next: Option<Timestamp>,
    flight: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Hurried,
    Returned,
    Dropped,
}

impl Page {
    pub(super) fn read(answer: Value) -> Self {
        let Value::Array(parts) = answer else {
            return Self::default();
        };
        let mut parts = parts.into_iter();
        let mut page = Self {
            version: parts.next().and_then(number).unwrap_or(0),
            gap: parts.next().and_then(number) == Some(1),
            ..Self::default()
        };
        // Sources repeat: one name for all of a page.
        let mut sources = Vec::new();
        for mut line in lines(parts.next()) {
            let seq = line.next().and_then(number).and_then(Seq::new);
            page.last = seq.map(Seq::get).max(page.last);
            match seq.and_then(|seq| Read::from(seq, line, &mut sources)) {
                Some(read) => page.arrivals.push(read),
                None => page.unreadable += 1,
            }
        }
        for mut line in lines(parts.next()) {
            let what = match line.next().and_then(text).as_deref() {
                Some("hurried") => What::Hurried,
                Some("returned") => What::Returned,
                Some("dropped") => What::Dropped,
                _ => continue,
            };
            if let Some(seq) = line.next().and_then(number).and_then(Seq::new) {
                // One that is gone altogether has no document.
                let read = (what == What::Returned).then(|| Read::from(seq, line, &mut sources));
                page.log.push((what, seq, read.flatten()));
            }
        }
        page
    }
}

impl Read {
    /// From id, doc, state, next, flight. One that cannot be read is left out: it must not hold up the others.
    fn from(
        seq: Seq,
        mut line: impl Iterator<Item = Value>,
        sources: &mut Vec<Arc<str>>,
    ) -> Option<Self> {
        let id = DeliveryId(Uuid::parse_str(&line.next().and_then(text)?).ok()?);
        let doc = line.next().and_then(bytes)?;
        let state = line.next().and_then(text)?;
        let next = line.next().and_then(text);
        let flight = line.next().and_then(text).unwrap_or_default();
        let read = LaneDoc::read(&doc).ok().and_then(|doc| {
            Some(Self {
                seq,
                id,
                state: State::ALL
                    .into_iter()
                    .find(|known| known.as_str() == state)?,
                source: named(sources, &doc.source),
                accepted_at: doc.accepted_at,
                pace: doc.pace(),
                namespace: doc.target.namespace.into_owned(),
                workflow: doc.target.workflow.into_owned(),
                next: next
                    .map(|next| next.parse().map(Timestamp::from_millis))
                    .transpose()
                    .ok()?,
                flight,
            })
        });
        if read.is_none() {
            tracing::error!(delivery = %id, "a delivery that cannot be read is left out of its lane");
        }
        read
    }

    /// What of it was not begun under `token` and not seen to end is in doubt.
    pub(super) fn arrival(&self, token: &str, now: Timestamp) -> Arrival<'_> {
        Arrival {
            seq: self.seq,
            namespace: &self.namespace,
            workflow: &self.workflow,
            source: &self.source,
            accepted_at: self.accepted_at,
            due: self.next.filter(|due| *due > now.plus(SOON)),
            doubtful: !self.flight.is_empty() && self.flight != token,
            pace: self.pace,
            // What stands in a lane without being pending holds it.
            held: self.state != State::Pending,
        }
    }
}

fn named(sources: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = sources.iter().find(|known| ***known == *name) {
        return Arc::clone(known);
    }
    let new: Arc<str> = Arc::from(name);
    sources.push(Arc::clone(&new));
    new
}

fn lines(list: Option<Value>) -> impl Iterator<Item = std::vec::IntoIter<Value>> {
    let list = match list {
        Some(Value::Array(lines)) => lines,
        _ => Vec::new(),
    };
    list.into_iter().filter_map(|line| match line {
        Value::Array(line) => Some(line.into_iter()),
        _ => None,
    })
}

fn number(value: Value) -> Option<u64> {
    u64::from_redis_value(value).ok()
}

fn text(value: Value) -> Option<String> {
    String::from_utf8(bytes(value)?).ok()
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}
