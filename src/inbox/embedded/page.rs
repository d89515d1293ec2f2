//! The history, page by page, newest first.
//!
//! One call looks at a bounded window of events, walked by time of receipt. A filter that is rare yields pages with few or no
//! events, each with a cursor to go on from: no call blocks for long, and no filter needs an index that every accept would pay for.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::reader;
use super::rows::{self, EVENT_COLUMNS};
use crate::clock::Timestamp;
use crate::event::State;
use crate::inbox::{Error, EventFilter, EventState, Page};

/// Events looked at in one call.
const WINDOW: i64 = 50_000;
/// Bodies in one page; one more event than fits is still whole.
const PAGE_BYTES: usize = 16 << 20;
const MAX_LIMIT: usize = 1_000;

/// A place in the history: everything at or after it has been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    received_at: i64,
    seq: i64,
}

impl Position {
    pub(super) const NEWEST: Self = Self {
        received_at: i64::MAX,
        seq: i64::MAX,
    };

    pub(super) fn parse(cursor: &str) -> Result<Self, Error> {
        let bytes: [u8; 16] = hex::decode(cursor)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Error::Cursor)?;
        let both = i128::from_be_bytes(bytes);
        let (Ok(received_at), Ok(seq)) = (
            i64::try_from(both >> 64),
            i64::try_from(both & i128::from(i64::MAX)),
        ) else {
            return Err(Error::Cursor);
        };
        Ok(Self { received_at, seq })
    }

    fn cursor(self) -> String {
        let both = (i128::from(self.received_at) << 64) | i128::from(self.seq);
        hex::encode(both.to_be_bytes())
    }
}

pub(super) fn events(
    connection: &Connection,
    filter: &EventFilter,
    start: Option<Position>,
) -> rusqlite::Result<Page> {
    let start = start.unwrap_or(Position::NEWEST);
    let limit = filter.limit.clamp(1, MAX_LIMIT);
    let floor = if is_selective(filter) {
        window_floor(connection, filter, start)?
    } else {
        None
    };
    let (sql, values) = query(filter, start, floor, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut events = Vec::new();
    let (mut last, mut bytes) = (start, 0);
    while let Some(row) = found.next()? {
        if events.len() == limit || bytes > PAGE_BYTES {
            let next = Some(last.cursor());
            return Ok(Page { events, next });
        }
        let (seq, record) = rows::event_from(row)?;
        bytes += record.event.body.len();
        last = Position {
            received_at: record.event.received_at.millis(),
            seq,
        };
        events.push(reader::with_deliveries(connection, seq, record)?);
    }
    Ok(Page {
        events,
        next: floor.map(Position::cursor),
    })
}

/// Whether an event within the times asked for may still not fit.
fn is_selective(filter: &EventFilter) -> bool {
    let texts = [
        &filter.source,
        &filter.kind,
        &filter.key,
        &filter.workflow,
        &filter.route,
    ];
    filter.state.is_some() || texts.into_iter().any(Option::is_some)
}

/// The last event of the window that begins below `start`; none if the history ends first.
fn window_floor(
    connection: &Connection,
    filter: &EventFilter,
    start: Position,
) -> rusqlite::Result<Option<Position>> {
    connection
        .prepare_cached(
            "SELECT received_at, seq FROM event INDEXED BY event_received \
             WHERE received_at BETWEEN ?1 AND ?2 AND (received_at < ?2 OR seq < ?3) \
             ORDER BY received_at DESC, seq DESC LIMIT 1 OFFSET ?4",
        )?
        .query_row(
            params![
                since(filter),
                top(filter, start),
                below(filter, start),
                WINDOW - 1
            ],
            |row| {
                Ok(Position {
                    received_at: row.get(0)?,
                    seq: row.get(1)?,
                })
            },
        )
        .optional()
}

fn query(
    filter: &EventFilter,
    start: Position,
    floor: Option<Position>,
    limit: usize,
) -> (String, Vec<Value>) {
    let (condition, mut values) = condition(filter, start, floor);
    values.push(Value::Integer(i64::try_from(limit + 1).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT {EVENT_COLUMNS} {condition} ORDER BY e.received_at DESC, e.seq DESC LIMIT ?"
    );
    (sql, values)
}

/// How many events fit in the window below `start`, and where the next one begins; none if that was the last.
pub(super) fn count_window(
    connection: &Connection,
    filter: &EventFilter,
    start: Position,
) -> rusqlite::Result<(u64, Option<Position>)> {
    let floor = window_floor(connection, filter, start)?;
    let (condition, values) = condition(filter, start, floor);
    let count: i64 = connection
        .prepare_cached(&format!("SELECT count(*) {condition}"))?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok((count.unsigned_abs(), floor))
}

/// Names of filters are ours, values are bound: nothing that a caller sent stands in the text.
fn condition(
    filter: &EventFilter,
    start: Position,
    floor: Option<Position>,
) -> (String, Vec<Value>) {
    let mut values = vec![
        Value::Integer(since(filter)),
        Value::Integer(top(filter, start)),
        Value::Integer(below(filter, start)),
    ];
    let mut sql = String::from(
        "FROM event e INDEXED BY event_received \
         WHERE e.received_at BETWEEN ?1 AND ?2 AND (e.received_at < ?2 OR e.seq < ?3)",
    );
    if let Some(floor) = floor {
        values.push(Value::Integer(floor.received_at));
        values.push(Value::Integer(floor.seq));
        sql.push_str(" AND e.received_at >= ?4 AND (e.received_at > ?4 OR e.seq >= ?5)");
    }
    // A bare `?` takes the number after the last one.
    let mut require = |condition: &str, value: &str| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(Value::Text(value.to_owned()));
    };
    let of_event = [
        ("e.source = ?", &filter.source),
        ("e.type = ?", &filter.kind),
        ("e.key = ?", &filter.key),
        (&any_delivery("workflow"), &filter.workflow),
        (&any_delivery("route"), &filter.route),
    ];
    for (condition, value) in of_event {
        if let Some(value) = value {
            require(condition, value);
        }
    }
    match filter.state {
        Some(EventState::Of(state)) => require(&any_delivery("state"), State::as_str(state)),
        Some(EventState::Unrouted) => sql.push_str(" AND e.unrouted"),
        None => {}
    }
    (sql, values)
}

fn any_delivery(column: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM delivery d INDEXED BY delivery_event WHERE d.event = e.seq AND d.{column} = ?)"
    )
}

fn since(filter: &EventFilter) -> i64 {
    filter.since.map_or(i64::MIN, Timestamp::millis)
}

/// The latest time of receipt that still counts.
fn top(filter: &EventFilter, start: Position) -> i64 {
    filter.until.map_or(start.received_at, |until| {
        until.millis().min(start.received_at)
    })
}

/// At that very time, the place below which it still counts: all of it, unless the cursor stands there.
fn below(filter: &EventFilter, start: Position) -> i64 {
    if top(filter, start) == start.received_at {
        start.seq
    } else {
        i64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_refused() {
        let position = Position {
            received_at: 1_785_585_600_123,
            seq: 42,
        };
        assert_eq!(Position::parse(&position.cursor()), Ok(position));
        for bad in ["", "zz", "00", &"f".repeat(64), "1 OR 1=1"] {
            assert_eq!(Position::parse(bad), Err(Error::Cursor), "{bad}");
        }
    }
}
