//! Bodies that several events share: each of these is a part of one, and the body goes with the last of them.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::records::KeptEvent;
use super::rows;
use crate::event::{Content, Event, Item};
use crate::inbox::blank;

/// What events of one request share, put into words.
#[derive(Debug)]
pub(super) struct Whole {
    content: &'static str,
    form: Option<String>,
    body: Bytes,
}

impl Whole {
    /// None where the event came alone.
    pub(super) fn of(event: &Event) -> serde_json::Result<Option<Self>> {
        let Some(item) = &event.item else {
            return Ok(None);
        };
        let form = match &*item.whole_content {
            Content::Form(fields) => Some(serde_json::to_string(fields)?),
            Content::Json(_) | Content::Text | Content::Binary => None,
        };
        Ok(Some(Self {
            content: rows::kind_of(&item.whole_content),
            form,
            body: item.whole.clone(),
        }))
    }

    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<i64> {
        connection
            .prepare_cached("INSERT INTO request (content, form, body) VALUES (?, ?, ?)")?
            .insert(params![self.content, self.form, &self.body[..]])
    }
}

/// Adds to an item of the event at this place what it shares with the others.
pub(super) fn complete(connection: &Connection, seq: i64, item: &mut Item) -> rusqlite::Result<()> {
    let found = connection
        .prepare_cached(
            "SELECT r.content, r.form, r.body FROM event e JOIN request r ON r.seq = e.request WHERE e.seq = ?",
        )?
        .query_row([seq], |row| {
            let body = Bytes::from(row.get::<_, Vec<u8>>("body")?);
            Ok((rows::content(row, &body)?, body))
        })
        .optional()?;
    if let Some((content, body)) = found {
        item.whole = body;
        item.whole_content = Arc::new(content);
    }
    Ok(())
}

/// Takes the part of an event that is being erased out of what it shares. The others keep theirs: where parts cannot be told
/// apart, each has its own copy, and the whole goes at once; else with the last of them.
pub(super) fn erase(connection: &Connection, event: &KeptEvent) -> rusqlite::Result<()> {
    let Some(request) = event.request else {
        return Ok(());
    };
    connection
        .prepare_cached("UPDATE event SET item_at = NULL, item_length = NULL WHERE seq = ?")?
        .execute([event.seq])?;
    let left: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM event WHERE request = ? AND erased_at IS NULL)",
        )?
        .query_row([request], |row| row.get(0))?;
    let Some((at, length)) = event.part.filter(|_| left) else {
        return connection
            .prepare_cached(
                "UPDATE request SET content = 'binary', form = NULL, body = x'' WHERE seq = ?",
            )?
            .execute([request])
            .map(drop);
    };
    let mut body: Vec<u8> = connection
        .prepare_cached("SELECT body FROM request WHERE seq = ?")?
        .query_row([request], |row| row.get(0))?;
    if let Some(part) = body.get_mut(at..at.saturating_add(length)) {
        blank::overwrite(part);
    }
    connection
        .prepare_cached("UPDATE request SET body = ? WHERE seq = ?")?
        .execute(params![body, request])
        .map(drop)
}

/// After one of its events was removed.
pub(super) fn remove_if_last(connection: &Connection, request: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM request WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE request = ?1)",
        )?
        .execute([request])
        .map(drop)
}
