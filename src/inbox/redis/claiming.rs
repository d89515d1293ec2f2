//! Claiming the heads of lanes whose partitions this replica owns.
//!
//! The lanes say which heads are due; the server then checks the lease and that the delivery is still pending, and notes that it
//! may have been sent from here on. What it refuses leaves the lanes.

use std::time::Duration;

use ::redis::{FromRedisValue, Pipeline, Value};

use super::Store;
use super::clerk::Ask;
use super::parts;
use super::rows::{self, Fields};
use super::settling::Hold;
use crate::clock::{self, Timestamp};
use crate::crash;
use crate::event::{Delivery, State};
use crate::inbox::board::{self, Board};
use crate::inbox::{Claim, Ticket};

/// A lease that ends sooner is not worked: its renewal has failed for long.
const LEAST_REST: Duration = Duration::from_secs(1);

/// Heads in one call to the server.
const MOST: usize = 128;

/// Fields of a claim's answer, in order; the last two only where they were asked for.
const FIELDS: [&str; 9] = [
    "state", "flight", "attempts", "first", "next", "error", "run", "doc", "args",
];

/// A head of the lanes, with its delivery if that is still in memory.
type Head = (Hold, Option<Delivery>);

impl Store {
    pub(in crate::inbox) async fn claim(
        &self,
        max: usize,
        room: impl Fn(&str) -> usize + Sync,
    ) -> Vec<Claim> {
        self.partitions.ready().await;
        loop {
            // While there is no connection every head stays where it is.
            self.clerk.connected().await;
            let changed = self.board.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks: what becomes ready in between is not missed.
            changed.as_mut().enable();
            if self.stop.is_cancelled() {
                std::future::pending::<()>().await;
            }
            let now = clock::now();
            let (taken, due) = self.board.take_ready(now, max.min(MOST), &room);
            if taken.is_empty() {
                Board::wait(changed, due, now).await;
                continue;
            }
            let claims = self.ask(self.heads(taken, now), now).await;
            if !claims.is_empty() {
                crash::point("claim.taken");
                return claims;
            }
        }
    }

    pub(in crate::inbox) fn look_again(&self) {
        self.board.changed.notify_waiters();
    }

    pub(in crate::inbox) fn wake(&self) {
        self.board.wake();
    }

    /// Those that this replica may claim.
    fn heads(&self, taken: Vec<(board::Hold, Option<Delivery>)>, now: Timestamp) -> Vec<Head> {
        let mut heads = Vec::with_capacity(taken.len());
        for (lane, cached) in taken {
            // Those of partitions that were lost meanwhile are in the lanes no more: nothing to give back.
            let Some((place, tenure)) = self.partitions.claim(lane.seq) else {
                continue;
            };
            let hold = Hold::new(lane, place, tenure, self);
            if hold.lasts(LEAST_REST) {
                heads.push((hold, cached.filter(|delivery| delivery.id == place.id)));
            } else {
                hold.give_back(now.plus(LEAST_REST));
            }
        }
        heads
    }

    async fn ask(&self, heads: Vec<Head>, now: Timestamp) -> Vec<Claim> {
        if heads.is_empty() {
            return Vec::new();
        }
        let asks = heads
            .iter()
            .map(|(hold, cached)| Ask {
                partition: hold.place().partition,
                token: hold.token(),
                id: hold.place().id,
                whole: cached.is_none(),
            })
            .collect();
        let Ok(Ok(answers)) = self.clerk.claim(now.millis(), asks).await else {
            for (hold, _) in heads {
                hold.give_back(now);
            }
            return Vec::new();
        };
        let mut answers = answers.into_iter();
        let mut granted = Vec::with_capacity(heads.len());
        for (hold, cached) in heads {
            match answers.next() {
                Some(Value::Array(values)) => granted.push((hold, cached, fields(values))),
                // Another's lease: all of the partition goes. One that is not pending goes alone.
                Some(Value::Int(1)) => {
                    let (place, token) = (hold.place(), hold.token());
                    hold.give_up();
                    self.partitions.lost(place.partition, &token);
                }
                Some(Value::Int(2)) => hold.give_up(),
                _ => hold.give_back(now.plus(LEAST_REST)),
            }
        }
        self.load(granted).await
    }

