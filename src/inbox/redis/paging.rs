//! The way through the history of events, a run at a time.
//!
//! Mostly along the index by time of receipt. Where the filter's state is rare, along the few events that are in it: what an
//! operator mostly asks for is found at once in a long history.

use std::collections::HashSet;
use std::sync::LazyLock;

use ::redis::Script;
use uuid::Uuid;

use super::heads::DeliveryHead;
use super::keys::Keys;
use super::reading::Reading;
use super::rows::Fields;
use crate::clock::Timestamp;
use crate::event::{EventId, State};
use crate::inbox::{Error, EventFilter, EventState};

/// So many events or deliveries of one state are few.
const FEW: usize = 2_000;
/// The length of `seq` in a member of the index.
pub(super) const DIGITS: usize = 14;
const MAX_SEQ: u64 = 99_999_999_999_999;

static PAGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/place.lua"),
        include_str!("lua/page.lua")
    ))
});

/// A place in the history: everything at or before it, in the direction of the list, has been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    received_at: i64,
    seq: u64,
}

/// An event and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub place: Place,
    pub id: EventId,
}

/// Goes on from where it stands each time.
#[derive(Debug)]
pub(super) struct Walk {
    ascending: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    behind: Option<Place>,
    /// All that are left; none: the index is followed.
    few: Option<Vec<Spot>>,
}

impl Place {
    pub(super) fn parse(cursor: &str) -> Result<Self, Error> {
        let bytes: [u8; 16] = hex::decode(cursor)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Error::Cursor)?;
        let both = u128::from_be_bytes(bytes);
        let received_at = i64::try_from(both >> 64).map_err(|_| Error::Cursor)?;
        let seq = u64::try_from(both & u128::from(u64::MAX)).map_err(|_| Error::Cursor)?;
        if seq > MAX_SEQ {
            return Err(Error::Cursor);
        }
        Ok(Self { received_at, seq })
    }

    pub(super) fn cursor(self) -> String {
        let received_at = u128::from(self.received_at.max(0).unsigned_abs());
        hex::encode(((received_at << 64) | u128::from(self.seq)).to_be_bytes())
    }
}

impl Spot {
    /// From a member of the index and its score; none where it is not one of ours.
    fn read(member: &str, score: &str) -> Option<Self> {
        let (seq, id) = member.split_at_checked(DIGITS)?;
        Some(Self {
            place: Place {
                received_at: score.parse().ok()?,
                seq: seq.parse().ok()?,
            },
            id: EventId(Uuid::parse_str(id).ok()?),
        })
    }
}

impl Walk {
    pub(super) async fn new(
        reading: &mut Reading<'_>,
        keys: &Keys,
        filter: &EventFilter,
        behind: Option<Place>,
    ) -> Result<Self, Error> {
        let mut walk = Self {
            ascending: filter.ascending,
            since: filter.since,
            until: filter.until,
            behind,
            few: None,
        };
        if let Some(mut few) = few(reading, keys, filter).await? {
            few.retain(|spot| walk.is_ahead(spot.place));
            few.sort_unstable();
            // Taken from the end.
            if walk.ascending {
                few.reverse();
            }
            walk.few = Some(few);
        }
        Ok(walk)
    }

    /// The next ones, `most` at most; fewer only where the history ends.
    pub(super) async fn next(
        &mut self,
        reading: &mut Reading<'_>,
        keys: &Keys,
        most: usize,
    ) -> Result<Vec<Spot>, Error> {
        let spots = match &mut self.few {
            Some(few) => {
                let taken = few.split_off(few.len().saturating_sub(most));
                taken.into_iter().rev().collect()
            }
            None => self.run(reading, keys, most).await?,
        };
        self.behind = spots.last().map(|spot| spot.place).or(self.behind);
        Ok(spots)
    }

    async fn run(
        &self,
        reading: &mut Reading<'_>,
        keys: &Keys,
        most: usize,
    ) -> Result<Vec<Spot>, Error> {
        let direction = if self.ascending { "up" } else { "down" };
        let bound = |at: Option<Timestamp>, open: &str| {
            at.map_or_else(|| open.to_owned(), |at| at.millis().to_string())
        };
        let mut args = vec![
            direction.to_owned(),
            bound(self.since, "-inf"),
            bound(self.until, "+inf"),
            most.to_string(),
        ];
        if let Some(behind) = self.behind {
            args.push(behind.received_at.to_string());
            args.push(format!("{:0DIGITS$}", behind.seq));
        }
        let found: Vec<(String, String)> = reading.call(&PAGE, keys.base(), &args).await?;
        found
            .iter()
            .map(|(member, score)| {
                Spot::read(member, score).ok_or_else(|| {
                    Error::Unavailable("the index of events holds a strange member".to_owned())
                })
            })
            .collect()
    }

    fn is_ahead(&self, place: Place) -> bool {
        let at = Timestamp::from_millis(place.received_at);
        let beyond = self.behind.is_none_or(|behind| {
            if self.ascending {
                place > behind
            } else {
                place < behind
            }
        });
        beyond
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at <= until)
    }
}

/// All events that have the filter's state, if they are few and the store knows them by it.
async fn few(
    reading: &mut Reading<'_>,
    keys: &Keys,
    filter: &EventFilter,
) -> Result<Option<Vec<Spot>>, Error> {
    let name = match filter.state {
        Some(EventState::Unrouted) => keys.named("unrouted"),
        Some(EventState::Of(State::Delivered)) | None => return Ok(None),
        Some(EventState::Of(state)) => keys.named(&format!("state:{}", state.as_str())),
    };
    let mut batch = ::redis::pipe();
    batch.cmd("ZRANGE").arg(&name).arg(0).arg(FEW);
    let (members,): (Vec<String>,) = reading.ask(&batch).await?;
    if members.len() > FEW {
        return Ok(None);
    }
    let ids: HashSet<String> = if filter.state == Some(EventState::Unrouted) {
        members.into_iter().collect()
    } else {
        let names: Vec<_> = members.iter().map(|id| keys.delivery(id)).collect();
        let found = reading.fields(&names, &["doc"]).await?;
        found
            .iter()
            .filter_map(|fields| Some(DeliveryHead::of(fields).ok()?.event.to_string()))
            .collect()
    };
    let ids: Vec<_> = ids.into_iter().collect();
    let names: Vec<_> = ids.iter().map(|id| keys.event(id)).collect();
    let found = reading.fields(&names, &["seq", "at"]).await?;
    let spots = ids.iter().zip(&found);
    Ok(Some(
        spots
            .filter_map(|(id, fields)| {
                let (seq, at) = (digits(fields, "seq")?, digits(fields, "at")?);
                Spot::read(&format!("{seq:0>DIGITS$}{id}"), at)
            })
            .collect(),
    ))
}

fn digits<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    std::str::from_utf8(fields.get(name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_refused() {
        let place = Place {
            received_at: 1_785_585_600_123,
            seq: 42,
        };
        assert_eq!(Place::parse(&place.cursor()), Ok(place));
        for bad in ["", "zz", "00", &"f".repeat(32), &"f".repeat(64), "1 OR 1=1"] {
            assert_eq!(Place::parse(bad), Err(Error::Cursor), "{bad}");
        }
    }
}
