//! What a restart knows never to have been sent, and since when the rest may have been.

use rusqlite::Connection;

use super::*;
use crate::clock;
use crate::inbox::Claim;
use crate::inbox::embedded::highwater::{self, AHEAD, Raise};

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

fn raise(desk: &Desk, seq: u64, at: Timestamp) {
    let (answer, _) = oneshot::channel();
    let permit = Arc::clone(&desk.room).try_acquire_owned().unwrap();
    let raise = Raise {
        seq: place(seq),
        at,
        answer,
        permit,
    };
    raise.write(&desk.writer.connection).unwrap();
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
    let top = LANES as u64 + AHEAD;
    for seq in 1..=BACKLOG {
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
    assert_eq!(marks, 1);
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
    let marks = "INSERT INTO claimed VALUES (10, 500000), (20, 3000000), (30, 2000000)";
    let connection = &desk.writer.connection;
    connection.execute(marks, []).unwrap();
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
fn marks_that_cover_nothing_pending_go() {
    let mut desk = Desk::new();
    for key in ["1", "2"] {
        let (job, _answered) = desk.accept(acceptance(key, 10));
        desk.writer.commit(vec![job]);
    }
    let left = |desk: &Desk| -> Vec<u64> {
        let connection = &desk.writer.connection;
        let mut marks = connection.prepare("SELECT seq FROM claimed").unwrap();
        let marks = marks.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        marks
            .map(|seq| seq.unwrap().unsigned_abs() - AHEAD)
            .collect()
    };
    for seq in [1, 10_000, 20_000] {
        raise(&desk, seq, NOW);
    }
    assert_eq!(left(&desk), [1, 20_000]);
    let settled = (1..=2).map(|seq| desk.settle(seq)).collect();
    desk.writer.commit(settled);
    raise(&desk, 30_000, NOW);
    assert_eq!(left(&desk), [30_000]);
}
