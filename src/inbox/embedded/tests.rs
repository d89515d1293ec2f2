//! What the contract suite cannot bring about from outside: a disk that refuses, a sweep; `queue`: its places; `highwater`: its mark; `copies`.

mod copies;
mod highwater;
mod queue;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::{Semaphore, oneshot};

use super::actions::{Act, Work};
use super::checkpoint::Checkpoints;
use super::highwater::HighWater;
use super::lock::StoreLock;
use super::retention::Keeper;
use super::step::{self, Prepared};
use super::writer::{Job, Writer};
use super::{Options, Store, page, reader, rows, schema};
use crate::clock::Timestamp;
use crate::event::{
    Content, DedupKey, Delivery, DeliveryId, Event, EventId, Rules, Target, TraceContext,
};
use crate::inbox::{
    Acceptance, ActionError, Error, EventFilter, Note, Receipt, Retention, Settlement,
    board::{Board, Tally},
    lanes::Seq,
    mark::Mark,
};

const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn acceptance(key: &str, body_bytes: usize) -> Acceptance {
    let event = Event {
        id: EventId::at(NOW),
        source: Arc::from("stripe"),
        key: DedupKey {
            text: key.to_owned(),
            digest: false,
            retention: Duration::from_secs(10),
            strict: false,
        },
        kind: String::new(),
        received_at: NOW,
        peer: String::new(),
        headers: Vec::new(),
        query: Vec::new(),
        claims: None,
        body: Bytes::from(vec![b'x'; body_bytes]),
        content: Content::Text,
        secret: None,
        item: None,
    };
    let target = Target {
        namespace: "default".to_owned(),
        workflow: key.to_owned(),
        signal: "paid".to_owned(),
    };
    let delivery = Delivery::pending(&event, Arc::from("payments"), target, String::new());
    Acceptance {
        event,
        deliveries: vec![delivery],
    }
}

/// A writer that the test drives by hand, and what must outlive it.
struct Desk {
    writer: Writer,
    room: Arc<Semaphore>,
    jobs: SyncSender<Job>,
    _folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let (jobs, queue) = sync_channel(100);
        let lock = StoreLock::acquire(&path).unwrap();
        let connection = schema::open_writer(&path).unwrap();
        let checkpoints = Checkpoints::start(schema::open_checkpointer(&path).unwrap()).unwrap();
        Self {
            writer: Writer {
                high_water: Arc::new(HighWater::read(&connection).unwrap()),
                connection,
                jobs: queue,
                board: Arc::new(Board::new(1_000, Tally::default())),
                checkpoints,
                keeper: Keeper::new(Retention::default()),
                marks: VecDeque::new(),
                lock,
            },
            room: Arc::new(Semaphore::new(100)),
            jobs,
            _folder: folder,
        }
    }

    fn accept(
        &self,
        acceptance: Acceptance,
    ) -> (Job, oneshot::Receiver<Result<Vec<Receipt>, Error>>) {
        let (answer, answered) = oneshot::channel();
        let job = Job::Accept {
            prepared: Box::new(Prepared::new(vec![acceptance]).unwrap()),
            answer,
            permit: Arc::clone(&self.room).try_acquire_owned().unwrap(),
        };
        (job, answered)
    }

    fn settle(&self, seq: u64) -> Job {
        let done = Settlement::Delivered { run_id: None };
        Job::Settle {
            mark: Box::new(Mark::new(Seq::new(seq).unwrap(), NOW, done, NOW)),
            permit: Arc::clone(&self.room).try_acquire_owned().unwrap(),
        }
    }

    fn give_up(
        &self,
        id: DeliveryId,
        why: &str,
    ) -> (Job, oneshot::Receiver<Result<Vec<Delivery>, ActionError>>) {
        let (answer, answered) = oneshot::channel();
        let act = Act {
            work: Work::Drop(id),
            note: Some(Note {
                who: "anna".to_owned(),
                text: Some(why.to_owned()),
            }),
            at: NOW,
            answer,
            permit: Arc::clone(&self.room).try_acquire_owned().unwrap(),
        };
        (Job::Act(Box::new(act)), answered)
    }

    fn limit_pages(&self, pages: i64) {
        let limit = format!("PRAGMA max_page_count = {pages}");
        self.writer
            .connection
            .query_row(&limit, [], |_| Ok(()))
            .unwrap();
    }

    fn count(&self, query: &str) -> i64 {
        self.writer
            .connection
            .query_row(query, [], |row| row.get(0))
            .unwrap()
    }
}

