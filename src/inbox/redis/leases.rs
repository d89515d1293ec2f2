//! Keeping leases: renewing, taking, giving up.
//!
//! One call does it all (`lua/lease`), once a second and at once when a partition becomes free. A replica wants its share of the
//! partitions: as many as would be left if every living replica had as many. What it has beyond that it gives up as soon as
//! the claims there have settled; what a dead one had is free when its leases end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{FromRedisValue, RedisResult, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::clerk::Clerk;
use super::keys::Keys;
use super::link::Link;
use super::measure::Gauges;
use super::partitions::{LEASE, Partitions};
use super::replicas::Replica;
use super::scripts;
use crate::chance;

/// A lease is renewed so many times before it would end.
const EVERY: Duration = Duration::from_secs(1);

/// After a failure; no connection is even tried while there is no way to the server.
const AGAIN: Duration = Duration::from_millis(200);

/// Everything about leases that one task owns.
#[derive(Debug)]
pub(super) struct Leases {
    pub link: Arc<Link>,
    pub keys: Keys,
    pub replica: Replica,
    pub partitions: Arc<Partitions>,
    pub gauges: Arc<Gauges>,
    pub clerk: Arc<Clerk>,
    /// Told when a partition may be free.
    pub look: Arc<Notify>,
    pub stop: CancellationToken,
}

/// Living replicas and the share of each; then the last seq, which is not of interest here.
type Counts = (usize, usize, u64);
type Renewed = Vec<(u16, u8, u64, u64)>;
type Taken = Vec<(u16, String)>;

impl Leases {
    /// Keeps leases until the end, then gives all of them back.
    pub(super) async fn run(self) {
        let mut open = None;
        let mut server = None;
        let mut failing = false;
        while !self.stop.is_cancelled() {
            self.partitions.expire();
            self.give_back(false);
            if let Err(error) = self.round(&mut open, &mut server).await {
                open = None;
                // Said when it begins; how the way stands is told elsewhere.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "leases are not renewed");
                }
                self.wait(AGAIN).await;
            } else {
                failing = false;
                self.wait(EVERY).await;
            }
        }
        self.partitions.retire();
        // Counts no longer, so that whoever hears of what is free next takes a share that is larger by ours.
        if let Err(error) = self.round(&mut open, &mut server).await {
            tracing::warn!(%error, "leases end by themselves: Redis cannot be told");
        }
        self.give_back(true);
        self.clerk.end();
    }

    /// Until the next round is due, or a partition may be free. Claims that settle meanwhile let partitions go.
    async fn wait(&self, next: Duration) {
        let due = tokio::time::sleep(next);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => return,
                () = self.look.notified() => return,
                () = self.stop.cancelled() => return,
                () = self.partitions.idle.notified() => self.give_back(false),
            }
        }
    }

    fn give_back(&self, all: bool) {
        for (partition, token) in self.partitions.to_free(all) {
            self.clerk.free(partition, token);
        }
    }

    async fn round(
        &self,
        open: &mut Option<MultiplexedConnection>,
        server: &mut Option<String>,
    ) -> Result<(), super::Error> {
        let standing = self.link.standing()?;
        if open.is_none() {
            *open = Some(self.link.dedicated().await?);
            let now = &standing.facts.run_id;
            if server.is_some() && (now.is_none() || *server != *now) {
                // Started again or failed over: it may lack what was read from the one before.
                tracing::warn!("Redis is another than before: partitions are read anew");
                self.partitions.leave(usize::MAX);
            }
            server.clone_from(now);
        }
        let Some(connection) = open.as_mut() else {
            return Ok(());
        };
        let asked = Instant::now();
        let answer = self
            .ask(connection, standing.partitions)
            .await
            .map_err(|error| self.link.refused(&error))?;
        let (living, share) = self.take_in(answer, asked);
        let kept = self.partitions.standing().kept;
        if living > 1 && kept > share {
            tracing::info!(
                kept,
                share,
                living,
                "gives up partitions for other replicas"
            );
            self.partitions.leave(kept - share);
        }
        self.partitions.begun();
        Ok(())
    }

    async fn ask(&self, connection: &mut MultiplexedConnection, count: u16) -> RedisResult<Value> {
        let standing = self.partitions.standing();
        let begin = f64::from(count) * chance::fraction();
        let mut call = scripts::call(&scripts::LEASE, self.keys.base());
        call.arg(&*self.replica.id)
            .arg(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX))
            .arg(self.replica.about(&self.gauges.digest()))
            .arg(if standing.retired { "" } else { "works" })
            .arg(count)
            .arg(format!("{:.0}", begin.floor()))
            .arg(standing.kept)
            .arg(standing.owned.len());
        for (partition, token) in &standing.owned {
            call.arg(partition).arg(&**token);
        }
        call.arg(&standing.unwanted);
        let calls = std::slice::from_ref(&call);
        scripts::send(connection, &scripts::LEASE, calls, None)
            .await?
            .into_iter()
            .next()
            .unwrap_or(Value::Nil)
            .extract_error()
    }

    /// Living replicas, and the share of each.
    fn take_in(&self, answer: Value, asked: Instant) -> (usize, usize) {
        let Ok((counts, renewed, taken)) = <(Counts, Renewed, Taken)>::from_redis_value(answer)
        else {
            return (1, usize::MAX);
        };
        let (living, share, _) = counts;
        let tokens = self.partitions.standing().owned;
        for (partition, ours, version, last) in renewed {
            let Some((_, own)) = tokens.iter().find(|(owned, _)| *owned == partition) else {
                continue;
            };
            if ours == 1 {
                self.partitions
                    .renewed(partition, own, asked, version, last);
            } else {
                self.partitions.lost(partition, own);
            }
        }
        if !taken.is_empty() {
            tracing::info!(count = taken.len(), share, living, "takes partitions");
        }
        for (partition, token) in taken {
            self.partitions.granted(partition, Arc::from(token), asked);
        }
        (living, share)
    }
}