    /// Reads the bodies that stand for arguments. What cannot be read returns to its lane as its hold is dropped.
    async fn load(&self, granted: Vec<(Hold, Option<Delivery>, Fields)>) -> Vec<Claim> {
        let mut claims = Vec::with_capacity(granted.len());
        let mut bodiless = Vec::new();
        for (hold, cached, fields) in granted {
            match cached {
                None if !fields.contains_key("args") => bodiless.push((hold, fields)),
                cached => claims.extend(claim(hold, cached, &fields, None)),
            }
        }
        if !bodiless.is_empty() {
            match self.bodies(&bodiless).await {
                Ok(bodies) => {
                    for ((hold, fields), body) in bodiless.into_iter().zip(bodies) {
                        claims.extend(claim(hold, None, &fields, Some(&body)));
                    }
                }
                Err(error) => self.board.set_trouble(Some(error.to_string())),
            }
        }
        claims
    }

    async fn bodies(&self, of: &[(Hold, Fields)]) -> Result<Vec<Fields>, super::Error> {
        let mut pipeline = Pipeline::new();
        for (hold, fields) in of {
            let event = rows::delivery_from(hold.place().id, fields, None).map(|it| it.event);
            let name = event.map_or_else(|_| "event:".to_owned(), |id| format!("event:{id}"));
            pipeline
                .cmd("HMGET")
                .arg(self.keys.named(&name))
                .arg(&parts::BODY);
        }
        let mut connection = self.link.shared().await?;
        let answers = connection
            .send_packed_commands(&pipeline, 0, of.len())
            .await
            .map_err(|error| self.link.refused(&error))?;
        let named = |answer| match answer {
            Value::Array(values) => parts::BODY
                .into_iter()
                .zip(values)
                .filter_map(field)
                .collect(),
            _ => Fields::new(),
        };
        let mut bodies: Vec<Fields> = answers.into_iter().map(named).collect();
        let mut pipeline = Pipeline::new();
        let asked = |event: &&mut Fields| parts::ask_for(&mut pipeline, &self.keys, event);
        let asked: Vec<&mut Fields> = bodies.iter_mut().filter(asked).collect();
        if asked.is_empty() {
            return Ok(bodies);
        }
        let answers = connection
            .send_packed_commands(&pipeline, 0, asked.len())
            .await
            .map_err(|error| self.link.refused(&error))?;
        for (event, answer) in asked.into_iter().zip(answers) {
            if let Value::BulkString(part) = answer {
                parts::put(event, part);
            }
        }
        Ok(bodies)
    }
}

/// What was claimed, as it stands now; none, and a line in the log, where it cannot be read.
fn claim(
    mut hold: Hold,
    cached: Option<Delivery>,
    fields: &Fields,
    event: Option<&Fields>,
) -> Option<Claim> {
    let id = hold.place().id;
    let read = || {
        let body = event.map(rows::body_from).transpose()?;
        let read = rows::delivery_from(id, fields, body.as_deref())?;
        Ok::<_, rows::Unreadable>(read)
    };
    let delivery = match cached {
        Some(cached) => rows::refresh(cached, fields),
        None => read(),
    };
    match delivery {
        Ok(delivery) => {
            let before = fields.get("flight").map_or(&[][..], Vec::as_slice);
            hold.claimed(&delivery.source, &String::from_utf8_lossy(before));
            Some(Claim {
                doubtful: hold.is_doubtful(),
                lease: hold.lease(),
                delivery: Delivery {
                    state: State::Pending,
                    ..delivery
                },
                ticket: Ticket::Redis(hold),
            })
        }
        Err(error) => {
            tracing::error!(delivery = %id, %error, "a delivery cannot be claimed");
            None
        }
    }
}

fn fields(values: Vec<Value>) -> Fields {
    FIELDS.into_iter().zip(values).filter_map(field).collect()
}

fn field((name, value): (&'static str, Value)) -> Option<(String, Vec<u8>)> {
    let value = Option::<Vec<u8>>::from_redis_value(value).ok()??;
    Some((name.to_owned(), value))
}
