//! The history, page by page, newest or oldest first.
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

/// The part of the history that a page is taken from, and from which end.
struct Span {
    since: i64,
    until: i64,
    /// Where the page before ended, if that is still within the times.
    beyond: i64,
    ascending: bool,
}

impl Span {
    fn new(filter: &EventFilter, start: Option<Position>) -> Self {
        let since = filter.since.map_or(i64::MIN, Timestamp::millis);
        let until = filter.until.map_or(i64::MAX, Timestamp::millis);
        let at = start.map(|start| start.received_at);
        let ascending = filter.ascending;
        let (since, until) = if ascending {
            (since.max(at.unwrap_or(i64::MIN)), until)
        } else {
            (since, until.min(at.unwrap_or(i64::MAX)))
        };
        let edge = if ascending { since } else { until };
        let open = if ascending { i64::MIN } else { i64::MAX };
        Self {
            since,
            until,
            beyond: start.map_or(open, |start| {
                if start.received_at == edge {
                    start.seq
                } else {
                    open
                }
            }),
            ascending,
        }
    }

    fn values(&self) -> [i64; 3] {
        [self.since, self.until, self.beyond]
    }

    /// Over [`Self::values`].
    const fn condition(&self) -> &'static str {
        if self.ascending {
            "e.received_at BETWEEN ?1 AND ?2 AND (e.received_at > ?1 OR e.seq > ?3)"
        } else {
            "e.received_at BETWEEN ?1 AND ?2 AND (e.received_at < ?2 OR e.seq < ?3)"
        }
    }

    /// Up to and with the place `?4`, `?5`.
    const fn up_to(&self) -> &'static str {
        if self.ascending {
            " AND e.received_at <= ?4 AND (e.received_at < ?4 OR e.seq <= ?5)"
        } else {
            " AND e.received_at >= ?4 AND (e.received_at > ?4 OR e.seq >= ?5)"
        }
    }

    const fn order(&self) -> &'static str {
        if self.ascending {
            " ORDER BY e.received_at, e.seq"
        } else {
            " ORDER BY e.received_at DESC, e.seq DESC"
        }
    }
}

pub(super) fn events(
    connection: &Connection,
    filter: &EventFilter,
    start: Option<Position>,
) -> rusqlite::Result<Page> {
    let span = Span::new(filter, start);
    let limit = filter.limit.clamp(1, MAX_LIMIT);
    let end = if is_selective(filter) {
        window_end(connection, &span)?
    } else {
        None
    };
    let (sql, values) = query(filter, &span, end, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut events = Vec::new();
    let (mut last, mut bytes) = (start, 0);
    while let Some(row) = found.next()? {
        if events.len() == limit || bytes > PAGE_BYTES {
            let next = last.map(Position::cursor);
            return Ok(Page { events, next });
        }
        let (seq, record) = rows::event_from(row)?;
        bytes += record.event.body.len();
        last = Some(Position {
            received_at: record.event.received_at.millis(),
            seq,
        });
        events.push(reader::with_deliveries(connection, seq, record)?);
    }
    Ok(Page {
        events,
        next: end.map(Position::cursor),
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

/// The last event of the window that begins where the page before ended; none if the history ends first.
fn window_end(connection: &Connection, span: &Span) -> rusqlite::Result<Option<Position>> {
    let [since, until, beyond] = span.values();
    connection
        .prepare_cached(&format!(
            "SELECT e.received_at, e.seq FROM event e INDEXED BY event_received WHERE {}{} LIMIT 1 OFFSET ?4",
            span.condition(),
            span.order()
        ))?
        .query_row(params![since, until, beyond, WINDOW - 1], |row| {
            Ok(Position {
                received_at: row.get(0)?,
                seq: row.get(1)?,
            })
        })
        .optional()
}

fn query(
    filter: &EventFilter,
    span: &Span,
    end: Option<Position>,
    limit: usize,
) -> (String, Vec<Value>) {
    let (condition, mut values) = condition(filter, span, end);
    values.push(Value::Integer(i64::try_from(limit + 1).unwrap_or(i64::MAX)));
    let sql = format!("SELECT {EVENT_COLUMNS} {condition}{} LIMIT ?", span.order());
    (sql, values)
}

/// How many events fit in the window that begins at `start`, and where the next one begins; none if that was the last.
pub(super) fn count_window(
    connection: &Connection,
    filter: &EventFilter,
    start: Option<Position>,
) -> rusqlite::Result<(u64, Option<Position>)> {
    let span = Span::new(filter, start);
    let end = window_end(connection, &span)?;
    let (condition, values) = condition(filter, &span, end);
    let count: i64 = connection
        .prepare_cached(&format!("SELECT count(*) {condition}"))?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok((count.unsigned_abs(), end))
}

/// Names of filters are ours, values are bound: nothing that a caller sent stands in the text.
fn condition(filter: &EventFilter, span: &Span, end: Option<Position>) -> (String, Vec<Value>) {
    let mut values = span.values().map(Value::Integer).to_vec();
    let mut sql = format!(
        "FROM event e INDEXED BY event_received WHERE {}",
        span.condition()
    );
    if let Some(end) = end {
        values.push(Value::Integer(end.received_at));
        values.push(Value::Integer(end.seq));
        sql.push_str(span.up_to());
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
