//! Waiting for lanes that are ready, and handing out their heads.
//!
//! None is handed out before the high-water mark that covers it is on disk.

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
    fn put_back(&mut self, until: Timestamp, fits: impl Fn(Seq) -> bool) {
        let fitting = self.heads.extract_if(.., |(hold, _)| fits(hold.seq));
        for (hold, delivery) in fitting {
            self.board.put_back(hold, delivery, until);
        }
    }
}

impl Drop for Heads<'_> {
    fn drop(&mut self) {
        self.put_back(clock::now(), |_| true);
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
            self.cover(&mut heads, now).await;
            if heads.heads.is_empty() {
                // Other lanes may be ready, and the disk would refuse those too.
                tokio::time::sleep(REFUSED).await;
                continue;
            }
            let claims = self.load(heads).await;
            if !claims.is_empty() {
                crash::point("claim.taken");
                return claims;
            }
        }
    }

    /// Has the high-water mark cover all of them. Those that it does not, for the disk refuses, go back.
    async fn cover(&self, heads: &mut Heads<'_>, now: Timestamp) {
        let last = heads.heads.iter().map(|(hold, _)| hold.seq).max();
        let Some(last) = last.filter(|&last| !self.high_water.covers(last)) else {
            return;
        };
        // That the disk refuses is the writer's to tell.
        if self.raise(last, now).await.is_err() {
            let until = clock::now().plus(REFUSED);
            heads.put_back(until, |seq| !self.high_water.covers(seq));
        }
    }

    async fn raise(&self, seq: Seq, at: Timestamp) -> Result<(), Error> {
        let turn = Arc::clone(&self.high_water.turn);
        let permit = turn.acquire_owned().await.map_err(|_| closed())?;
        // Another claim may have raised it meanwhile.
        if self.high_water.covers(seq) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.jobs
            .try_send(Job::Raise(Raise {
                seq,
                at,
                answer,
                permit,
            }))
            .map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Those that cannot be read return to their lanes.
    async fn load(&self, mut heads: Heads<'_>) -> Vec<Claim> {
        let missing: Vec<_> = heads
            .heads
            .iter()
            .filter(|(_, delivery)| delivery.is_none())
            .map(|(hold, _)| (hold.seq, hold.doubtful))
            .collect();
        let mut read = if missing.is_empty() {
            HashMap::new()
        } else {
            match self.read(missing).await {
                Ok(read) => read,
                Err(error) => {
                    self.board.set_trouble(Some(error.to_string()));
                    HashMap::new()
                }
            }
        };
        for (hold, delivery) in &mut heads.heads {
            if delivery.is_none() {
                *delivery = read.remove(&hold.seq);
            }
        }
        let mut claims = Vec::with_capacity(heads.heads.len());
        for (hold, delivery) in std::mem::take(&mut heads.heads) {
            let Some(delivery) = delivery else {
                let until = clock::now().plus(REFUSED);
                self.board.put_back(hold, None, until);
                continue;
            };
            claims.push(Claim {
                delivery,
                doubtful: hold.doubtful,
                lease: Lease::default(),
                ticket: Ticket::Embedded(hold),
            });
        }
        claims
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
