//! Deliveries, one and page by page, in order of acceptance.
//!
//! As with events, one call looks at a bounded window. Pending, parked and dropped ones have sets of their own, so that what an
//! operator mostly asks for is found at once in a long history. Arguments are read last, and only of what the page shows.

use std::collections::HashMap;

use super::Store;
use super::heads::DeliveryHead;
use super::history::told;
use super::parts::BODY;
use super::reading::Reading;
use super::rows::{self, Fields};
use super::span::{Place, Span, cursor, parse};
use crate::event::{Delivery, DeliveryId, EventId, State};
use crate::inbox::{DeliveryFilter, DeliveryPage, Error};

/// Deliveries looked at in one call.
const WINDOW: usize = 5_000;
/// Deliveries looked at in one go, where not all will fit.
const RUN: usize = 200;
/// Arguments in one page; one more delivery than fits is still whole.
const PAGE_BYTES: usize = 16 << 20;
const MAX_LIMIT: usize = 1_000;

/// All of a delivery but its arguments.
const BUT_ARGS: [&str; 9] = [
    "doc", "state", "reason", "attempts", "first", "next", "settled", "run", "error",
];

/// One that fits, without its arguments yet.
#[derive(Debug)]
struct Found {
    place: Place,
    id: DeliveryId,
    event: EventId,
    fields: Fields,
}

impl Store {
    pub(in crate::inbox) async fn delivery(
        &self,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        let mut reading = self.reading().await?;
        let name = self.keys.delivery(&id.to_string());
        let fields = reading.hashes(&[name]).await?.pop().unwrap_or_default();
        if fields.is_empty() {
            return Ok(None);
        }
        self.whole(&mut reading, id, &fields).await.map(Some)
    }

    /// The delivery that these fields are, with the body of its event where that is its only argument.
    pub(super) async fn whole(
        &self,
        reading: &mut Reading<'_>,
        id: DeliveryId,
        fields: &Fields,
    ) -> Result<Delivery, Error> {
        let unreadable = |error: rows::Unreadable| Error::Unavailable(error.to_string());
        let body = if fields.contains_key("args") {
            None
        } else {
            let event = DeliveryHead::of(fields).map_err(unreadable)?.event;
            let name = self.keys.event(&event.to_string());
            let mut event = reading.fields(&[name], &BODY).await?;
            reading.parts(&self.keys, &mut event).await?;
            let body = event.first().map(rows::body_from).transpose();
            body.map_err(unreadable)?
        };
        rows::delivery_from(id, fields, body.as_deref()).map_err(unreadable)
    }

    pub(in crate::inbox) async fn deliveries(
        &self,
        filter: DeliveryFilter,
    ) -> Result<DeliveryPage, Error> {
        let cursor_at = filter.cursor.as_deref().map(parse).transpose()?;
        let mut reading = self.reading().await?;
        let mut span = Span::new(&mut reading, &self.keys, &filter).await?;
        if let Some(place) = cursor_at {
            span.go_on_behind(place);
        }
        let limit = filter.limit.clamp(1, MAX_LIMIT);
        let (mut chosen, mut looked) = (Vec::new(), 0);
        let mut next = loop {
            let most = if is_selective(&filter) {
                RUN
            } else {
                RUN.min(limit + 1 - chosen.len())
            };
            let (run, fitting) = self.run(&mut reading, &filter, span, most).await?;
            chosen.extend(fitting);
            if chosen.len() > limit {
                chosen.truncate(limit);
                break chosen.last().map(|found| found.place);
            }
            if let Some(last) = run.last() {
                span.go_on_behind(*last);
            }
            if run.len() < most {
                break filter.ascending.then_some(span.above);
            }
            looked += run.len();
            if looked >= WINDOW {
                break Some(span.edge());
            }
        };
        if let Some(cut) = self.cut(&mut reading, &chosen).await? {
            chosen.truncate(cut);
            next = chosen.last().map(|found| found.place);
        }
        Ok(DeliveryPage {
            deliveries: self.with_args(&mut reading, chosen).await?,
            next: next.map(cursor),
        })
    }

    pub(in crate::inbox) async fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<u64, Error> {
        if !is_selective(filter) {
            let mut batch = ::redis::pipe();
            batch.cmd("ZCARD").arg(self.set_of(filter));
            let (count,) = self.reading().await?.ask(&batch).await?;
            return Ok(count);
        }
        let mut count = 0;
        let mut span = Span::new(&mut self.reading().await?, &self.keys, filter).await?;
        loop {
            // A turn for each run: a long count keeps no other read waiting.
            let mut reading = self.reading().await?;
            let (run, fitting) = self.run(&mut reading, filter, span, RUN).await?;
            count += u64::try_from(fitting.len()).unwrap_or(u64::MAX);
            match run.last() {
                Some(place) if run.len() == RUN => span.go_on_behind(*place),
                _ => return Ok(count),
            }
        }
    }

