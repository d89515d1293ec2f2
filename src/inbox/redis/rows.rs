//! Events and deliveries as Redis keeps them, there and back.
//!
//! What never changes is one JSON document each; what changes has fields of its own (`keys`). The only place that knows both.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::event::{
    Content, DedupKey, Delivery, DeliveryId, Event, EventId, Item, Reason, Rules, State, Target,
    TraceContext,
};
use crate::expr::json;
use crate::inbox::{Action, EventRecord, Note, NoteRecord};

/// Bodies from this size on are compressed, where that makes them smaller.
const PACK_FROM: usize = 1 << 10;

/// The fields of a hash, as Redis answers them.
pub(super) type Fields = HashMap<String, Vec<u8>>;

/// What is kept cannot be read; never says what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is kept in Redis cannot be read: {0}")]
pub(super) struct Unreadable(pub(super) &'static str);

/// All of an event but its id and body.
#[derive(Debug, Serialize, Deserialize)]
struct EventDoc<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    digest: bool,
    strict: bool,
    /// Milliseconds.
    retention: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    peer: Cow<'a, str>,
    headers: Cow<'a, [(String, String)]>,
    query: Cow<'a, [(String, String)]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claims: Option<Cow<'a, Value>>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    form: Option<Cow<'a, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<ItemDoc>,
}

/// Where an event stands among several.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ItemDoc {
    number: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<usize>,
}

/// All of a delivery that never changes, but its id and arguments.
#[derive(Debug, Serialize, Deserialize)]
struct DeliveryDoc<'a> {
    event: EventId,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    route: Cow<'a, str>,
    target: Cow<'a, Target>,
    rules: Cow<'a, Rules>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    accepted_at: Timestamp,
    /// Programs that know nothing of traces leave it out, and read over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
}

/// Of a [`DeliveryDoc`], what lanes must know: a long backlog is read much faster so.
#[derive(Debug, Deserialize)]
pub(super) struct LaneDoc<'a> {
    #[serde(borrow)]
    pub(super) source: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) target: LaneTarget<'a>,
    rules: LaneRules,
    pub(super) accepted_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct LaneTarget<'a> {
    #[serde(borrow)]
    pub(super) namespace: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) workflow: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct LaneRules {
    #[serde(default)]
    pace_ms: Option<u32>,
}

impl<'a> LaneDoc<'a> {
    pub(super) fn read(doc: &'a [u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(doc).map_err(|_| Unreadable("a delivery"))
    }

