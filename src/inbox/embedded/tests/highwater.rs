//! What a restart knows never to have been sent, and since when the rest may have been.

use rusqlite::Connection;

use super::*;
use crate::clock;
use crate::inbox::Claim;
use crate::inbox::embedded::highwater::{self, AHEAD, KEPT, Raise, part_of};
use crate::inbox::partition::{PARTITIONS, partition};

const LANES: usize = 10;
/// Ten thousand and some.
const BACKLOG: u64 = 10_020;

fn place(seq: u64) -> Seq {
    Seq::new(seq).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn open(folder: &TempDir) -> Store {
    Store::open(&Options::new(folder.path().join("store.db"))).unwrap()
}

/// A look at the file beside the store.
fn file(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("store.db")).unwrap()
}

/// Deliveries to ten workflows in turn, accepted at once.
async fn accept(store: &Store, key: &str, count: u64) {
    let mut all = acceptance(key, 10);
    let one = all.deliveries.remove(0);
    for (_, lane) in (0..count).zip((0..LANES).cycle()) {
        let mut delivery = Delivery {
            id: DeliveryId::at(NOW),
            ..one.clone()
        };
        delivery.target.workflow = format!("order-{lane}");
        all.deliveries.push(delivery);
    }
    store.accept(vec![all]).await.unwrap();
}

async fn claim(store: &Store, max: usize) -> Vec<Claim> {
    let claimed = store.claim(max, |_| max);
    tokio::time::timeout(Duration::from_secs(10), claimed)
        .await
        .unwrap()
}

async fn polled_once(future: impl Future<Output = Vec<Claim>>) {
    tokio::select! {
        biased;
        claims = future => panic!("{claims:?}"),
        () = std::future::ready(()) => {}
    }
}

/// The partition of the one workflow of `acceptance`.
fn part() -> u16 {
    part_of(&acceptance("1", 10).deliveries[0])
}

fn raise(desk: &Desk, mark: u64, at: Timestamp) {
    let (answer, _) = oneshot::channel();
    let permit = Arc::clone(&desk.room).try_acquire_owned().unwrap();
    let raise = Raise {
        marks: vec![(part(), mark)],
        at,
        answer,
        permit,
    };
    raise.write(&desk.writer.connection).unwrap();
}

/// The marks of that partition on disk, and their times.
fn left(desk: &Desk) -> Vec<(u64, i64)> {
    let connection = &desk.writer.connection;
    let marks = "SELECT seq, at FROM claimed WHERE part = ? ORDER BY seq";
    let mut marks = connection.prepare(marks).unwrap();
    let marks = marks
        .query_map([part()], |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
        })
        .unwrap();
    marks.map(Result::unwrap).collect()
}

#[tokio::test]
async fn only_what_lies_below_the_mark_is_in_doubt_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    accept(&store, "1", BACKLOG).await;
    let before = clock::now();
    let begun = claim(&store, LANES).await;
    let after = clock::now();
    assert_eq!(begun.len(), LANES);
    assert!(begun.iter().all(|claim| !claim.doubtful));
    store.close().await;
    drop(begun);

    let store = open(&folder);
    // Each lane's first was claimed, and some of the lanes share a partition: the mark is that of the later one.
    let parts: Vec<_> = (0..LANES)
        .map(|lane| partition("default", &format!("order-{lane}"), PARTITIONS))
        .collect();
    for seq in 1..=BACKLOG {
        let own = parts[usize::try_from(seq - 1).unwrap() % LANES];
        let last = parts.iter().rposition(|part| *part == own).unwrap();
        let top = last as u64 + 1 + AHEAD;
        assert_eq!(store.board.is_doubtful(place(seq)), seq <= top, "{seq}");
    }
    let mut again = claim(&store, 1).await;
    let first = again[0].delivery.first_attempt_at.unwrap();
    assert!(before <= first && first <= after, "{first}");
    // The attempt is written down with the time from which on the first one may have been.
    let Claim {
        delivery, ticket, ..
    } = again.remove(0);
    let id = delivery.id;
    let crate::inbox::Ticket::Embedded(hold) = ticket else {
        panic!("another store's");
    };
    let unseen = Settlement::Unseen {
        at: NOW,
        error: "deadline".to_owned(),
    };
    store.settle(delivery, hold, unseen).await.unwrap();
    store.close().await;
    let kept = open(&folder).delivery(id).await.unwrap().unwrap();
    assert_eq!((kept.first_attempt_at, kept.attempts), (Some(first), 1));
}

#[tokio::test]
async fn what_was_tried_is_in_doubt_wherever_the_mark_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    accept(&store, "1", 2).await;
    store.close().await;
    let tried = "UPDATE delivery SET attempts = 1, first_attempt_at = 5000000 WHERE seq = 1";
    file(&folder).execute(tried, []).unwrap();
    let store = open(&folder);
    let claims = claim(&store, 2).await;
    let doubts: Vec<_> = claims.iter().map(|claim| claim.doubtful).collect();
    assert_eq!(doubts, [true, false]);
    let first = claims[0].delivery.first_attempt_at;
    assert_eq!(first, Some(at(5_000_000)));
    assert_eq!(claims[1].delivery.first_attempt_at, None);
}

#[tokio::test]
async fn a_claim_cancelled_before_its_mark_leaves_no_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    accept(&store, "1", 20).await;
    for _ in 0..3 {
        polled_once(store.claim(5, |_| 5)).await;
    }
    let claims = claim(&store, LANES).await;
    assert!(claims.iter().all(|claim| !claim.doubtful), "{claims:?}");
}

