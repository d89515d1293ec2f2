//! Waiting for lanes that are ready, and handing out their heads.
//!
//! None is handed out before a high-water mark that covers it is on disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::highwater::{self, Raise};
use super::writer::Job;
use super::{Store, closed, reader};
use crate::clock::{self, Timestamp};
use crate::crash;
use crate::event::Delivery;
use crate::inbox::board::{Board, Hold};
use crate::inbox::lanes::Seq;
use crate::inbox::{Claim, Error, Lease, Ticket};

/// How long heads wait that could not be handed out: the disk refuses, or a row cannot be read.
const REFUSED: Duration = Duration::from_secs(1);

/// A head of the lanes, with its delivery if that is still in memory.
type Head = (Hold, Option<Delivery>);

/// Heads that were handed out to nobody; dropped, they return to their lanes as if they had not been taken.
struct Heads<'s> {
    board: &'s Board,
    heads: Vec<Head>,
}

impl Heads<'_> {
    /// Those that fit wait in their lanes until then.
    fn put_back(&mut self, until: Timestamp, fits: impl Fn(Seq, Option<&Delivery>) -> bool) {
        let fitting = self
            .heads
            .extract_if(.., |(hold, delivery)| fits(hold.seq, delivery.as_ref()));
        for (hold, delivery) in fitting {
            self.board.put_back(hold, delivery, until);
        }
    }

    /// Hands them out.
    fn claims(mut self) -> Vec<Claim> {
        let handed = self
            .heads
            .extract_if(.., |(_, delivery)| delivery.is_some());
        handed
            .filter_map(|(hold, delivery)| {
                Some(Claim {
                    delivery: delivery?,
                    doubtful: hold.doubtful,
                    lease: Lease::default(),
                    ticket: Ticket::Embedded(hold),
                })
            })
            .collect()
    }
}

impl Drop for Heads<'_> {
    fn drop(&mut self) {
        self.put_back(clock::now(), |_, _| true);
    }
}

impl Store {
    pub(in crate::inbox) async fn claim(
        &self,
        max: usize,
        room: impl Fn(&str) -> usize + Sync,
    ) -> Vec<Claim> {
        loop {
            let changed = self.board.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks: what becomes ready in between is not missed.
            changed.as_mut().enable();
            if self.room.is_closed() {
                std::future::pending::<()>().await;
            }
            let now = clock::now();
            let (heads, due) = self.board.take_ready(now, max, &room);
            if heads.is_empty() {
                Board::wait(changed, due, now).await;
                continue;
            }
            let mut heads = Heads {
                board: &self.board,
                heads,
            };
            self.load(&mut heads).await;
            let covered = self.cover(&mut heads, now).await;
            let claims = heads.claims();
            if !claims.is_empty() {
                crash::point("claim.taken");
                return claims;
            }
            if !covered {
                // Other lanes may be ready, and the disk would refuse those too.
                tokio::time::sleep(REFUSED).await;
            }
        }
    }

    /// Those that cannot be read return to their lanes.
    async fn load(&self, heads: &mut Heads<'_>) {
        let missing: Vec<_> = heads
            .heads
            .iter()
            .filter(|(_, delivery)| delivery.is_none())
            .map(|(hold, _)| (hold.seq, hold.doubtful))
            .collect();
        if missing.is_empty() {
            return;
        }
        let mut read = self.read(missing).await.unwrap_or_else(|error| {
            self.board.set_trouble(Some(error.to_string()));
            HashMap::new()
        });
        for (hold, delivery) in &mut heads.heads {
            if delivery.is_none() {
                *delivery = read.remove(&hold.seq);
            }
        }
        heads.put_back(clock::now().plus(REFUSED), |_, delivery| delivery.is_none());
    }

    /// Has the high-water marks cover all of them. False if the disk refuses: those that they do not cover go back.
    async fn cover(&self, heads: &mut Heads<'_>, now: Timestamp) -> bool {
        let mut covered = true;
        for (hold, delivery) in &heads.heads {
            if let Some(delivery) = delivery {
                covered &= self.high_water.asks(highwater::part_of(delivery), hold.seq);
            }
        }
        // That the disk refuses is the writer's to tell.
        if covered || self.raise(now).await.is_ok() {
            return true;
        }
        heads.put_back(clock::now().plus(REFUSED), |seq, delivery| {
            delivery.is_none_or(|it| !self.high_water.covers(highwater::part_of(it), seq))
        });
        false
    }

    async fn raise(&self, at: Timestamp) -> Result<(), Error> {
        let turn = Arc::clone(&self.high_water.turn);
        let permit = turn.acquire_owned().await.map_err(|_| closed())?;
        // Another claim may have raised them meanwhile.
        let marks = self.high_water.due();
        if marks.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.jobs
            .try_send(Job::Raise(Raise {
                marks,
                at,
                answer,
                permit,
            }))
            .map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// From the disk; beside each, whether it is in doubt.
    async fn read(&self, missing: Vec<(Seq, bool)>) -> Result<HashMap<Seq, Delivery>, Error> {
        self.claims
            .run(move |connection| {
                let seqs: Vec<_> = missing.iter().map(|&(seq, _)| seq).collect();
                let mut read = reader::deliveries(connection, &seqs)?;
                for (seq, doubtful) in missing {
                    if let Some(delivery) = read.get_mut(&seq)
                        && doubtful
                    {
                        highwater::date(connection, seq, delivery)?;
                    }
                }
                Ok(read)
            })
            .await
    }
}
