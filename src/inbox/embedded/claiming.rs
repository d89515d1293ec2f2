//! Waiting for lanes that are ready, and handing out their heads.

use std::collections::HashMap;

use super::{Store, reader};
use crate::clock;
use crate::crash;
use crate::event::Delivery;
use crate::inbox::board::{Board, Hold};
use crate::inbox::{Claim, Lease, Ticket};

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
            let (taken, due) = self.board.take_ready(now, max, &room);
            if taken.is_empty() {
                Board::wait(changed, due, now).await;
                continue;
            }
            let claims = self.load(taken).await;
            if !claims.is_empty() {
                crash::point("claim.taken");
                return claims;
            }
        }
    }

    /// Those that cannot be read return to their lanes as their holds are dropped.
    async fn load(&self, taken: Vec<(Hold, Option<Delivery>)>) -> Vec<Claim> {
        let missing: Vec<_> = taken
            .iter()
            .filter(|(_, delivery)| delivery.is_none())
            .map(|(hold, _)| hold.seq)
            .collect();
        let mut read = if missing.is_empty() {
            HashMap::new()
        } else {
            match self
                .claims
                .run(move |connection| reader::deliveries(connection, &missing))
                .await
            {
                Ok(read) => read,
                Err(error) => {
                    self.board.set_trouble(Some(error.to_string()));
                    HashMap::new()
                }
            }
        };
        taken
            .into_iter()
            .filter_map(|(hold, delivery)| {
                let delivery = delivery.or_else(|| read.remove(&hold.seq))?;
                Some(Claim {
                    delivery,
                    doubtful: hold.doubtful,
                    lease: Lease::default(),
                    ticket: Ticket::Embedded(hold),
                })
            })
            .collect()
    }
}
