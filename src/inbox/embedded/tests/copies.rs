//! What is in doubt in a copy, and what is not.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::event::Reason;
use crate::inbox::Claim;
use crate::inbox::embedded::{backup, doubt, restore};

fn path(folder: &TempDir, name: &str) -> std::path::PathBuf {
    folder.path().join(name)
}

fn open(folder: &TempDir, name: &str) -> Store {
    Store::open(&Options::new(path(folder, name))).unwrap()
}

async fn claim(store: &Store) -> Vec<Claim> {
    let claimed = store.claim(100, |_| 100);
    tokio::time::timeout(Duration::from_secs(10), claimed)
        .await
        .unwrap()
}

async fn settle(store: &Store, claim: Claim, settlement: Settlement) {
    let crate::inbox::claim::Ticket::Embedded(hold) = claim.ticket else {
        panic!("an embedded one")
    };
    store
        .settle(claim.delivery, hold, settlement)
        .await
        .unwrap();
}

fn copied(folder: &TempDir) -> Store {
    backup(
        &path(folder, "store.db"),
        &path(folder, "copy.db"),
        false,
        &|_, _| {},
    )
    .unwrap();
    restore(
        &path(folder, "copy.db"),
        &path(folder, "other.db"),
        &|_, _| {},
    )
    .unwrap();
    open(folder, "other.db")
}

#[tokio::test]
async fn what_was_never_claimed_may_have_been_delivered_since_a_copy_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, "store.db");
    let mut all = acceptance("a", 10);
    all.deliveries.truncate(1);
    store.accept(vec![all]).await.unwrap();
    let other = copied(&folder);
    let claims = claim(&other).await;
    assert!(claims[0].doubtful);
    let delivery = &claims[0].delivery;
    assert_eq!(delivery.first_attempt_at, Some(delivery.accepted_at));
    assert_eq!(delivery.attempts, 0, "none is known of");
    assert!(
        !claim(&store).await[0].doubtful,
        "the store itself is as it was"
    );
}

#[tokio::test]
async fn a_parked_one_may_have_been_retried_since_a_copy_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, "store.db");
    let mut all = acceptance("a", 10);
    all.deliveries.truncate(1);
    let id = all.deliveries[0].id;
    store.accept(vec![all]).await.unwrap();
    let parked = Settlement::Parked {
        reason: Reason::WorkflowMissing,
        detail: String::new(),
    };
    settle(&store, claim(&store).await.remove(0), parked).await;
    store.close().await;
    for _ in 0..2 {
        doubt(&path(&folder, "store.db")).unwrap();
    }
    let store = open(&folder, "store.db");
    let before = store.delivery(id).await.unwrap().unwrap();
    assert!(before.is_parked_in_doubt());
    assert_eq!(
        before.reason,
        Some(Reason::WorkflowMissing),
        "why is not lost"
    );
    let note = Note {
        who: "ann".to_owned(),
        text: None,
    };
    store.retry(id, note).await.unwrap();
    let claims = claim(&store).await;
    assert!(claims[0].doubtful);
    assert!(claims[0].delivery.first_attempt_at > before.settled_at);
}

/// A copy step by step beside a writer would begin anew with each commit, or show half of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_beside_a_busy_writer_shows_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder, "store.db"));
    let stop = Arc::new(AtomicBool::new(false));
    let accepting = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                store
                    .accept(vec![acceptance(&number.to_string(), 20_000)])
                    .await
                    .unwrap();
                number += 1;
            }
            number
        })
    };
    let (mut last, mut whole) = (0, 0);
    for _ in 0..5 {
        while store.stats().pending < last + 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (from, to) = (path(&folder, "store.db"), path(&folder, "copy.db"));
        let made = tokio::task::spawn_blocking(move || backup(&from, &to, true, &|_, _| {}));
        let made = made.await.unwrap().unwrap();
        assert!(made.unfinished.pending >= last + 200, "it is the newest");
        assert_eq!(
            made.unfinished.pending % made.events,
            0,
            "no half of an event"
        );
        (last, whole) = (made.unfinished.pending, made.events);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(accepting.await.unwrap() >= whole);
}
