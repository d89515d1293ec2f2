//! Events and deliveries as rows, there and back.
//!
//! The only place that knows the order of columns.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, ToSql, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::{
    Content, DedupKey, Delivery, DeliveryId, Event, EventId, Item, Reason, Rules, State, Target,
    TraceContext,
};
use crate::expr::json;
use crate::inbox::lanes::Seq;
use crate::inbox::{Acceptance, EventRecord};

// Bound by position, in the order of these columns: a look-up of each name would cost as much as an index.
const INSERT_EVENT: &str = "INSERT INTO event (id, source, key, key_digest, key_strict, retention, type, received_at, \
     unrouted, secret, peer, content, query, claims, form, headers, body, request, item, item_at, item_length) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_DELIVERY: &str = "INSERT INTO delivery (id, event, source, route, namespace, workflow, signal, state, reason, attempts, \
     accepted_at, first_attempt_at, next_attempt_at, settled_at, request_id, run_id, last_error, rules, args) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// The body of an event `e`: its own, or its part of what several share.
macro_rules! body {
    () => {
        "CASE WHEN e.item_at IS NULL THEN e.body ELSE \
         (SELECT substr(r.body, e.item_at + 1, e.item_length) FROM request r WHERE r.seq = e.request) END"
    };
}

/// What [`event_from`] reads, from a table `event` named `e`.
pub(super) const EVENT_COLUMNS: &str = concat!(
    "e.seq, e.id, e.source, e.key, e.key_digest, e.key_strict, e.retention, e.type, \
     e.received_at, e.duplicates, e.conflicts, e.erased_at, e.secret, e.peer, e.content, e.query, e.claims, e.form, \
     e.headers, e.item, e.item_at, ",
    body!(),
    " AS body"
);

/// What [`delivery_from`] reads, from a table `delivery` named `d` and its `event` named `e`.
pub(super) const DELIVERY_COLUMNS: &str = concat!(
    "d.id, e.id AS event_id, d.source, d.route, d.namespace, d.workflow, d.signal, \
     d.state, d.reason, d.attempts, d.accepted_at, d.first_attempt_at, d.next_attempt_at, d.settled_at, d.request_id, \
     d.run_id, d.last_error, d.rules, d.args, CASE WHEN d.args IS NULL THEN ",
    body!(),
    " END AS sent"
);

/// What of an acceptance must be put into words before it is a row; made before the writer sees it.
#[derive(Debug)]
pub(super) struct Encoded {
    headers: String,
    query: String,
    claims: Option<String>,
    form: Option<String>,
    content: &'static str,
    /// One for each delivery.
    rules: Vec<String>,
}

impl Encoded {
    pub(super) fn new(acceptance: &Acceptance) -> serde_json::Result<Self> {
        let event = &acceptance.event;
        let form = match &event.content {
            Content::Form(fields) => Some(serde_json::to_string(fields)?),
            Content::Json(_) | Content::Text | Content::Binary => None,
        };
        Ok(Self {
            headers: serde_json::to_string(&event.headers)?,
            query: serde_json::to_string(&event.query)?,
            claims: event
                .claims
                .as_ref()
                .map(serde_json::to_string)
                .transpose()?,
            form,
            content: kind_of(&event.content),
            rules: acceptance
                .deliveries
                .iter()
                .map(rules_doc)
                .collect::<serde_json::Result<_>>()?,
        })
    }
}

/// What the column `rules` holds: the rules and, where there is one, the trace.
#[derive(Serialize)]
struct RulesDoc<'a> {
    #[serde(flatten)]
    rules: &'a Rules,
    trace: TraceContext,
}

/// The trace of that column. Programs that know nothing of traces leave it out, and read over it.
#[derive(Default, Deserialize)]
struct TraceDoc {
    #[serde(default)]
    trace: Option<TraceContext>,
}

pub(super) fn rules_doc(delivery: &Delivery) -> serde_json::Result<String> {
    let rules = &delivery.rules;
    match delivery.trace {
        Some(trace) => serde_json::to_string(&RulesDoc { rules, trace }),
        None => serde_json::to_string(rules),
    }
}

