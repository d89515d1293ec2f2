//! What one piece of work does inside the writer's transaction.
//!
//! Every function here runs between BEGIN and COMMIT and may be rolled back and run again: it touches the database alone.

use rusqlite::{Connection, named_params, params};
use uuid::Uuid;

use super::requests::Whole;
use super::rows;
use crate::clock::Timestamp;
use crate::event::{Content, EventId, Reason};
use crate::inbox::dedup;
use crate::inbox::lanes::Seq;
use crate::inbox::mark::Mark;
use crate::inbox::{Acceptance, Error, Receipt};

const MARK: &str = "UPDATE delivery SET state = :state, reason = :reason, attempts = attempts + 1, \
     first_attempt_at = coalesce(first_attempt_at, :claimed_at), next_attempt_at = :next_attempt_at, \
     settled_at = :settled_at, run_id = coalesce(:run_id, run_id), last_error = coalesce(:last_error, last_error) \
     WHERE seq = :seq AND state = 'pending'";

/// What became of one acceptance inside the transaction.
#[derive(Debug)]
pub(super) struct Kept {
    /// One for each event.
    pub receipts: Result<Vec<Receipt>, Error>,
    /// For each event the places of its deliveries, in their order; none for a duplicate.
    pub seqs: Vec<Vec<Seq>>,
}

/// The events of one request, with everything that can be worked out outside the writer, whose time is the scarce one.
#[derive(Debug)]
pub(super) struct Prepared {
    pub parts: Vec<Part>,
    /// What they share; none where there is but one.
    whole: Option<Whole>,
}

/// One event.
#[derive(Debug)]
pub(super) struct Part {
    pub acceptance: Acceptance,
    encoded: rows::Encoded,
    key: dedup::Fingerprint,
    body: dedup::Fingerprint,
}

impl Prepared {
    pub(super) fn new(acceptances: Vec<Acceptance>) -> Result<Self, Error> {
        let unwritable = |error: serde_json::Error| Error::Unavailable(error.to_string());
        let whole = acceptances.first().map(|first| Whole::of(&first.event));
        let whole = whole.transpose().map_err(unwritable)?.flatten();
        let parts = acceptances.into_iter().map(Part::new);
        let parts = parts
            .collect::<serde_json::Result<_>>()
            .map_err(unwritable)?;
        Ok(Self { parts, whole })
    }
}

impl Part {
    fn new(mut acceptance: Acceptance) -> serde_json::Result<Self> {
        let encoded = rows::Encoded::new(&acceptance)?;
        // What has been put into words is let go by the thread that made it: the writer would pay more for it.
        let event = &mut acceptance.event;
        event.headers = Vec::new();
        event.query = Vec::new();
        event.claims = None;
        event.content = Content::Binary;
        Ok(Self {
            key: dedup::key(&acceptance.event),
            body: dedup::digest(&[&acceptance.event.body]),
            encoded,
            acceptance,
        })
    }
}

/// All of it or nothing.
pub(super) fn accept(connection: &Connection, prepared: &Prepared) -> rusqlite::Result<Kept> {
    let several = prepared.parts.len() > 1;
    if several {
        connection.execute_batch("SAVEPOINT several")?;
    }
    let (mut receipts, mut seqs, mut request) = (Vec::new(), Vec::new(), None);
    for part in &prepared.parts {
        let whole = prepared.whole.as_ref();
        match accept_part(connection, part, whole, &mut request)? {
            Ok((receipt, places)) => {
                receipts.push(receipt);
                seqs.push(places);
            }
            Err(conflict) => {
                if several {
                    connection.execute_batch("ROLLBACK TO several; RELEASE several")?;
                    count_repeat(connection, part)?.err();
                }
                return Ok(Kept {
                    receipts: Err(conflict),
                    seqs: Vec::new(),
                });
            }
        }
    }
    if several {
        connection.execute_batch("RELEASE several")?;
    }
    Ok(Kept {
        receipts: Ok(receipts),
        seqs,
    })
}

/// `request` is what the events share, once the first of them is kept.
fn accept_part(
    connection: &Connection,
    part: &Part,
    whole: Option<&Whole>,
    request: &mut Option<i64>,
) -> rusqlite::Result<Result<(Receipt, Vec<Seq>), Error>> {
    if !take_key(connection, part)? {
        let receipt = count_repeat(connection, part)?;
        return Ok(receipt.map(|receipt| (receipt, Vec::new())));
    }
    if let (None, Some(whole)) = (*request, whole) {
        *request = Some(whole.insert(connection)?);
    }
    let seqs = rows::insert(connection, &part.acceptance, &part.encoded, *request)?;
    let event = part.acceptance.event.id;
    let receipt = match seqs.len() {
        0 => Receipt::Unrouted { event },
        deliveries => Receipt::Accepted { event, deliveries },
    };
    Ok(Ok((receipt, seqs)))
}

/// Takes the dedup key unless an event still holds it at the time of this one.
fn take_key(connection: &Connection, part: &Part) -> rusqlite::Result<bool> {
    let event = &part.acceptance.event;
    let expires_at = event.received_at.plus(event.key.retention);
    let taken = connection
        .prepare_cached(
            "INSERT INTO dedup (key, event, body, expires_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE \
             SET event = ?2, body = ?3, expires_at = ?4 WHERE expires_at <= ?5",
        )?
        .execute(params![
            part.key,
            event.id.0.as_bytes(),
            part.body,
            expires_at.millis(),
            event.received_at.millis()
        ])?;
    Ok(taken == 1)
}

/// Counts the repeat on the first event, if that is still there: keys can outlive their events.
fn count_repeat(connection: &Connection, part: &Part) -> rusqlite::Result<Result<Receipt, Error>> {
    let (first, conflict) = connection
        .prepare_cached("SELECT event, body <> ? FROM dedup WHERE key = ?")?
        .query_row(params![part.body, part.key], |row| {
            Ok((EventId(Uuid::from_bytes(row.get(0)?)), row.get(1)?))
        })?;
    connection
        .prepare_cached(
            "UPDATE event SET duplicates = duplicates + 1, conflicts = conflicts + ? WHERE id = ?",
        )?
        .execute(params![conflict, first.0.as_bytes()])?;
    Ok(if conflict && part.acceptance.event.key.strict {
        Err(Error::Conflict { first })
    } else {
        Ok(Receipt::Duplicate { first, conflict })
    })
}

impl Mark {
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
