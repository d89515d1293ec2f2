//! What one piece of work does inside the writer's transaction.
//!
//! Every function here runs between BEGIN and COMMIT and may be rolled back and run again: it touches the database alone.

use rusqlite::{Connection, named_params, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::lanes::Seq;
use super::rows;
use crate::clock::Timestamp;
use crate::event::{Content, Delivery, Event, EventId, Reason, State};
use crate::inbox::{Acceptance, Error, Receipt, Settlement};

const MARK: &str = "UPDATE delivery SET state = :state, reason = :reason, attempts = attempts + 1, \
     first_attempt_at = coalesce(first_attempt_at, :claimed_at), next_attempt_at = :next_attempt_at, \
     settled_at = :settled_at, run_id = coalesce(:run_id, run_id), last_error = coalesce(:last_error, last_error) \
     WHERE seq = :seq AND state = 'pending'";

/// What became of one acceptance inside the transaction.
#[derive(Debug)]
pub(super) struct Kept {
    pub receipt: Result<Receipt, Error>,
    /// Places of the deliveries, in their order; empty for a duplicate.
    pub seqs: Vec<Seq>,
}

/// What a settlement changes of its delivery, in memory as on disk.
#[derive(Debug)]
pub(super) struct Mark {
    pub seq: Seq,
    pub state: State,
    reason: Option<Reason>,
    claimed_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    run_id: Option<String>,
    last_error: Option<String>,
}

/// An acceptance with everything that can be worked out outside the writer, whose time is the scarce one.
#[derive(Debug)]
pub(super) struct Prepared {
    pub acceptance: Acceptance,
    encoded: rows::Encoded,
    key: [u8; 16],
    body: [u8; 16],
}

impl Prepared {
    pub(super) fn new(mut acceptance: Acceptance) -> Result<Self, Error> {
        let encoded = rows::Encoded::new(&acceptance)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        // What has been put into words is let go by the thread that made it: the writer would pay more for it.
        let event = &mut acceptance.event;
        event.headers = Vec::new();
        event.query = Vec::new();
        event.claims = None;
        event.content = Content::Binary;
        Ok(Self {
            key: dedup_key(&acceptance.event),
            body: digest(&[&acceptance.event.body]),
            encoded,
            acceptance,
        })
    }
}

pub(super) fn accept(connection: &Connection, prepared: &Prepared) -> rusqlite::Result<Kept> {
    let acceptance = &prepared.acceptance;
    let event = acceptance.event.id;
    if !take_key(connection, prepared)? {
        return count_repeat(connection, prepared);
    }
    let seqs = rows::insert(connection, acceptance, &prepared.encoded)?;
    let receipt = match seqs.len() {
        0 => Receipt::Unrouted { event },
        deliveries => Receipt::Accepted { event, deliveries },
    };
    Ok(Kept {
        receipt: Ok(receipt),
        seqs,
    })
}

/// Takes the dedup key unless an event still holds it at the time of this one.
fn take_key(connection: &Connection, prepared: &Prepared) -> rusqlite::Result<bool> {
    let event = &prepared.acceptance.event;
    let expires_at = event.received_at.plus(event.key.retention);
    let taken = connection
        .prepare_cached(
            "INSERT INTO dedup (key, event, body, expires_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE \
             SET event = ?2, body = ?3, expires_at = ?4 WHERE expires_at <= ?5",
        )?
        .execute(params![
            prepared.key,
            event.id.0.as_bytes(),
            prepared.body,
            expires_at.millis(),
            event.received_at.millis()
        ])?;
    Ok(taken == 1)
}

/// Counts the repeat on the first event, if that is still there: keys can outlive their events.
fn count_repeat(connection: &Connection, prepared: &Prepared) -> rusqlite::Result<Kept> {
    let (first, conflict) = connection
        .prepare_cached("SELECT event, body <> ? FROM dedup WHERE key = ?")?
        .query_row(params![prepared.body, prepared.key], |row| {
            Ok((EventId(Uuid::from_bytes(row.get(0)?)), row.get(1)?))
        })?;
    connection
        .prepare_cached(
            "UPDATE event SET duplicates = duplicates + 1, conflicts = conflicts + ? WHERE id = ?",
        )?
        .execute(params![conflict, first.0.as_bytes()])?;
    let receipt = if conflict && prepared.acceptance.event.key.strict {
        Err(Error::Conflict { first })
    } else {
        Ok(Receipt::Duplicate { first, conflict })
    };
    Ok(Kept {
        receipt,
        seqs: Vec::new(),
    })
}

impl Mark {
    pub(super) fn new(
        seq: Seq,
        claimed_at: Timestamp,
        settlement: Settlement,
        now: Timestamp,
    ) -> Self {
        let mut mark = Self {
            seq,
            state: State::Pending,
            reason: None,
            claimed_at,
            next_attempt_at: None,
            settled_at: Some(now),
            run_id: None,
            last_error: None,
        };
        match settlement {
            Settlement::Delivered { run_id } => {
                mark.state = State::Delivered;
                mark.run_id = run_id;
            }
            Settlement::Parked { reason, detail } => {
                mark.state = State::Parked;
                mark.reason = Some(reason);
                mark.last_error = Some(detail);
            }
            Settlement::Dropped { reason, detail } => {
                mark.state = State::Dropped;
                mark.reason = Some(reason);
                mark.last_error = Some(detail);
            }
            Settlement::Retry { at, error } | Settlement::Unseen { at, error } => {
                mark.next_attempt_at = Some(at);
                mark.settled_at = None;
                mark.last_error = Some(error);
            }
            Settlement::Postponed { until } => {
                mark.next_attempt_at = Some(until);
                mark.settled_at = None;
            }
        }
        mark
    }

    /// When it is tried again; none if it has settled.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.next_attempt_at
    }

    /// The delivery as the next attempt must see it, before the mark is on disk.
    pub(super) fn apply(&self, delivery: &mut Delivery) {
        delivery.state = self.state;
        delivery.reason = self.reason;
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.first_attempt_at.get_or_insert(self.claimed_at);
        delivery.next_attempt_at = self.next_attempt_at;
        delivery.settled_at = self.settled_at;
        if let Some(error) = &self.last_error {
            delivery.last_error = Some(error.clone());
        }
    }

    /// Writes it; a delivery that has settled meanwhile stays as it is.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(MARK)?
            .execute(named_params! {
                ":state": self.state.as_str(),
                ":reason": self.reason.map(Reason::code),
                ":claimed_at": self.claimed_at.millis(),
                ":next_attempt_at": self.next_attempt_at.map(Timestamp::millis),
                ":settled_at": self.settled_at.map(Timestamp::millis),
                ":run_id": self.run_id,
                ":last_error": self.last_error,
                ":seq": rows::rowid(self.seq),
            })
            .map(drop)
    }
}

/// Deletes what has expired among the next `limit` keys after `after`; returns the last key it saw, none at the end.
///
/// Walking the keys in their own order needs no index over expiry, which every accept would pay for.
pub(super) fn sweep(
    connection: &Connection,
    after: &[u8],
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let last: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT max(key) FROM (SELECT key FROM dedup WHERE key > ? ORDER BY key LIMIT ?)",
        )?
        .query_row(params![after, limit], |row| row.get(0))?;
    if let Some(last) = &last {
        connection
            .prepare_cached("DELETE FROM dedup WHERE key > ? AND key <= ? AND expires_at <= ?")?
            .execute(params![after, last, now.millis()])?;
    }
    Ok(last)
}

/// Names of sources hold no NUL, so that no two pairs of source and key read the same.
fn dedup_key(event: &Event) -> [u8; 16] {
    digest(&[event.source.as_bytes(), b"\0", event.key.text.as_bytes()])
}

/// Half of a SHA-256: as many bits as a UUID has, and half the index.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(sha.finalize()) {
        *to = from;
    }
    half
}