    /// The next places of the span, `most` at most, and what fits of them.
    async fn run(
        &self,
        reading: &mut Reading<'_>,
        filter: &DeliveryFilter,
        span: Span,
        most: usize,
    ) -> Result<(Vec<Place>, Vec<Found>), Error> {
        let mut batch = ::redis::pipe();
        let (above, below) = (format!("({}", span.above), format!("({}", span.below));
        let range = batch.cmd("ZRANGE").arg(self.set_of(filter));
        if span.ascending {
            range.arg(above).arg(below).arg("BYSCORE");
        } else {
            range.arg(below).arg(above).arg("BYSCORE").arg("REV");
        }
        range.arg("LIMIT").arg(0).arg(most).arg("WITHSCORES");
        let (members,): (Vec<(String, Place)>,) = reading.ask(&batch).await?;
        let names: Vec<_> = members
            .iter()
            .map(|(id, _)| self.keys.delivery(id))
            .collect();
        let found = reading.fields(&names, &BUT_ARGS).await?;
        let fitting = members
            .iter()
            .zip(found)
            .filter_map(|((id, place), fields)| {
                // Retention may have taken it meanwhile.
                fields.get("doc")?;
                let head = told(DeliveryHead::of(&fields))?;
                let event = head.event;
                head.fits(&fields, filter).then_some(())?;
                Some(Found {
                    place: *place,
                    id: id.parse().ok()?,
                    event,
                    fields,
                })
            });
        let fitting = fitting.collect();
        Ok((
            members.into_iter().map(|(_, place)| place).collect(),
            fitting,
        ))
    }

    /// How many of them fill a page, if not all of them are to be shown.
    async fn cut(
        &self,
        reading: &mut Reading<'_>,
        chosen: &[Found],
    ) -> Result<Option<usize>, Error> {
        let names = self.names(chosen);
        let own = reading.lengths(&names, "args").await?;
        let events: Vec<_> = chosen
            .iter()
            .zip(&own)
            .map(|(found, own)| (found, *own))
            .filter(|(_, own)| *own == 0)
            .map(|(found, _)| self.keys.event(&found.event.to_string()))
            .collect();
        let kept = reading.lengths(&events, "body").await?;
        let unpacked = reading.fields(&events, &["packed", "length"]).await?;
        let mut bodies = kept.into_iter().zip(&unpacked).map(|(kept, fields)| {
            let packed = fields
                .get("packed")
                .or_else(|| fields.get("length"))
                .and_then(|size| std::str::from_utf8(size).ok());
            packed.and_then(|size| size.parse().ok()).unwrap_or(kept)
        });
        let mut bytes = 0_usize;
        for (count, own) in own.into_iter().enumerate() {
            if bytes > PAGE_BYTES {
                return Ok(Some(count));
            }
            bytes = bytes.saturating_add(if own == 0 {
                bodies.next().unwrap_or(0)
            } else {
                own
            });
        }
        Ok(None)
    }

    async fn with_args(
        &self,
        reading: &mut Reading<'_>,
        chosen: Vec<Found>,
    ) -> Result<Vec<Delivery>, Error> {
        let names = self.names(&chosen);
        let own = reading.fields(&names, &["args"]).await?;
        let mut bodies = HashMap::new();
        for (found, own) in chosen.iter().zip(&own) {
            if own.is_empty() {
                bodies.insert(found.event, None);
            }
        }
        let events: Vec<_> = bodies.keys().copied().collect();
        let names: Vec<_> = events
            .iter()
            .map(|id| self.keys.event(&id.to_string()))
            .collect();
        let mut found = reading.fields(&names, &BODY).await?;
        reading.parts(&self.keys, &mut found).await?;
        for (id, fields) in events.into_iter().zip(&found) {
            bodies.insert(id, told(rows::body_from(fields)));
        }
        Ok(chosen
            .into_iter()
            .zip(own)
            .filter_map(|(mut found, own)| {
                found.fields.extend(own);
                let body = bodies.get(&found.event).and_then(Option::as_deref);
                told(rows::delivery_from(found.id, &found.fields, body))
            })
            .collect())
    }

    fn names(&self, chosen: &[Found]) -> Vec<String> {
        chosen
            .iter()
            .map(|found| self.keys.delivery(&found.id.to_string()))
            .collect()
    }

    fn set_of(&self, filter: &DeliveryFilter) -> String {
        match filter.state {
            Some(State::Delivered) | None => self.keys.named("deliveries"),
            Some(state) => self.keys.named(&format!("state:{}", state.as_str())),
        }
    }
}

/// Whether one of the set that is walked may still not fit.
fn is_selective(filter: &DeliveryFilter) -> bool {
    let texts = [&filter.route, &filter.workflow, &filter.source];
    filter.state == Some(State::Delivered)
        || filter.reason.is_some()
        || texts.into_iter().any(Option::is_some)
        || filter.since.is_some()
        || filter.until.is_some()
}
