//! What became of a claim, under the lease it was made with.

use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::clerk::{Clerk, Mark as Line};
use super::partitions::{Partitions, Place, Tenure};
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, Reason, State};
use crate::inbox::board;
use crate::inbox::lanes::Seq;
use crate::inbox::mark::Mark;
use crate::inbox::{Error, Lease, Settlement};

/// For so long the one before may still be sending: what it left in flight is neither parked nor dropped.
const HANDOVER: Duration = Duration::from_secs(4);

/// The end of an attempt was not seen.
pub(super) const UNSEEN: &str = "?";

/// Binds a claim to its lane and to the lease of its partition; dropped, it gives the head back, in doubt.
#[derive(Debug)]
pub(in crate::inbox) struct Hold {
    /// None once it is settled.
    lane: Option<board::Hold>,
    place: Place,
    tenure: Arc<Tenure>,
    partitions: Arc<Partitions>,
    clerk: Arc<Clerk>,
    source: Arc<str>,
    /// What its flight was before the claim.
    before: Arc<str>,
    /// The server may have it as in flight.
    claimed: bool,
}

impl Hold {
    /// Of a head that is about to be claimed under `tenure`, where `partitions` has counted it.
    pub(super) fn new(lane: board::Hold, place: Place, tenure: Arc<Tenure>, store: &Store) -> Self {
        Self {
            lane: Some(lane),
            place,
            tenure,
            partitions: Arc::clone(&store.partitions),
            clerk: Arc::clone(&store.clerk),
            source: Arc::from(""),
            before: Arc::from(""),
            claimed: true,
        }
    }

    /// It was claimed; what its flight was before.
    pub(super) fn claimed(&mut self, source: &Arc<str>, before: &str) {
        self.source = Arc::clone(source);
        self.before = Arc::from(before);
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn token(&self) -> Arc<str> {
        Arc::clone(&self.tenure.token)
    }

    pub(super) fn lease(&self) -> Lease {
        Lease::from(&self.tenure.term)
    }

    /// Whether the lease is good for more than `least`.
    pub(super) fn lasts(&self, least: Duration) -> bool {
        self.tenure.term.rest() > least
    }

    /// It may have been sent, and nobody saw the end: known here, or by the server of somebody before us.
    pub(super) fn is_doubtful(&self) -> bool {
        self.lane.as_ref().is_some_and(|lane| lane.doubtful)
            || (!self.before.is_empty() && self.before != self.tenure.token)
    }

    /// Begun under another's lease.
    fn is_inherited(&self) -> bool {
        !self.before.is_empty() && self.before != self.tenure.token && &*self.before != UNSEEN
    }

    /// It was not claimed: back into its lane, as it was.
    pub(super) fn give_back(mut self, until: Timestamp) {
        self.claimed = false;
        if let Some(lane) = self.lane.take() {
            self.partitions.board.put_back(lane, None, until);
        }
    }

    /// It is not pending any more: out of its lane.
    pub(super) fn give_up(mut self) {
        self.claimed = false;
        if let Some(lane) = self.lane.take() {
            self.partitions.left(lane.seq);
            self.partitions.board.desk().lanes.remove(lane.seq);
        }
    }

    /// Within the handover, giving up waits: the one before may yet succeed.
    pub(in crate::inbox) fn tempered(&self, settlement: Settlement) -> Settlement {
        let left = HANDOVER.saturating_sub(self.tenure.began.elapsed());
        match settlement {
            Settlement::Parked { detail, .. } | Settlement::Dropped { detail, .. }
                if self.is_inherited() && !left.is_zero() =>
            {
                Settlement::Retry {
                    at: clock::now().plus(left),
                    error: detail,
                }
            }
            other => other,
        }
    }

    /// A line to be written that leaves it pending.
    fn line(&self, seq: Seq, flight: &str) -> Line {
        Line {
            partition: self.place.partition,
            token: self.token(),
            id: self.place.id,
            seq,
            source: Arc::clone(&self.source),
            state: State::Pending,
            stands: true,
            flight: Arc::from(flight),
            fields: Vec::new(),
            _permit: None,
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            if self.claimed {
                // Without it, operators would find an attempt in flight until the next claim.
                self.clerk.mark(self.line(lane.seq, UNSEEN));
            }
            drop(lane);
        }
        self.partitions.claim_ended(&self.tenure);
    }
}

impl Store {
    pub(in crate::inbox) async fn settle(
        &self,
        mut delivery: Delivery,
        mut hold: Hold,
        settlement: Settlement,
    ) -> Result<(), Error> {
        // Cancelled while it waits here, the claim is merely dropped: nothing has been said yet.
        let permit = Arc::clone(&self.clerk.room)
            .acquire_owned()
            .await
            .map_err(|_| super::closed())?;
        let settlement = hold.tempered(settlement);
        let doubtful = hold.is_doubtful();
        let Some(lane) = hold.lane.take() else {
            return Ok(());
        };
        if let Settlement::Postponed { until } = settlement {
            let back = hold.line(lane.seq, &hold.before);
            self.clerk.mark(Line {
                _permit: Some(permit),
                ..back
            });
            self.board.put_back(lane, Some(delivery), until);
            return Ok(());
        }
        // Where an attempt before this one went unseen and nobody wrote down when, the time of acceptance stands for it.
        let first = if doubtful {
            delivery.accepted_at
        } else {
            lane.claimed_at
        };
        let unseen = matches!(settlement, Settlement::Unseen { .. });
        let mark = Mark::new(lane.seq, first, settlement, clock::now());
        mark.apply(&mut delivery);
        let written = Line {
            state: mark.state,
            stands: mark.state == State::Pending || delivery.holds_lane(),
            fields: fields(&mark, &delivery),
            _permit: Some(permit),
            ..hold.line(lane.seq, if unseen { UNSEEN } else { "" })
        };
        let stands = written.stands;
        // Queued before the lane is free, so that the marks of one delivery are written in order.
        if !self.clerk.mark(written) {
            return Err(super::closed());
        }
        if !stands {
            self.partitions.left(lane.seq);
        }
        self.board
            .settle(lane.seq, mark.retry_at(), delivery, unseen);
        drop(lane);
        Ok(())
    }
}

fn fields(mark: &Mark, delivery: &Delivery) -> Vec<(&'static str, String)> {
    let mut fields = vec![("attempts", delivery.attempts.to_string())];
    let times = [("next", mark.next_attempt_at), ("settled", mark.settled_at)];
    fields.extend(
        times
            .into_iter()
            .filter_map(|(name, at)| Some((name, at?.millis().to_string()))),
    );
    let texts = [
        (
            "reason",
            mark.reason.map(|reason| Reason::code(reason).to_owned()),
        ),
        ("run", mark.run_id.clone()),
        ("error", mark.last_error.clone()),
    ];
    fields.extend(
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?))),
    );
    fields
}
