//! What is new in the lanes of the partitions that this replica works.
//!
//! Messages say where to look, never what there is: a lost one costs the time to the next renewal of leases and nothing else. All
//! that enters the lanes is read here, in order of acceptance, also what this replica itself accepted. Pages come oldest first, so
//! that heads may be claimed while the rest of a long partition is still being read.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{Cmd, FromRedisValue, Msg, Value};
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::keys::Keys;
use super::link::Link;
use super::partitions::{Owned, Partitions, Place};
use super::pause::Pause;
use super::rows::{self, Fields};
use super::scripts;
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, DeliveryId, State};
use crate::inbox::lanes::{Arrival, Seq};
use crate::inbox::{Error, SOON, board};

/// Arrivals in one answer for one partition.
const PAGE: usize = 500;

/// Partitions asked for at once: with [`PAGE`], what bounds an answer.
const AT_ONCE: usize = 8;

/// A connection that says nothing for so long is asked whether it lives.
const SILENCE: Duration = Duration::from_secs(5);

/// What is to be read of one partition.
#[derive(Debug)]
struct Request {
    partition: u16,
    token: Arc<str>,
    known: u64,
    version: Option<u64>,
    asked: u64,
}

/// What was read of it.
#[derive(Debug, Default)]
struct Page {
    version: u64,
    gap: bool,
    arrivals: Vec<Read>,
    log: Vec<(What, Seq, Option<Read>)>,
    /// As many arrivals as one answer holds: there may be more.
    full: bool,
    /// The last seq among the arrivals, readable or not.
    last: Option<u64>,
}

#[derive(Debug)]
struct Read {
    seq: Seq,
    delivery: Delivery,
    flight: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Hurried,
    Returned,
    Dropped,
}

/// Reads what is new until the end.
pub(super) async fn run(link: &Link, keys: &Keys, partitions: &Partitions) {
    let mut pause = Pause::default();
    loop {
        let Ok(mut connection) = link.dedicated().await else {
            pause.until_open(link).await;
            continue;
        };
        loop {
            let news = partitions.news.notified();
            let requests = requests(partitions);
            if requests.is_empty() {
                news.await;
                continue;
            }
            match read(&mut connection, link, keys, partitions, &requests).await {
                Ok(()) => pause = Pause::default(),
                Err(error) => {
                    tracing::warn!(%error, "what is new in the lanes cannot be read");
                    partitions.tell(requests.iter().map(|request| request.partition));
                    break;
                }
            }
        }
        pause.until_open(link).await;
    }
}

/// Listens to what others say until the end; `look` is told when a partition is free.
pub(super) async fn listen(
    link: &Link,
    keys: &Keys,
    replica: &str,
    partitions: &Partitions,
    look: &Notify,
) {
    let (news, free) = (keys.named(&format!("news:{replica}")), keys.named("free"));
    let mut pause = Pause::default();
    loop {
        if let Ok(mut listener) = link.listener().await
            && listener.subscribe(&[&news, &free]).await.is_ok()
        {
            pause = Pause::default();
            // What was said before is not heard any more.
            partitions.tell_all();
            look.notify_one();
            hear(listener, &news, partitions, look).await;
        }
        pause.until_open(link).await;
    }
}

async fn hear(listener: PubSub, news: &str, partitions: &Partitions, look: &Notify) {
    let (mut sink, mut messages) = listener.split();
    loop {
        let message = tokio::time::timeout(SILENCE, Pin::new(&mut messages).next()).await;
        let message: Msg = match message {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(_) => match tokio::time::timeout(SILENCE, sink.ping::<Value>()).await {
                Ok(Ok(_)) => continue,
                Ok(Err(_)) | Err(_) => return,
            },
        };
        if message.get_channel_name() != news {
            look.notify_one();
        } else if let Ok(partition) = message.get_payload::<u16>() {
            partitions.tell([partition]);
        }
    }
}

/// What has news, a few at a time; the rest is told again.
fn requests(partitions: &Partitions) -> Vec<Request> {
    let mut owned = partitions.owned();
    let mut with_news = owned
        .partitions
        .values_mut()
        .filter(|it| it.has_news && !it.is_leaving());
    let requests: Vec<_> = with_news
        .by_ref()
        .take(AT_ONCE)
        .map(|it| {
            it.has_news = false;
            Request {
                partition: it.tenure.partition,
                token: Arc::clone(&it.tenure.token),
                known: it.known,
                version: it.version,
                asked: it.asked,
            }
        })
        .collect();
    if with_news.next().is_some() {
        partitions.news.notify_one();
    }
    requests
}

async fn read(
    connection: &mut MultiplexedConnection,
    link: &Link,
    keys: &Keys,
    partitions: &Partitions,
    requests: &[Request],
) -> Result<(), Error> {
    let calls: Vec<Cmd> = requests
        .iter()
        .map(|request| {
            let mut call = scripts::call(&scripts::FEED, keys.base());
            call.arg(request.partition).arg(request.known);
            match request.version {
                Some(version) => call.arg(version),
                None => call.arg(""),
            };
            call.arg(PAGE);
            call
        })
        .collect();
    let answers = scripts::send(connection, &scripts::FEED, &calls, None)
        .await
        .map_err(|error| link.refused(&error))?;
    for (request, answer) in requests.iter().zip(answers) {
        let answer = answer
            .extract_error()
            .map_err(|error| link.refused(&error))?;
        enter(partitions, request, page(answer));
    }
    partitions.board.changed.notify_waiters();
    partitions.fed.notify_waiters();
    Ok(())
}