#[test]
fn a_full_disk_refuses_and_is_over_when_there_is_room() {
    let mut desk = Desk::new();
    let (first, mut answered) = desk.accept(acceptance("1", 10));
    desk.writer.commit(vec![first]);
    assert!(answered.try_recv().unwrap().is_ok());

    desk.limit_pages(1);
    let (large, mut refused) = desk.accept(acceptance("2", 100_000));
    let mark = desk.settle(1);
    let owed = desk.writer.commit(vec![large, mark]);
    let refused = refused.try_recv().unwrap();
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(desk.writer.board.troubled());
    assert_eq!(owed.len(), 1, "the mark is kept for later");
    assert_eq!(
        desk.room.available_permits(),
        99,
        "and keeps its place in the queue"
    );

    desk.limit_pages(1_000_000);
    assert!(desk.writer.commit(owed).is_empty());
    assert!(!desk.writer.board.troubled());
    assert_eq!(
        desk.count("SELECT count(*) FROM delivery WHERE state = 'delivered'"),
        1
    );
    assert_eq!(desk.room.available_permits(), 100);
}

#[test]
fn an_action_on_a_full_disk_changes_nothing() {
    let mut desk = Desk::new();
    let first = acceptance("1", 10);
    let id = first.deliveries[0].id;
    let (job, _answered) = desk.accept(first);
    desk.writer.commit(vec![job]);
    desk.limit_pages(1);
    let long = "x".repeat(100_000);
    let (drop_it, mut refused) = desk.give_up(id, &long);
    desk.writer.commit(vec![drop_it]);
    let refused = refused.try_recv().unwrap();
    assert!(
        matches!(refused, Err(ActionError::Store(Error::Unavailable(_)))),
        "{refused:?}"
    );
    assert_eq!(desk.writer.board.stats().pending, 1);
    desk.limit_pages(1_000_000);
    let (drop_it, mut done) = desk.give_up(id, &long);
    desk.writer.commit(vec![drop_it]);
    assert_eq!(done.try_recv().unwrap().unwrap().len(), 1);
    assert_eq!(desk.writer.board.stats().pending, 0);
    assert_eq!(desk.room.available_permits(), 100);
}

#[test]
fn a_disk_that_has_room_again_is_noticed_without_traffic() {
    let mut desk = Desk::new();
    desk.limit_pages(1);
    let (large, _refused) = desk.accept(acceptance("1", 100_000));
    desk.writer.commit(vec![large]);
    assert!(desk.writer.board.troubled());
    desk.limit_pages(1_000_000);
    desk.writer.idle(&mut super::sweep::Sweep::default());
    assert!(!desk.writer.board.troubled());
}

#[test]
fn one_bad_piece_does_not_fail_its_neighbours() {
    let mut desk = Desk::new();
    let twice = acceptance("1", 10);
    let mut same_id = acceptance("2", 10);
    same_id.event.id = twice.event.id;
    let (jobs, answers): (Vec<_>, Vec<_>) = [twice, same_id, acceptance("3", 10)]
        .into_iter()
        .map(|acceptance| desk.accept(acceptance))
        .unzip();
    desk.writer.commit(jobs);
    let answers: Vec<_> = answers
        .into_iter()
        .map(|mut answered| answered.try_recv().unwrap().is_ok())
        .collect();
    assert_eq!(answers, [true, false, true]);
    assert!(!desk.writer.board.troubled());
    assert_eq!(desk.writer.board.stats().pending, 2);
}

#[test]
fn copies_in_one_batch_are_one_event() {
    let mut desk = Desk::new();
    let (jobs, answers): (Vec<_>, Vec<_>) =
        (0..3).map(|_| desk.accept(acceptance("1", 10))).unzip();
    desk.writer.commit(jobs);
    let new = answers
        .into_iter()
        .flat_map(|mut answered| answered.try_recv().unwrap().unwrap())
        .filter(|receipt| matches!(receipt, Receipt::Accepted { .. }));
    assert_eq!(new.count(), 1);
    assert_eq!(desk.count("SELECT duplicates FROM event"), 2);
}

#[test]
fn a_late_mark_does_not_undo_a_settlement() {
    let mut desk = Desk::new();
    let (job, _answered) = desk.accept(acceptance("1", 10));
    desk.writer.commit(vec![job]);
    let mark = desk.settle(1);
    desk.writer.commit(vec![mark]);
    let retry = Settlement::Retry {
        at: NOW,
        error: "late".to_owned(),
    };
    let late = Mark::new(Seq::MIN, NOW, retry, NOW);
    late.write(&desk.writer.connection).unwrap();
    assert_eq!(
        desk.count("SELECT attempts FROM delivery WHERE state = 'delivered'"),
        1
    );
}