    pub(super) fn pace(&self) -> Option<Duration> {
        self.rules
            .pace_ms
            .map(|ms| Duration::from_millis(ms.into()))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct NoteDoc<'a> {
    at: Timestamp,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryId>,
    #[serde(borrow)]
    who: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
}

pub(super) fn event_doc(event: &Event) -> serde_json::Result<String> {
    let (content, form) = kind_of(&event.content);
    serde_json::to_string(&EventDoc {
        source: Cow::Borrowed(&event.source),
        key: Cow::Borrowed(&event.key.text),
        digest: event.key.digest,
        strict: event.key.strict,
        retention: u64::try_from(event.key.retention.as_millis()).unwrap_or(u64::MAX),
        kind: Cow::Borrowed(&event.kind),
        peer: Cow::Borrowed(&event.peer),
        headers: Cow::Borrowed(&event.headers),
        query: Cow::Borrowed(&event.query),
        claims: event.claims.as_ref().map(Cow::Borrowed),
        content: Cow::Borrowed(content),
        form: form.map(Cow::Borrowed),
        secret: event.secret,
        item: event.item.as_ref().map(|item| ItemDoc {
            number: item.number,
            at: item.at,
        }),
    })
}

/// How a content is called, and its form fields.
pub(super) const fn kind_of(content: &Content) -> (&'static str, Option<&Value>) {
    match content {
        Content::Json(_) => ("json", None),
        Content::Form(fields) => ("form", Some(fields)),
        Content::Text => ("text", None),
        Content::Binary => ("binary", None),
    }
}

/// The other way around. A body that says JSON was parsed before it was kept; one that was erased since reads as binary.
pub(super) fn content_from(kind: &str, form: Option<Value>, body: &[u8]) -> Content {
    match kind {
        "json" => json::read(body).map_or(Content::Binary, Content::Json),
        "form" => form.map_or(Content::Binary, Content::Form),
        "text" => Content::Text,
        _ => Content::Binary,
    }
}

pub(super) fn delivery_doc(delivery: &Delivery) -> serde_json::Result<String> {
    serde_json::to_string(&DeliveryDoc {
        event: delivery.event,
        source: Cow::Borrowed(&delivery.source),
        route: Cow::Borrowed(&delivery.route),
        target: Cow::Borrowed(&delivery.target),
        rules: Cow::Borrowed(&delivery.rules),
        request_id: Cow::Borrowed(&delivery.request_id),
        accepted_at: delivery.accepted_at,
        trace: delivery.trace,
    })
}

pub(super) fn note_doc(
    at: Timestamp,
    action: Action,
    delivery: Option<DeliveryId>,
    note: &Note,
) -> serde_json::Result<String> {
    serde_json::to_string(&NoteDoc {
        at,
        action: Cow::Borrowed(action.as_str()),
        delivery,
        who: Cow::Borrowed(&note.who),
        text: note.text.as_deref().map(Cow::Borrowed),
    })
}

pub(super) fn note_from(doc: &[u8]) -> Result<NoteRecord, Unreadable> {
    let doc: NoteDoc<'_> = serde_json::from_slice(doc).map_err(|_| Unreadable("a note"))?;
    Ok(NoteRecord {
        at: doc.at,
        action: Action::ALL
            .into_iter()
            .find(|known| known.as_str() == doc.action)
            .ok_or(Unreadable("a note's action"))?,
        delivery: doc.delivery,
        who: doc.who.into_owned(),
        text: doc.text.map(Cow::into_owned),
    })
}

/// The body as kept, and its size before compression if it was compressed.
pub(super) fn pack(body: &[u8]) -> (Cow<'_, [u8]>, Option<usize>) {
    if body.len() >= PACK_FROM {
        let packed = lz4_flex::block::compress(body);
        if packed.len() < body.len() {
            return (Cow::Owned(packed), Some(body.len()));
        }
    }
    (Cow::Borrowed(body), None)
}

/// None where the only argument is the body as sent: that is kept once, with the event.
pub(super) fn own_args<'a>(args: &'a str, body: &[u8]) -> Option<&'a str> {
    let only = args
        .strip_prefix('[')
        .and_then(|args| args.strip_suffix(']'));
    (only.map(str::as_bytes) != Some(body)).then_some(args)
}

/// The event, without its deliveries and notes. One that was erased has no body and empty headers.
pub(super) fn event_from(id: EventId, fields: &Fields) -> Result<EventRecord, Unreadable> {
    let doc: EventDoc<'_> =
        serde_json::from_slice(field(fields, "doc")?).map_err(|_| Unreadable("an event"))?;
    let body = body_from(fields)?;
    let content = content_from(&doc.content, doc.form.map(Cow::into_owned), &body);
    Ok(EventRecord {
        event: Event {
            id,
            source: Arc::from(&*doc.source),
            key: DedupKey {
                text: doc.key.into_owned(),
                digest: doc.digest,
                retention: Duration::from_millis(doc.retention),
                strict: doc.strict,
            },
            kind: doc.kind.into_owned(),
            received_at: time(fields, "at")?.ok_or(Unreadable("an event's time"))?,
            peer: doc.peer.into_owned(),
            headers: doc.headers.into_owned(),
            query: doc.query.into_owned(),
            claims: doc.claims.map(Cow::into_owned),
            content,
            body,
            secret: doc.secret,
            item: doc.item.map(|item| Item {
                number: item.number,
                at: item.at,
                whole: Bytes::new(),
                whole_content: Arc::new(Content::Binary),
            }),
        },
        duplicates: number(fields, "duplicates")?.unwrap_or(0),
        conflicts: number(fields, "conflicts")?.unwrap_or(0),
        erased_at: time(fields, "erased_at")?,
        deliveries: Vec::new(),
        notes: Vec::new(),
    })
}

