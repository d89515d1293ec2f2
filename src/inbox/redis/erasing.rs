//! Erasures: what was sent goes for good, keys and what became of the deliveries stay.

use std::sync::LazyLock;

use ::redis::Script;
use bytes::Bytes;
use serde_json::Value;

use super::acting::{script, unwritable};
use super::rows;
use super::{Error, Store};
use crate::clock;
use crate::event::{Closed, Content, Delivery, Event, EventId, Missing};
use crate::inbox::{ActionError, EventRecord, blank};

static ERASE: LazyLock<Script> = LazyLock::new(|| script(include_str!("lua/erase.lua")));

/// How often it is begun anew because a replay came in between.
const TRIES: u32 = 5;

impl Store {
    pub(in crate::inbox) async fn erase(&self, event: EventId) -> Result<(), ActionError> {
        for _ in 0..TRIES {
            let record = self.event(event).await?.ok_or(ActionError::NotFound)?;
            let args = erased(record)?;
            let mut answer = self.act(&ERASE, &args).await?;
            if answer.next().is_none() {
                return Ok(());
            }
        }
        Err(ActionError::InFlight)
    }
}

/// What is left of it, as `erase.lua` takes it.
fn erased(record: EventRecord) -> Result<Vec<String>, Error> {
    let failed = |error| unwritable(&error);
    let (id, blank) = (record.event.id, blank(&record.event));
    let mut args = vec![
        id.to_string(),
        clock::now().millis().to_string(),
        rows::event_doc(&bare(record.event)).map_err(failed)?,
        blank,
    ];
    for delivery in record.deliveries {
        args.push(delivery.id.to_string());
        args.push(rows::delivery_doc(&without_args(delivery)).map_err(failed)?);
    }
    Ok(args)
}

/// What stands in the place of its part of a body that others share.
fn blank(event: &Event) -> String {
    let mut part = vec![0; event.body.len()];
    blank::overwrite(&mut part);
    String::from_utf8(part).unwrap_or_default()
}

fn bare(event: Event) -> Event {
    let content = match event.content {
        Content::Form(_) => Content::Form(Value::Null),
        other => other,
    };
    Event {
        headers: Vec::new(),
        query: Vec::new(),
        claims: None,
        content,
        body: Bytes::new(),
        ..event
    }
}

fn without_args(mut delivery: Delivery) -> Delivery {
    if let Missing::Start(start) = &mut delivery.rules.missing {
        "[]".clone_into(&mut start.args);
    }
    if let Closed::Start(start) = &mut delivery.rules.closed {
        "[]".clone_into(&mut start.args);
    }
    delivery
}