#[test]
fn a_sweep_removes_the_expired_in_steps() {
    let mut desk = Desk::new();
    for n in 0..10 {
        let mut acceptance = acceptance(&n.to_string(), 10);
        if n < 3 {
            acceptance.event.received_at = NOW.plus(Duration::from_mins(1));
        }
        let (job, _answered) = desk.accept(acceptance);
        desk.writer.commit(vec![job]);
    }
    let later = NOW.plus(Duration::from_secs(20));
    let (mut after, mut steps) = (Vec::new(), 0);
    while let Some(last) = step::sweep(&desk.writer.connection, &after, 4, later).unwrap() {
        (after, steps) = (last, steps + 1);
    }
    assert_eq!(steps, 3);
    assert_eq!(desk.count("SELECT count(*) FROM dedup"), 3);
}

#[test]
fn an_unreadable_delivery_does_not_hold_up_others() {
    let mut desk = Desk::new();
    for key in ["1", "2"] {
        let (job, _answered) = desk.accept(acceptance(key, 10));
        desk.writer.commit(vec![job]);
    }
    let connection = &desk.writer.connection;
    connection
        .execute("UPDATE delivery SET rules = '{' WHERE seq = 1", [])
        .unwrap();
    let both = [1, 2].map(|seq| Seq::new(seq).unwrap());
    let read = reader::deliveries(connection, &both).unwrap();
    assert_eq!(read.into_keys().collect::<Vec<_>>(), [both[1]]);
}

#[test]
fn arguments_that_are_the_body_are_kept_once() {
    let mut desk = Desk::new();
    for (key, args) in [("1", "[xxx]"), ("2", "[xx]"), ("3", "[]")] {
        let mut acceptance = acceptance(key, 3);
        args.clone_into(&mut acceptance.deliveries[0].args);
        let (job, _answered) = desk.accept(acceptance);
        desk.writer.commit(vec![job]);
    }
    let connection = &desk.writer.connection;
    let read = reader::deliveries(connection, &[1, 2, 3].map(|seq| Seq::new(seq).unwrap()));
    let mut args: Vec<_> = read.unwrap().into_values().map(|it| it.args).collect();
    args.sort_unstable();
    assert_eq!(args, ["[]", "[xx]", "[xxx]"]);
    assert_eq!(
        desk.count("SELECT count(*) FROM delivery WHERE args IS NULL"),
        1
    );
}

#[test]
fn a_rare_event_is_found_in_bounded_steps() {
    let mut desk = Desk::new();
    let (job, _answered) = desk.accept(acceptance("rare", 10));
    desk.writer.commit(vec![job]);
    let connection = &desk.writer.connection;
    connection
        .execute_batch(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60000)
             INSERT INTO event (id, source, key, key_digest, key_strict, retention, type, received_at,
                                unrouted, peer, content, query, headers, body)
             SELECT randomblob(16), source, 'common', key_digest, key_strict, retention, type, received_at + n / 100,
                    unrouted, peer, content, query, headers, body FROM event, n WHERE key = 'rare'",
        )
        .unwrap();
    let filter = EventFilter {
        key: Some("rare".to_owned()),
        limit: 10,
        ..EventFilter::default()
    };
    let first = page::events(connection, &filter, None).unwrap();
    assert!(first.events.is_empty());
    let start = page::Position::parse(&first.next.unwrap()).unwrap();
    let second = page::events(connection, &filter, Some(start)).unwrap();
    assert_eq!(second.events.len(), 1);
    assert_eq!(second.next, None);
}

#[test]
fn a_step_of_retention_is_small_and_goes_on_where_it_ended() {
    let mut desk = Desk::new();
    for n in 0..250 {
        let mut unrouted = acceptance(&n.to_string(), 10);
        unrouted.deliveries.clear();
        let (job, _answered) = desk.accept(unrouted);
        desk.writer.commit(vec![job]);
    }
    let mut keeper = Keeper::new(Retention::default());
    let mut left = Vec::new();
    while left.last() != Some(&0) {
        keeper.step(&mut desk.writer.connection, &desk.writer.board);
        let now = desk.count("SELECT count(*) FROM event");
        if left.last() != Some(&now) {
            left.push(now);
        }
    }
    assert_eq!(left, [150, 50, 0]);
    assert_eq!(desk.writer.board.stats().unrouted, 0);
    assert_eq!(desk.count("SELECT count(*) FROM dedup"), 250);
}

#[test]
fn a_program_that_knows_no_traces_reads_over_them() {
    let mut delivery = acceptance("k", 1).deliveries.remove(0);
    let rules = serde_json::to_string(&delivery.rules).unwrap();
    assert_eq!(rows::rules_doc(&delivery).unwrap(), rules, "as ever");
    delivery.trace = TraceContext::new([1; 16], [2; 8], true);
    let traced = rows::rules_doc(&delivery).unwrap();
    assert_ne!(traced, rules);
    assert_eq!(
        serde_json::from_str::<Rules>(&traced).unwrap(),
        delivery.rules
    );
}