/// How a content is called in a column.
pub(super) const fn kind_of(content: &Content) -> &'static str {
    match content {
        Content::Json(_) => "json",
        Content::Form(_) => "form",
        Content::Text => "text",
        Content::Binary => "binary",
    }
}

/// Inserts the event and its deliveries; returns the places of these, in their order. `request`: what it shares with others.
pub(super) fn insert(
    connection: &Connection,
    acceptance: &Acceptance,
    encoded: &Encoded,
    request: Option<i64>,
) -> rusqlite::Result<Vec<Seq>> {
    let event = insert_event(connection, acceptance, encoded, request)?;
    acceptance
        .deliveries
        .iter()
        .zip(&encoded.rules)
        .map(|(delivery, rules)| {
            let args = own_args(&delivery.args, &acceptance.event.body);
            insert_delivery(connection, event, delivery, rules, args)
        })
        .collect()
}

fn insert_event(
    connection: &Connection,
    acceptance: &Acceptance,
    encoded: &Encoded,
    request: Option<i64>,
) -> rusqlite::Result<i64> {
    let Acceptance { event, deliveries } = acceptance;
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let at = event.item.as_ref().and_then(|item| item.at);
    let own = if at.is_some() { &[][..] } else { &event.body };
    connection.prepare_cached(INSERT_EVENT)?.insert(params![
        event.id.0.as_bytes(),
        &*event.source,
        event.key.text,
        event.key.digest,
        event.key.strict,
        i64::try_from(event.key.retention.as_millis()).unwrap_or(i64::MAX),
        event.kind,
        event.received_at.millis(),
        deliveries.is_empty(),
        event.secret.map(number),
        event.peer,
        encoded.content,
        encoded.query,
        encoded.claims,
        encoded.form,
        encoded.headers,
        own,
        request,
        event.item.as_ref().map(|item| number(item.number)),
        at.map(number),
        at.map(|_| number(event.body.len())),
    ])
}

pub(super) fn insert_delivery(
    connection: &Connection,
    event: i64,
    delivery: &Delivery,
    rules: &str,
    args: Option<&str>,
) -> rusqlite::Result<Seq> {
    let seq = connection.prepare_cached(INSERT_DELIVERY)?.insert(params![
        delivery.id.0.as_bytes(),
        event,
        &*delivery.source,
        &*delivery.route,
        delivery.target.namespace,
        delivery.target.workflow,
        delivery.target.signal,
        delivery.state.as_str(),
        delivery.reason.map(Reason::code),
        delivery.attempts,
        delivery.accepted_at.millis(),
        delivery.first_attempt_at.map(Timestamp::millis),
        delivery.next_attempt_at.map(Timestamp::millis),
        delivery.settled_at.map(Timestamp::millis),
        delivery.request_id,
        delivery.run_id,
        delivery.last_error,
        rules,
        args,
    ])?;
    seq_from(seq)
}

/// None where the only argument is the body as sent: that is kept once, with the event.
fn own_args<'a>(args: &'a str, body: &[u8]) -> Option<&'a str> {
    let only = args
        .strip_prefix('[')
        .and_then(|args| args.strip_suffix(']'));
    (only.map(str::as_bytes) != Some(body)).then_some(args)
}

/// The other way around.
fn args(row: &Row<'_>) -> rusqlite::Result<String> {
    if let Some(own) = row.get("args")? {
        return Ok(own);
    }
    let body = std::str::from_utf8(row.get_ref("sent")?.as_blob()?)
        .map_err(|_| unreadable("arguments that are no text"))?;
    Ok(format!("[{body}]"))
}

