//! The history of events, page by page.
//!
//! One call looks at a bounded window of events, and reads whole only what fits. A filter that is rare yields pages with few or
//! no events, each with a cursor to go on from; no index is kept that every accept would pay for.

use super::Store;
use super::heads::{EventHead, any_fits};
use super::paging::{Place, Spot, Walk};
use super::reading::Reading;
use super::rows::{self, Fields, Unreadable};
use crate::event::{DeliveryId, EventId};
use crate::inbox::{Error, EventFilter, EventRecord, Page};

/// Events looked at in one call.
const WINDOW: usize = 5_000;
/// Events looked at in one go, where not all will fit.
const RUN: usize = 200;
/// Bytes of one page, as read; one more event than fits is still whole.
const PAGE_BYTES: usize = 16 << 20;
const MAX_LIMIT: usize = 1_000;

impl Store {
    pub(in crate::inbox) async fn events(&self, filter: EventFilter) -> Result<Page, Error> {
        let start = filter.cursor.as_deref().map(Place::parse).transpose()?;
        let mut reading = self.reading().await?;
        let mut walk = Walk::new(&mut reading, &self.keys, &filter, start).await?;
        let limit = filter.limit.clamp(1, MAX_LIMIT);
        let (mut chosen, mut bytes, mut looked, mut last) = (Vec::new(), 0, 0, start);
        let next = 'pages: loop {
            let most = if is_selective(&filter) {
                RUN
            } else {
                RUN.min(limit + 1 - chosen.len())
            };
            let spots = walk.next(&mut reading, &self.keys, most).await?;
            for (spot, weight) in self.fitting(&mut reading, &filter, &spots).await? {
                if chosen.len() == limit || bytes > PAGE_BYTES {
                    break 'pages last;
                }
                bytes += weight;
                last = Some(spot.place);
                chosen.push(spot.id);
            }
            if spots.len() < most {
                break None;
            }
            last = spots.last().map(|spot| spot.place);
            looked += spots.len();
            if looked >= WINDOW {
                break last;
            }
        };
        Ok(Page {
            events: self.records(&mut reading, &chosen).await?,
            next: next.map(Place::cursor),
        })
    }

    pub(in crate::inbox) async fn event(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        let mut reading = self.reading().await?;
        let mut found = self.records(&mut reading, &[id]).await?.pop();
        let item = found.as_mut().and_then(|found| found.event.item.as_mut());
        if let Some(item) = item {
            self.complete(&mut reading, id, item).await?;
        }
        Ok(found)
    }

    pub(in crate::inbox) async fn count_events(&self, filter: &EventFilter) -> Result<u64, Error> {
        let mut reading = self.reading().await?;
        if !is_selective(filter) {
            let bound = |at: Option<crate::clock::Timestamp>, open: &str| {
                at.map_or_else(|| open.to_owned(), |at| at.millis().to_string())
            };
            let mut batch = ::redis::pipe();
            batch
                .cmd("ZCOUNT")
                .arg(self.keys.named("events"))
                .arg(bound(filter.since, "-inf"))
                .arg(bound(filter.until, "+inf"));
            let (count,) = reading.ask(&batch).await?;
            return Ok(count);
        }
        let mut walk = Walk::new(&mut reading, &self.keys, filter, None).await?;
        drop(reading);
        let mut count = 0;
        loop {
            // A turn for each run: a long count keeps no other read waiting.
            let mut reading = self.reading().await?;
            let spots = walk.next(&mut reading, &self.keys, RUN).await?;
            let fitting = self.fitting(&mut reading, filter, &spots).await?;
            count += u64::try_from(fitting.len()).unwrap_or(u64::MAX);
            if spots.len() < RUN {
                return Ok(count);
            }
        }
    }

    /// Those of them that fit, and what each weighs; one that retention took meanwhile does not.
    async fn fitting(
        &self,
        reading: &mut Reading<'_>,
        filter: &EventFilter,
        spots: &[Spot],
    ) -> Result<Vec<(Spot, usize)>, Error> {
        let names: Vec<_> = spots
            .iter()
            .map(|spot| self.keys.event(&spot.id.to_string()))
            .collect();
        let wanted: &[&str] = if is_selective(filter) {
            &["seq", "packed", "length", "bytes", "ids", "doc"]
        } else {
            &["seq", "packed", "length", "bytes"]
        };
        let found = reading.fields(&names, wanted).await?;
        let mut fitting: Vec<_> = spots
            .iter()
            .zip(found)
            .filter(|(_, fields)| fields.contains_key("seq"))
            .collect();
        if is_selective(filter) {
            fitting.retain(|(_, fields)| {
                told(EventHead::of(fields)).is_some_and(|head| head.fits(filter))
            });
        }
        if needs_deliveries(filter) {
            fitting = self
                .with_fitting_deliveries(reading, filter, fitting)
                .await?;
        }
        Ok(fitting
            .into_iter()
            .map(|(spot, fields)| (*spot, weight(&fields)))
            .collect())
    }

    async fn with_fitting_deliveries<'s>(
        &self,
        reading: &mut Reading<'_>,
        filter: &EventFilter,
        events: Vec<(&'s Spot, Fields)>,
    ) -> Result<Vec<(&'s Spot, Fields)>, Error> {
        let ids: Vec<_> = events
            .iter()
            .map(|(_, fields)| rows::ids_from(fields).unwrap_or_default())
            .collect();
        let names = self.delivery_names(ids.iter().flatten());
        let found = reading.fields(&names, &["doc", "state"]).await?;
        let mut rest = found.iter();
        Ok(events
            .into_iter()
            .zip(&ids)
            .filter_map(|(event, ids)| {
                let own: Vec<_> = rest.by_ref().take(ids.len()).collect();
                any_fits(filter, &own).then_some(event)
            })
            .collect())
    }

    /// Whole events with their deliveries and notes. One that is gone, or cannot be read, is left out: it must not hold up the
    /// others.
    pub(super) async fn records(
        &self,
        reading: &mut Reading<'_>,
        ids: &[EventId],
    ) -> Result<Vec<EventRecord>, Error> {
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let names: Vec<_> = texts.iter().map(|id| self.keys.event(id)).collect();
        let mut events = reading.hashes(&names).await?;
        reading.parts(&self.keys, &mut events).await?;
        let owned: Vec<_> = events
            .iter()
            .map(|fields| rows::ids_from(fields).unwrap_or_default())
            .collect();
        let names = self.delivery_names(owned.iter().flatten());
        let deliveries = reading.hashes(&names).await?;
        let names: Vec<_> = texts.iter().map(|id| self.keys.notes(id)).collect();
        let notes = reading.lists(&names).await?;
        let mut rest = deliveries.iter();
        let mut records = Vec::with_capacity(ids.len());
        for (((id, fields), owned), notes) in ids.iter().zip(&events).zip(&owned).zip(&notes) {
            let own: Vec<_> = rest.by_ref().take(owned.len()).collect();
            if fields.is_empty() {
                continue;
            }
            let Some(mut record) = told(rows::event_from(*id, fields)) else {
                continue;
            };
            record.deliveries = owned
                .iter()
                .zip(own)
                .filter(|(_, fields)| !fields.is_empty())
                .filter_map(|(id, fields)| {
                    told(rows::delivery_from(*id, fields, Some(&record.event.body)))
                })
                .collect();
            record.notes = notes
                .iter()
                .filter_map(|note| told(rows::note_from(note)))
                .collect();
            records.push(record);
        }
        Ok(records)
    }

    fn delivery_names<'i>(&self, ids: impl Iterator<Item = &'i DeliveryId>) -> Vec<String> {
        ids.map(|id| self.keys.delivery(&id.to_string())).collect()
    }
}

/// What cannot be read is said in the log, and left out.
pub(super) fn told<T>(read: Result<T, Unreadable>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "left out of an answer"))
        .ok()
}

/// Whether an event within the times asked for may still not fit.
fn is_selective(filter: &EventFilter) -> bool {
    let texts = [&filter.source, &filter.kind, &filter.key];
    needs_deliveries(filter) || texts.into_iter().any(Option::is_some)
}

fn needs_deliveries(filter: &EventFilter) -> bool {
    filter.state.is_some() || filter.workflow.is_some() || filter.route.is_some()
}

/// About what it takes in memory: its body is unpacked.
fn weight(fields: &Fields) -> usize {
    ["packed", "length", "bytes"]
        .into_iter()
        .filter_map(|name| std::str::from_utf8(fields.get(name)?).ok()?.parse().ok())
        .fold(0, usize::saturating_add)
}
