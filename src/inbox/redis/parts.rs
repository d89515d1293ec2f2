//! Bodies that several events share: each event names its part, and reading one takes a second look.

use std::sync::Arc;

use ::redis::Pipeline;
use bytes::Bytes;

use super::keys::Keys;
use super::reading::Reading;
use super::rows::{self, Fields};
use super::{Error, Store};
use crate::event::{EventId, Item};

/// A body, how it reads, and its form fields.
type Shared = (Option<Vec<u8>>, (Option<String>, Option<String>));

/// The fields of an event that say what its body is.
pub(super) const BODY: [&str; 5] = ["body", "packed", "request", "from", "length"];

/// Parts in one batch.
const BATCH: usize = 200;

/// Adds to the batch a look at the part that this event is, if it is one.
pub(super) fn ask_for(batch: &mut Pipeline, keys: &Keys, event: &Fields) -> bool {
    let number = |name| {
        std::str::from_utf8(event.get(name)?)
            .ok()?
            .parse::<i64>()
            .ok()
    };
    let request = event
        .get("request")
        .and_then(|id| std::str::from_utf8(id).ok());
    let (Some(request), Some(from), Some(length)) = (request, number("from"), number("length"))
    else {
        return false;
    };
    batch
        .cmd("GETRANGE")
        .arg(keys.named(&format!("request:{request}")))
        .arg(from)
        .arg(from.saturating_add(length).saturating_sub(1));
    true
}

/// Puts what was read in the place of a body of its own.
pub(super) fn put(event: &mut Fields, part: Vec<u8>) {
    event.insert("body".to_owned(), part);
}

impl Reading<'_> {
    /// Reads the parts of those events that are one of several.
    pub(super) async fn parts(&mut self, keys: &Keys, events: &mut [Fields]) -> Result<(), Error> {
        for events in events.chunks_mut(BATCH) {
            let mut batch = ::redis::pipe();
            let mut asked: Vec<&mut Fields> = events
                .iter_mut()
                .filter(|event| ask_for(&mut batch, keys, event))
                .collect();
            if asked.is_empty() {
                continue;
            }
            let found: Vec<Vec<u8>> = self.ask(&batch).await?;
            for (event, part) in asked.iter_mut().zip(found) {
                put(event, part);
            }
        }
        Ok(())
    }
}

impl Store {
    /// Adds to an item of this event what it shares with the others.
    pub(super) async fn complete(
        &self,
        reading: &mut Reading<'_>,
        id: EventId,
        item: &mut Item,
    ) -> Result<(), Error> {
        let name = self.keys.event(&id.to_string());
        let fields = reading.fields(&[name], &["request"]).await?;
        let request = fields.first().and_then(|fields| fields.get("request"));
        let Some(request) = request.and_then(|id| std::str::from_utf8(id).ok()) else {
            return Ok(());
        };
        let mut batch = ::redis::pipe();
        batch
            .cmd("GET")
            .arg(self.keys.named(&format!("request:{request}")));
        batch
            .cmd("HMGET")
            .arg(self.keys.named(&format!("shared:{request}")))
            .arg(&["content", "form"]);
        let (body, (content, form)): Shared = reading.ask(&batch).await?;
        let form = form.and_then(|form| serde_json::from_str(&form).ok());
        item.whole = Bytes::from(body.unwrap_or_default());
        let content = rows::content_from(&content.unwrap_or_default(), form, &item.whole);
        item.whole_content = Arc::new(content);
        Ok(())
    }
}