/// The event of a row, without its deliveries, and its place in line.
pub(super) fn event_from(row: &Row<'_>) -> rusqlite::Result<(i64, EventRecord)> {
    let body = Bytes::from(row.get::<_, Vec<u8>>("body")?);
    let event = Event {
        id: EventId(uuid(row, "id")?),
        source: text(row, "source")?,
        key: DedupKey {
            text: row.get("key")?,
            digest: row.get("key_digest")?,
            retention: Duration::from_millis(row.get::<_, i64>("retention")?.unsigned_abs()),
            strict: row.get("key_strict")?,
        },
        kind: row.get("type")?,
        received_at: Timestamp::from_millis(row.get("received_at")?),
        peer: row.get("peer")?,
        headers: parsed(row, "headers")?,
        query: parsed(row, "query")?,
        claims: maybe_parsed(row, "claims")?,
        content: content(row, &body)?,
        body,
        secret: number(row, "secret")?,
        item: item(row)?,
    };
    let record = EventRecord {
        event,
        duplicates: row.get::<_, i64>("duplicates")?.unsigned_abs(),
        conflicts: row.get::<_, i64>("conflicts")?.unsigned_abs(),
        erased_at: time(row, "erased_at")?,
        deliveries: Vec::new(),
        notes: Vec::new(),
    };
    Ok((row.get("seq")?, record))
}

pub(super) fn delivery_from(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let state: String = row.get("state")?;
    let state = State::ALL
        .into_iter()
        .find(|known| known.as_str() == state)
        .ok_or_else(|| unreadable("unknown state"))?;
    let reason = row
        .get::<_, Option<String>>("reason")?
        .map(|code| Reason::from_code(&code).ok_or_else(|| unreadable("unknown reason")))
        .transpose()?;
    Ok(Delivery {
        id: DeliveryId(uuid(row, "id")?),
        event: EventId(uuid(row, "event_id")?),
        source: text(row, "source")?,
        route: text(row, "route")?,
        target: Target {
            namespace: row.get("namespace")?,
            workflow: row.get("workflow")?,
            signal: row.get("signal")?,
        },
        args: args(row)?,
        rules: parsed(row, "rules")?,
        state,
        reason,
        attempts: row.get("attempts")?,
        accepted_at: Timestamp::from_millis(row.get("accepted_at")?),
        first_attempt_at: time(row, "first_attempt_at")?,
        next_attempt_at: time(row, "next_attempt_at")?,
        last_error: row.get("last_error")?,
        request_id: row.get("request_id")?,
        run_id: row.get("run_id")?,
        settled_at: time(row, "settled_at")?,
        trace: parsed::<TraceDoc>(row, "rules")?.trace,
    })
}

pub(super) fn seq_from(rowid: i64) -> rusqlite::Result<Seq> {
    u64::try_from(rowid)
        .ok()
        .and_then(Seq::new)
        .ok_or_else(|| unreadable("a row number below one"))
}

/// Rows number from 1 upwards and fit: SQLite cannot make others.
pub(super) fn rowid(seq: Seq) -> impl ToSql {
    i64::try_from(seq.get()).unwrap_or(i64::MAX)
}

/// Where it stands among several; what they share is left out.
fn item(row: &Row<'_>) -> rusqlite::Result<Option<Item>> {
    let Some(place) = number(row, "item")? else {
        return Ok(None);
    };
    Ok(Some(Item {
        number: place,
        at: number(row, "item_at")?,
        whole: Bytes::new(),
        whole_content: Arc::new(Content::Binary),
    }))
}

fn number(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<usize>> {
    let number = row.get::<_, Option<i64>>(column)?;
    Ok(number.and_then(|number| usize::try_from(number).ok()))
}

/// A body that says JSON was parsed before it was kept; one that was erased since reads as binary.
pub(super) fn content(row: &Row<'_>, body: &[u8]) -> rusqlite::Result<Content> {
    Ok(match row.get_ref("content")?.as_str()? {
        "json" => json::read(body).map_or(Content::Binary, Content::Json),
        "form" => maybe_parsed(row, "form")?.map_or(Content::Binary, Content::Form),
        "text" => Content::Text,
        _ => Content::Binary,
    })
}

fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<Arc<str>> {
    Ok(Arc::from(row.get_ref(column)?.as_str()?))
}

fn uuid(row: &Row<'_>, column: &str) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .map(Timestamp::from_millis))
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    maybe_parsed(row, column)?.ok_or_else(|| unreadable("no JSON where there must be some"))
}

fn maybe_parsed<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    row.get_ref(column)?
        .as_str_or_null()?
        .map(|text| serde_json::from_str(text).map_err(|_| unreadable("JSON that does not parse")))
        .transpose()
}

/// Says what is wrong with a row, never what stands in it.
pub(super) fn unreadable(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, what.into())
}