#[tokio::test]
async fn nothing_is_handed_out_while_the_mark_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder));
    accept(&store, "1", 20).await;
    let other = file(&folder);
    other
        .execute("ALTER TABLE claimed RENAME TO away", [])
        .unwrap();
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { claim(&store, LANES).await }
    });
    while !store.board.troubled() {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    other
        .execute("ALTER TABLE away RENAME TO claimed", [])
        .unwrap();
    let claims = waiting.await.unwrap();
    assert!(!claims.is_empty() && claims.iter().all(|claim| !claim.doubtful));
    let marks = "SELECT count(*) FROM claimed";
    let marks: i64 = other.query_row(marks, [], |row| row.get(0)).unwrap();
    // One for each partition that was asked for.
    assert!((1..=10).contains(&marks), "{marks}");
}

#[tokio::test]
async fn what_pended_before_marks_were_kept_stays_in_doubt_since_its_acceptance() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    accept(&store, "1", 20).await;
    store.close().await;
    file(&folder)
        .execute_batch("DROP TABLE claimed; PRAGMA user_version = 3")
        .unwrap();
    let store = open(&folder);
    accept(&store, "2", 5).await;
    for seq in 1..=25 {
        assert_eq!(store.board.is_doubtful(place(seq)), seq <= 20, "{seq}");
    }
    let old = claim(&store, LANES).await;
    assert!(
        old.iter()
            .all(|claim| claim.delivery.first_attempt_at == Some(NOW))
    );
    drop(old);
    store.close().await;
    let store = open(&folder);
    assert!(!store.board.is_doubtful(place(21)));

    // One that holds nothing is brought up as well.
    let folder = tempfile::tempdir().unwrap();
    open(&folder).close().await;
    file(&folder)
        .execute_batch("DROP TABLE claimed; PRAGMA user_version = 3")
        .unwrap();
    let store = open(&folder);
    accept(&store, "1", 1).await;
    assert!(!claim(&store, 1).await[0].doubtful);
}

#[test]
fn the_first_attempt_is_not_before_the_marks_that_cover_it_nor_before_acceptance() {
    let mut desk = Desk::new();
    let (job, _answered) = desk.accept(acceptance("1", 10));
    desk.writer.commit(vec![job]);
    let (own, other) = (part(), (part() + 1) % PARTITIONS);
    let marks = format!(
        "INSERT INTO claimed VALUES ({own}, 10, 500000), ({own}, 20, 3000000), ({own}, 30, 2000000), ({other}, 40, 1)"
    );
    let connection = &desk.writer.connection;
    connection.execute(&marks, []).unwrap();
    let dated = |seq| {
        let mut delivery = acceptance("1", 10).deliveries.remove(0);
        highwater::date(connection, place(seq), &mut delivery).unwrap();
        delivery.first_attempt_at
    };
    assert_eq!(dated(5), Some(NOW));
    // The clock was set back between two marks.
    assert_eq!(dated(15), Some(at(2_000_000)));
    assert_eq!(dated(30), Some(at(2_000_000)));
    assert_eq!(dated(31), None);
}

#[test]
fn marks_below_all_that_is_pending_go() {
    let mut desk = Desk::new();
    for key in ["1", "2"] {
        let (job, _answered) = desk.accept(acceptance(key, 10));
        desk.writer.commit(vec![job]);
    }
    for mark in [1, 10_000, 20_000] {
        raise(&desk, mark, NOW);
    }
    let marks = |desk: &Desk| {
        left(desk)
            .into_iter()
            .map(|(seq, _)| seq)
            .collect::<Vec<_>>()
    };
    assert_eq!(marks(&desk), [1, 10_000, 20_000]);
    let first = vec![desk.settle(1)];
    desk.writer.commit(first);
    raise(&desk, 30_000, NOW);
    assert_eq!(marks(&desk), [10_000, 20_000, 30_000]);
    let second = vec![desk.settle(2)];
    desk.writer.commit(second);
    raise(&desk, 40_000, NOW);
    assert_eq!(marks(&desk), [40_000]);
}

#[test]
fn the_marks_of_a_partition_are_bounded_and_the_oldest_of_them_dates_too_early_rather_than_too_late()
 {
    let mut desk = Desk::new();
    let (job, _answered) = desk.accept(acceptance("1", 10));
    desk.writer.commit(vec![job]);
    let kept = u64::from(KEPT);
    for number in 1..=kept + 5 {
        let at = 1_000 + i64::try_from(number).unwrap();
        raise(&desk, number * 10, Timestamp::from_millis(at));
    }
    let marks = left(&desk);
    assert_eq!(marks.len() as u64, kept);
    assert_eq!(marks[0], (60, 1_001));
    assert_eq!(marks[1], (70, 1_007));
}

#[tokio::test]
async fn one_line_of_marks_for_all_becomes_one_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    accept(&store, "1", 20).await;
    store.close().await;
    file(&folder)
        .execute_batch(
            "DROP TABLE claimed; CREATE TABLE claimed (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL); \
             INSERT INTO claimed VALUES (5, 3000000), (8, 2000000); PRAGMA user_version = 4",
        )
        .unwrap();
    let store = open(&folder);
    for seq in 1..=20 {
        assert_eq!(store.board.is_doubtful(place(seq)), seq <= 8, "{seq}");
    }
    let claims = claim(&store, LANES).await;
    let first = claims[0].delivery.first_attempt_at;
    assert_eq!(first, Some(at(2_000_000).max(NOW)));
}
