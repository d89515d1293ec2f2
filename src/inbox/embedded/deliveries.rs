//! Deliveries, page by page, in order of acceptance.
//!
//! As with events, one call looks at a bounded window. Pending, parked and dropped ones are found by the small indexes that
//! exist for them anyway, so that what an operator mostly asks for is found at once in a long history.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::Store;
use super::rows::{self, DELIVERY_COLUMNS};
use crate::clock::Timestamp;
use crate::event::{Reason, State};
use crate::inbox::{DeliveryFilter, DeliveryPage, Error};

/// Deliveries looked at in one call.
const WINDOW: i64 = 50_000;
/// Arguments in one page; one more delivery than fits is still whole.
const PAGE_BYTES: usize = 16 << 20;
const MAX_LIMIT: usize = 1_000;

/// Where a page begins: behind this place, in the direction of the list.
type Place = i64;

impl Store {
    pub(in crate::inbox) async fn deliveries(
        &self,
        filter: DeliveryFilter,
    ) -> Result<DeliveryPage, Error> {
        let start = match &filter.cursor {
            Some(cursor) => parse(cursor)?,
            None => beginning(&filter),
        };
        self.history
            .run(move |connection| page(connection, &filter, start))
            .await
    }

    pub(in crate::inbox) async fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<u64, Error> {
        let mut count = 0;
        let mut start = Some(beginning(filter));
        // One read for each window: none lingers.
        while let Some(place) = start {
            let filter = filter.clone();
            let (found, end) = self
                .history
                .run(move |connection| count_window(connection, &filter, place))
                .await?;
            count += found;
            start = end;
        }
        Ok(count)
    }
}

fn beginning(filter: &DeliveryFilter) -> Place {
    if filter.ascending { 0 } else { Place::MAX }
}

fn parse(cursor: &str) -> Result<Place, Error> {
    let bytes: [u8; 8] = hex::decode(cursor)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Cursor)?;
    let place = Place::from_be_bytes(bytes);
    if place < 0 {
        return Err(Error::Cursor);
    }
    Ok(place)
}

fn cursor(place: Place) -> String {
    hex::encode(place.to_be_bytes())
}

fn page(
    connection: &Connection,
    filter: &DeliveryFilter,
    start: Place,
) -> rusqlite::Result<DeliveryPage> {
    let limit = filter.limit.clamp(1, MAX_LIMIT);
    let end = window_end(connection, filter, start)?;
    let (condition, mut values) = condition(filter, start, end);
    values.push(Value::Integer(i64::try_from(limit + 1).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS}, d.seq FROM delivery d {} CROSS JOIN event e ON e.seq = d.event \
         WHERE {condition} ORDER BY d.seq {} LIMIT ?",
        index(filter),
        order(filter)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut deliveries = Vec::new();
    let (mut last, mut bytes) = (start, 0);
    while let Some(row) = found.next()? {
        if deliveries.len() == limit || bytes > PAGE_BYTES {
            let next = Some(cursor(last));
            return Ok(DeliveryPage { deliveries, next });
        }
        last = row.get("seq")?;
        let delivery = rows::delivery_from(row)?;
        bytes += delivery.args.len();
        deliveries.push(delivery);
    }
    let next = match end {
        Some(end) => Some(cursor(end)),
        None => filter.ascending.then(|| cursor(last)),
    };
    Ok(DeliveryPage { deliveries, next })
}

/// How many fit in the window behind `start`, and where the next one begins; none if that was the last.
fn count_window(
    connection: &Connection,
    filter: &DeliveryFilter,
    start: Place,
) -> rusqlite::Result<(u64, Option<Place>)> {
    let end = window_end(connection, filter, start)?;
    let (condition, values) = condition(filter, start, end);
    let count: i64 = connection
        .prepare_cached(&format!(
            "SELECT count(*) FROM delivery d {} WHERE {condition}",
            index(filter)
        ))?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok((count.unsigned_abs(), end))
}

/// The last place of the window that begins behind `start`; none if the history ends first.
fn window_end(
    connection: &Connection,
    filter: &DeliveryFilter,
    start: Place,
) -> rusqlite::Result<Option<Place>> {
    let indexed = match filter.state {
        Some(state) if !index(filter).is_empty() => format!("d.state = '{}'", state.as_str()),
        _ => "TRUE".to_owned(),
    };
    connection
        .prepare_cached(&format!(
            "SELECT d.seq FROM delivery d {} WHERE {indexed} AND d.seq {} ?1 ORDER BY d.seq {} LIMIT 1 OFFSET ?2",
            index(filter),
            behind(filter),
            order(filter)
        ))?
        .query_row([start, WINDOW - 1], |row| row.get(0))
        .optional()
}

/// Names of columns are ours, values are bound: nothing that a caller sent stands in the text.
fn condition(filter: &DeliveryFilter, start: Place, end: Option<Place>) -> (String, Vec<Value>) {
    let mut sql = format!("d.seq {} ?", behind(filter));
    let mut values = vec![Value::Integer(start)];
    let mut require = |condition: &str, value: Value| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(end) = end {
        let within = if filter.ascending {
            "d.seq <= ?"
        } else {
            "d.seq >= ?"
        };
        require(within, Value::Integer(end));
    }
    let code = filter.reason.map(|reason| Reason::code(reason).to_owned());
    let texts = [
        ("d.reason = ?", &code),
        ("d.route = ?", &filter.route),
        ("d.workflow = ?", &filter.workflow),
        ("d.source = ?", &filter.source),
    ];
    for (condition, text) in texts {
        if let Some(text) = text {
            require(condition, Value::Text(text.clone()));
        }
    }
    let times = [
        ("d.accepted_at >= ?", filter.since),
        ("d.accepted_at <= ?", filter.until),
    ];
    for (condition, time) in times {
        if let Some(time) = time {
            require(condition, Value::Integer(Timestamp::millis(time)));
        }
    }
    if let Some(state) = filter.state {
        // In the text, so that SQLite sees that the index of that state will do.
        sql.push_str(" AND d.state = '");
        sql.push_str(state.as_str());
        sql.push('\'');
    }
    (sql, values)
}

fn index(filter: &DeliveryFilter) -> &'static str {
    match filter.state {
        Some(State::Pending) => "INDEXED BY delivery_pending",
        Some(State::Parked) => "INDEXED BY delivery_parked",
        Some(State::Dropped) => "INDEXED BY delivery_dropped",
        Some(State::Delivered) | None => "",
    }
}

fn behind(filter: &DeliveryFilter) -> &'static str {
    if filter.ascending { ">" } else { "<" }
}

fn order(filter: &DeliveryFilter) -> &'static str {
    if filter.ascending { "ASC" } else { "DESC" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_refused() {
        assert_eq!(parse(&cursor(42)), Ok(42));
        for bad in ["", "zz", "00", &"f".repeat(16), "1 OR 1=1"] {
            assert_eq!(parse(bad), Err(Error::Cursor), "{bad}");
        }
    }
}