/// The body of an event as it was sent; a part of what it shares must have been read before (`parts`).
pub(super) fn body_from(fields: &Fields) -> Result<Bytes, Unreadable> {
    let kept = fields.get("body").map_or(&[][..], Vec::as_slice);
    let Some(size) = number(fields, "packed")? else {
        return Ok(Bytes::copy_from_slice(kept));
    };
    let size = usize::try_from(size).map_err(|_| Unreadable("a body's size"))?;
    lz4_flex::block::decompress(kept, size)
        .map(Bytes::from)
        .map_err(|_| Unreadable("a compressed body"))
}

/// The delivery; `body` of its event stands for arguments that it has none of its own of.
pub(super) fn delivery_from(
    id: DeliveryId,
    fields: &Fields,
    body: Option<&[u8]>,
) -> Result<Delivery, Unreadable> {
    let doc: DeliveryDoc<'_> =
        serde_json::from_slice(field(fields, "doc")?).map_err(|_| Unreadable("a delivery"))?;
    let state = text(fields, "state")?.ok_or(Unreadable("a delivery's state"))?;
    let args = match (text(fields, "args")?, body) {
        (Some(own), _) => own.to_owned(),
        (None, Some(body)) => {
            let body =
                std::str::from_utf8(body).map_err(|_| Unreadable("arguments that are no text"))?;
            format!("[{body}]")
        }
        (None, None) => "[]".to_owned(),
    };
    Ok(Delivery {
        id,
        event: doc.event,
        source: Arc::from(&*doc.source),
        route: Arc::from(&*doc.route),
        target: doc.target.into_owned(),
        args,
        rules: doc.rules.into_owned(),
        state: State::ALL
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or(Unreadable("a delivery's state"))?,
        reason: text(fields, "reason")?
            .map(|code| Reason::from_code(code).ok_or(Unreadable("a delivery's reason")))
            .transpose()?,
        attempts: number(fields, "attempts")?
            .map_or(0, |attempts| u32::try_from(attempts).unwrap_or(u32::MAX)),
        accepted_at: doc.accepted_at,
        first_attempt_at: time(fields, "first")?,
        next_attempt_at: time(fields, "next")?,
        last_error: text(fields, "error")?.map(str::to_owned),
        request_id: doc.request_id.into_owned(),
        run_id: text(fields, "run")?.map(str::to_owned),
        settled_at: time(fields, "settled")?,
        trace: doc.trace,
    })
}

/// The delivery as it stands now, `known` from before: what never changes of it is not read again.
pub(super) fn refresh(known: Delivery, fields: &Fields) -> Result<Delivery, Unreadable> {
    Ok(Delivery {
        state: State::Pending,
        reason: None,
        attempts: number(fields, "attempts")?
            .map_or(0, |attempts| u32::try_from(attempts).unwrap_or(u32::MAX)),
        first_attempt_at: time(fields, "first")?,
        next_attempt_at: time(fields, "next")?,
        last_error: text(fields, "error")?.map(str::to_owned),
        run_id: text(fields, "run")?.map(str::to_owned),
        settled_at: None,
        ..known
    })
}

/// The ids of an event's deliveries, in order.
pub(super) fn ids_from(fields: &Fields) -> Result<Vec<DeliveryId>, Unreadable> {
    text(fields, "ids")?
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|id| {
            Uuid::parse_str(id)
                .map(DeliveryId)
                .map_err(|_| Unreadable("the id of a delivery"))
        })
        .collect()
}

fn field<'a>(fields: &'a Fields, name: &str) -> Result<&'a [u8], Unreadable> {
    fields
        .get(name)
        .map(Vec::as_slice)
        .ok_or(Unreadable("a field is missing"))
}

fn text<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, Unreadable> {
    fields
        .get(name)
        .map(|bytes| std::str::from_utf8(bytes).map_err(|_| Unreadable("a field is no text")))
        .transpose()
}

fn number(fields: &Fields, name: &str) -> Result<Option<u64>, Unreadable> {
    text(fields, name)?
        .map(|text| text.parse().map_err(|_| Unreadable("a field is no number")))
        .transpose()
}

fn time(fields: &Fields, name: &str) -> Result<Option<Timestamp>, Unreadable> {
    text(fields, name)?
        .map(|text| {
            text.parse()
                .map(Timestamp::from_millis)
                .map_err(|_| Unreadable("a field is no time"))
        })
        .transpose()
}
