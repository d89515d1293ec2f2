//! What is new in the lanes of the partitions that this replica works.
//!
//! Messages say where to look, never what there is: a lost one costs the time to the next renewal of leases and nothing else. All
//! that enters the lanes is read here, in order of acceptance, save what this replica itself accepted and what follows on all that
//! stands there already. Pages come oldest first, so that heads may be claimed while the rest of a long partition is still being read.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{Cmd, Msg, Value};
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::arrivals::{Page, Read, What};
use super::keys::Keys;
use super::link::Link;
use super::partitions::{Owned, Partitions, Place};
use super::pause::Pause;
use super::scripts;
use crate::clock::{self, Timestamp};
use crate::event::State;
use crate::inbox::Error;
use crate::inbox::lanes::Seq;

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
        enter(partitions, request, Page::read(answer));
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
    // As many as one answer holds: there may be more.
    let full = page.arrivals.len() + page.unreadable >= PAGE;
    it.version = Some(page.version);
    // Further than was asked from, where what was accepted here has entered its lanes since.
    let known = it.known;
    it.known = known.max(page.last.unwrap_or(known));
    it.answered = request.asked;
    it.loaded |= !full;
    if full {
        it.has_news = true;
        partitions.news.notify_one();
    }
    // What is not read yet will be read as it stands then.
    let old = page
        .log
        .into_iter()
        .filter(|(_, seq, _)| seq.get() <= known);
    for (what, seq, read) in old {
        happen(partitions, owned, request, what, seq, read, now);
    }
    for read in page.arrivals.into_iter().filter(|it| it.seq.get() > known) {
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
        id: read.id,
    };
    if owned.places.insert(read.seq, place).is_none() {
        let arrival = read.arrival(&request.token, now);
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
        (What::Returned, Some(read)) if read.state == State::Pending => {
            let place = Place {
                partition: request.partition,
                id: read.id,
            };
            owned.places.insert(seq, place);
            let arrival = read.arrival(&request.token, now);
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
