//! What actions read and write: deliveries with their places, events, notes.
//!
//! Each function is one statement or two inside the caller's transaction; whether it may run is the caller's to know.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::requests;
use super::rows::{self, DELIVERY_COLUMNS};
use crate::clock::Timestamp;
use crate::event::{Delivery, DeliveryId, EventId, Reason};
use crate::inbox::lanes::Seq;
use crate::inbox::{Action, Note, NoteRecord};

/// A delivery and its place in line.
#[derive(Debug)]
pub(super) struct Kept {
    pub seq: Seq,
    /// Place of its event.
    pub event: i64,
    pub erased: bool,
    pub delivery: Delivery,
}

/// What an action must know of an event.
#[derive(Debug)]
pub(super) struct KeptEvent {
    pub seq: i64,
    pub id: EventId,
    pub unrouted: bool,
    pub erased: bool,
    /// What it shares with other events of its request.
    pub request: Option<i64>,
    /// Where it stands in that, and how long it is; none: it has a copy of its own.
    pub part: Option<(usize, usize)>,
}

pub(super) fn delivery(connection: &Connection, id: DeliveryId) -> rusqlite::Result<Option<Kept>> {
    connection
        .prepare_cached(&format!(
            "SELECT {DELIVERY_COLUMNS}, d.seq, d.event, e.erased_at \
             FROM delivery d JOIN event e ON e.seq = d.event WHERE d.id = ?"
        ))?
        .query_row(params![id.0.as_bytes()], kept_from)
        .optional()
}

/// All deliveries of the event, in order of acceptance.
pub(super) fn deliveries(
    connection: &Connection,
    event: &KeptEvent,
) -> rusqlite::Result<Vec<Kept>> {
    connection
        .prepare_cached(&format!(
            "SELECT {DELIVERY_COLUMNS}, d.seq, d.event, e.erased_at \
             FROM delivery d JOIN event e ON e.seq = d.event WHERE d.event = ? ORDER BY d.seq"
        ))?
        .query_map([event.seq], kept_from)?
        .collect()
}

fn kept_from(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        seq: rows::seq_from(row.get("seq")?)?,
        event: row.get("event")?,
        erased: row.get::<_, Option<i64>>("erased_at")?.is_some(),
        delivery: rows::delivery_from(row)?,
    })
}

pub(super) fn event(connection: &Connection, id: EventId) -> rusqlite::Result<Option<KeptEvent>> {
    connection
        .prepare_cached(
            "SELECT seq, unrouted, erased_at IS NOT NULL, request, item_at, item_length FROM event WHERE id = ?",
        )?
        .query_row(params![id.0.as_bytes()], |row| {
            Ok(KeptEvent {
                seq: row.get(0)?,
                id,
                unrouted: row.get(1)?,
                erased: row.get(2)?,
                request: row.get(3)?,
                part: part(row.get(4)?, row.get(5)?),
            })
        })
        .optional()
}

fn part(at: Option<i64>, length: Option<i64>) -> Option<(usize, usize)> {
    let whole = |number: i64| usize::try_from(number).ok();
    Some((whole(at?)?, whole(length?)?))
}

/// Pending from now on, whatever it was, and due.
pub(super) fn set_due(connection: &Connection, seq: Seq, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'pending', reason = NULL, settled_at = NULL, next_attempt_at = ? WHERE seq = ?",
        )?
        .execute(params![at.millis(), rows::rowid(seq)])
        .map(drop)
}

pub(super) fn set_dropped(
    connection: &Connection,
    seq: Seq,
    reason: Reason,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'dropped', reason = ?, settled_at = ?, next_attempt_at = NULL WHERE seq = ?",
        )?
        .execute(params![reason.code(), at.millis(), rows::rowid(seq)])
        .map(drop)
}

pub(super) fn set_routed(connection: &Connection, event: &KeptEvent) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE event SET unrouted = 0 WHERE seq = ?")?
        .execute([event.seq])
        .map(drop)
}

pub(super) fn insert(
    connection: &Connection,
    event: &KeptEvent,
    delivery: &Delivery,
) -> rusqlite::Result<Seq> {
    let rules = rows::rules_doc(delivery)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    rows::insert_delivery(
        connection,
        event.seq,
        delivery,
        &rules,
        Some(&delivery.args),
    )
}

/// Overwrites what was sent, on disk as well: pages that become free are filled with zeros.
pub(super) fn erase(
    connection: &Connection,
    event: &KeptEvent,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", true)?;
    let erased = connection
        .prepare_cached(
            "UPDATE event SET body = x'', headers = '[]', query = '[]', claims = NULL, form = NULL, erased_at = ? \
             WHERE seq = ?",
        )?
        .execute(params![at.millis(), event.seq])
        .and_then(|_| {
            connection
                .prepare_cached(
                    "UPDATE delivery SET args = '[]', last_error = NULL, \
                     rules = json_replace(rules, '$.missing.start.args', '[]', '$.closed.start.args', '[]') \
                     WHERE event = ?",
                )?
                .execute([event.seq])
        })
        .and_then(|_| requests::erase(connection, event));
    connection.pragma_update(None, "secure_delete", false)?;
    erased
}

pub(super) fn keep_note(
    connection: &Connection,
    event: i64,
    delivery: Option<DeliveryId>,
    action: Action,
    at: Timestamp,
    note: &Note,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO note (event, delivery, at, who, action, text) \
             VALUES (:event, :delivery, :at, :who, :action, :text)",
        )?
        .execute(named_params! {
            ":event": event,
            ":delivery": delivery.map(|id| *id.0.as_bytes()),
            ":at": at.millis(),
            ":who": note.who,
            ":action": action.as_str(),
            ":text": note.text,
        })
        .map(drop)
}

/// Notes of the event at this place, oldest first.
pub(super) fn notes(connection: &Connection, event: i64) -> rusqlite::Result<Vec<NoteRecord>> {
    connection
        .prepare_cached(
            "SELECT at, action, delivery, who, text FROM note WHERE event = ? ORDER BY seq",
        )?
        .query_map([event], |row| {
            let action: String = row.get(1)?;
            let action = Action::ALL
                .into_iter()
                .find(|known| known.as_str() == action)
                .ok_or_else(|| rows::unreadable("unknown action"))?;
            Ok(NoteRecord {
                at: Timestamp::from_millis(row.get(0)?),
                action,
                delivery: row
                    .get::<_, Option<[u8; 16]>>(2)?
                    .map(|id| DeliveryId(Uuid::from_bytes(id))),
                who: row.get(3)?,
                text: row.get(4)?,
            })
        })?
        .collect()
}
