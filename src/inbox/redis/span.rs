//! Places in the order of acceptance, and which of them a list of deliveries walks through.

use std::time::Duration;

use super::keys::Keys;
use super::paging::DIGITS;
use super::reading::Reading;
use crate::inbox::{DeliveryFilter, Error};

/// Where a page begins: behind this place, in the direction of the list.
pub(super) type Place = u64;

/// Beyond it the scores of Redis would no longer be exact.
const MAX_PLACE: Place = 1 << 53;

/// Clocks of replicas differ by less, and an event is accepted sooner after it came.
const SLACK: Duration = Duration::from_hours(1);

/// What a list walks through: the places between two others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub above: Place,
    pub below: Place,
    pub ascending: bool,
}

impl Span {
    /// Where those accepted in the times asked for can be: what was received long before or after stands beyond. A long history is
    /// not read to find them.
    pub(super) async fn new(
        reading: &mut Reading<'_>,
        keys: &Keys,
        filter: &DeliveryFilter,
    ) -> Result<Self, Error> {
        let events = keys.named("events");
        let mut batch = ::redis::pipe();
        let before = filter.since.map(|since| since.minus(SLACK).millis());
        let after = filter.until.map(|until| until.plus(SLACK).millis());
        if let Some(before) = before {
            let last = batch.cmd("ZRANGE").arg(&events).arg(format!("({before}"));
            last.arg("-inf")
                .arg(["BYSCORE", "REV", "LIMIT", "0", "1"].as_slice());
        }
        if let Some(after) = after {
            let first = batch.cmd("ZRANGE").arg(&events).arg(format!("({after}"));
            first
                .arg("+inf")
                .arg(["BYSCORE", "LIMIT", "0", "1"].as_slice());
        }
        let mut found = if batch.is_empty() {
            Vec::new()
        } else {
            reading.ask::<Vec<Vec<String>>>(&batch).await?
        }
        .into_iter();
        let mut place = |asked: bool| -> Option<Place> {
            let member = asked.then(|| found.next())??.pop()?;
            member.get(..DIGITS)?.parse().ok()
        };
        Ok(Self {
            above: place(before.is_some()).unwrap_or(0),
            below: place(after.is_some()).unwrap_or(MAX_PLACE),
            ascending: filter.ascending,
        })
    }

    pub(super) fn go_on_behind(&mut self, place: Place) {
        if self.ascending {
            self.above = self.above.max(place);
        } else {
            self.below = self.below.min(place);
        }
    }

    /// Where the next run begins.
    pub(super) fn edge(self) -> Place {
        if self.ascending {
            self.above
        } else {
            self.below
        }
    }
}

pub(super) fn parse(cursor: &str) -> Result<Place, Error> {
    let bytes: [u8; 8] = hex::decode(cursor)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Cursor)?;
    let place = Place::from_be_bytes(bytes);
    if place > MAX_PLACE {
        return Err(Error::Cursor);
    }
    Ok(place)
}

pub(super) fn cursor(place: Place) -> String {
    hex::encode(place.to_be_bytes())
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
