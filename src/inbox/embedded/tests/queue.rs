//! Who gets a place in the queue, and who in a batch.

use super::*;
use crate::inbox::embedded::writer::{FEW_MARKS, QUEUE};

/// Accepts and settlements of a batch.
fn parts(batch: &[Job]) -> (usize, usize) {
    let marks = batch
        .iter()
        .filter(|job| matches!(job, Job::Settle { .. }))
        .count();
    (batch.len() - marks, marks)
}

#[test]
fn settlements_ride_on_accepts_and_do_not_crowd_them_out() {
    let mut desk = Desk::new();
    for seq in 1..=80 {
        desk.jobs.try_send(desk.settle(seq)).unwrap();
    }
    let (accept, _answered) = desk.accept(acceptance("1", 10));
    desk.jobs.try_send(accept).unwrap();
    let (batch, _) = desk.writer.gather(Vec::new());
    assert_eq!(parts(&batch), (1, FEW_MARKS));
    // Nothing else comes: the rest goes.
    let (batch, stop) = desk.writer.gather(Vec::new());
    assert_eq!((parts(&batch), stop), ((0, 80 - FEW_MARKS), false));
}

#[test]
fn an_action_and_the_end_take_every_settlement_along() {
    let mut desk = Desk::new();
    for seq in 1..=40 {
        desk.jobs.try_send(desk.settle(seq)).unwrap();
    }
    let id = DeliveryId::at(NOW);
    let (act, _done) = desk.give_up(id, "why");
    desk.jobs.try_send(act).unwrap();
    let (batch, _) = desk.writer.gather(Vec::new());
    assert_eq!(parts(&batch), (1, 40));
    drop(batch);
    for seq in 1..=40 {
        desk.jobs.try_send(desk.settle(seq)).unwrap();
    }
    let (accept, _answered) = desk.accept(acceptance("1", 10));
    desk.jobs.try_send(accept).unwrap();
    assert_eq!(parts(&desk.writer.gather(Vec::new()).0), (1, FEW_MARKS));
    desk.jobs.try_send(Job::Stop).unwrap();
    let (batch, stop) = desk.writer.gather(Vec::new());
    assert_eq!((parts(&batch), stop), ((0, 40 - FEW_MARKS), true));
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::new(folder.path().join("store.db"))).unwrap();
    let places = u32::try_from(QUEUE).unwrap();
    let all = Arc::clone(&store.room)
        .try_acquire_many_owned(places)
        .unwrap();
    assert_eq!(
        store.accept(vec![acceptance("1", 10)]).await,
        Err(Error::Busy)
    );
    drop(all);
    assert!(store.accept(vec![acceptance("1", 10)]).await.is_ok());
}