/// Puts what was read into the lanes, if the partition is still worked under the lease for which it was read.
fn enter(partitions: &Partitions, request: &Request, page: Page) {
    if page.gap {
        tracing::warn!(
            partition = request.partition,
            "too much has happened in a partition: it is read anew"
        );
        partitions.reread(request.partition, &request.token);
        return;
    }
    let now = clock::now();
    let mut guard = partitions.owned();
    let owned = &mut *guard;
    let Some(it) = owned.of(request.partition, &request.token) else {
        return;
    };
    if it.is_leaving() {
        return;
    }
    it.version = Some(page.version);
    it.known = page.last.unwrap_or(it.known);
    it.answered = request.asked;
    it.loaded |= !page.full;
    if page.full {
        it.has_news = true;
        partitions.news.notify_one();
    }
    // What is not read yet will be read as it stands then.
    let old = page
        .log
        .into_iter()
        .filter(|(_, seq, _)| seq.get() <= request.known);
    for (what, seq, read) in old {
        happen(partitions, owned, request, what, seq, read, now);
    }
    for read in page.arrivals {
        join(partitions, owned, request, &read, now);
    }
    partitions.note_ready(owned);
}

fn join(
    partitions: &Partitions,
    owned: &mut Owned,
    request: &Request,
    read: &Read,
    now: Timestamp,
) {
    let place = Place {
        partition: request.partition,
        id: read.delivery.id,
    };
    if owned.places.insert(read.seq, place).is_none() {
        let arrival = arrival(read, &request.token, now);
        partitions.board.desk().lanes.push(&arrival);
    }
}

fn happen(
    partitions: &Partitions,
    owned: &mut Owned,
    request: &Request,
    what: What,
    seq: Seq,
    read: Option<Read>,
    now: Timestamp,
) {
    match (what, read) {
        (What::Hurried, _) => partitions.board.desk().lanes.hurry(seq),
        // Dropped again since: the line that says so follows.
        (What::Returned, Some(read)) if read.delivery.state == State::Pending => {
            let place = Place {
                partition: request.partition,
                id: read.delivery.id,
            };
            owned.places.insert(seq, place);
            let arrival = arrival(&read, &request.token, now);
            partitions.board.desk().lanes.rejoin(&arrival);
        }
        (What::Returned, _) => {}
        (What::Dropped, _) => {
            owned.places.remove(&seq);
            let mut desk = partitions.board.desk();
            desk.lanes.remove(seq);
            desk.cache.take(seq);
        }
    }
}

fn arrival<'a>(read: &'a Read, token: &str, now: Timestamp) -> Arrival<'a> {
    let delivery = &read.delivery;
    Arrival {
        due: delivery.next_attempt_at.filter(|due| *due > now.plus(SOON)),
        doubtful: !read.flight.is_empty() && read.flight != token,
        ..board::arrival(read.seq, delivery)
    }
}

fn page(answer: Value) -> Page {
    let Value::Array(parts) = answer else {
        return Page::default();
    };
    let mut parts = parts.into_iter();
    let version = parts.next().and_then(number).unwrap_or(0);
    let gap = parts.next().and_then(number) == Some(1);
    let mut list = || match parts.next() {
        Some(Value::Array(lines)) => lines,
        _ => Vec::new(),
    };
    let (arrivals, log) = (list(), list());
    let full = arrivals.len() >= PAGE;
    let mut page = Page {
        version,
        gap,
        full,
        ..Page::default()
    };
    for line in arrivals {
        let Value::Array(line) = line else { continue };
        let mut line = line.into_iter();
        let seq = line.next().and_then(number).and_then(Seq::new);
        page.last = seq.map(Seq::get).max(page.last);
        page.arrivals
            .extend(seq.and_then(|seq| delivery(seq, line)));
    }
    for line in log {
        let Value::Array(line) = line else { continue };
        let mut line = line.into_iter();
        let what = line.next().and_then(text).and_then(|what| match &*what {
            "hurried" => Some(What::Hurried),
            "returned" => Some(What::Returned),
            "dropped" => Some(What::Dropped),
            _ => None,
        });
        let seq = line.next().and_then(number).and_then(Seq::new);
        if let (Some(what), Some(seq)) = (what, seq) {
            // One that is gone altogether has no document.
            let read = (what == What::Returned)
                .then(|| delivery(seq, line))
                .flatten();
            page.log.push((what, seq, read));
        }
    }
    page
}

/// One that cannot be read is left out: it must not hold up the others.
fn delivery(seq: Seq, mut line: impl Iterator<Item = Value>) -> Option<Read> {
    let id = DeliveryId(line.next().and_then(text)?.parse().ok()?);
    let fields: Fields = ["doc", "state", "next", "flight"]
        .into_iter()
        .zip(line)
        .filter_map(|(name, value)| {
            let value = Option::<Vec<u8>>::from_redis_value(value).ok()??;
            Some((name.to_owned(), value))
        })
        .collect();
    let flight = fields.get("flight").map_or(&[][..], Vec::as_slice);
    match rows::delivery_from(id, &fields, None) {
        Ok(delivery) => Some(Read {
            seq,
            delivery,
            flight: String::from_utf8_lossy(flight).into_owned(),
        }),
        Err(error) => {
            tracing::error!(delivery = %id, %error, "a delivery is left out of its lane");
            None
        }
    }
}

fn number(value: Value) -> Option<u64> {
    u64::from_redis_value(value).ok()
}

fn text(value: Value) -> Option<String> {
    String::from_redis_value(value).ok()
}
