//! The board's side of operators' actions: taking deliveries away from claims, and putting the lanes right after a commit.

use super::acting::Effect;
use crate::inbox::board::{self, Board, Desk};
use crate::inbox::lanes::{Arrival, Seq, Stage};

/// Pending deliveries that no attempt can claim; dropped, it gives them back.
#[derive(Debug)]
pub(super) struct Seizure<'b> {
    board: &'b Board,
    seqs: Vec<Seq>,
}

impl<'b> Seizure<'b> {
    pub(super) fn none(board: &'b Board) -> Self {
        Self {
            board,
            seqs: Vec::new(),
        }
    }

    /// False if an attempt has it, or its settlement is still on its way to the disk.
    pub(super) fn take(&mut self, seq: Seq) -> bool {
        let taken = self.board.desk().lanes.seize(seq);
        if taken {
            self.seqs.push(seq);
        }
        taken
    }
}

impl Drop for Seizure<'_> {
    fn drop(&mut self) {
        if self.seqs.is_empty() {
            return;
        }
        let mut desk = self.board.desk();
        for &seq in &self.seqs {
            desk.lanes.let_go(seq);
        }
        drop(desk);
        self.board.changed.notify_waiters();
    }
}

impl Board {
    /// Whether it is pending and in nobody's hands.
    pub(super) fn waits(&self, seq: Seq) -> bool {
        self.desk().lanes.stage(seq) == Some(Stage::Waiting)
    }

    /// Whether it may have been sent, and nobody saw the end.
    pub(super) fn is_doubtful(&self, seq: Seq) -> bool {
        self.desk().lanes.is_doubtful(seq)
    }

    /// What an action has changed on disk, done to the lanes.
    pub(super) fn apply(&self, seized: Seizure<'_>, effects: Vec<Effect>) {
        let mut desk = self.desk();
        for effect in effects {
            desk.apply(effect);
        }
        drop(desk);
        // What was seized has left the lanes by now, so that there is nothing to give back.
        drop(seized);
        self.changed.notify_waiters();
    }
}

impl Desk {
    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Hurried(seq) => self.lanes.hurry(seq),
            Effect::Returned {
                seq,
                delivery,
                doubtful,
            } => {
                self.tally.parked = self.tally.parked.saturating_sub(1);
                self.lanes.rejoin(&Arrival {
                    doubtful,
                    ..board::arrival(seq, &delivery)
                });
                self.cache.insert(seq, delivery);
            }
            Effect::Dropped(seq, before) => {
                self.tally.uncount(before);
                self.tally.dropped += 1;
                self.lanes.remove(seq);
                drop(self.cache.take(seq));
            }
            Effect::Entered(seq, delivery) => self.enter(seq, delivery),
            Effect::Routed => self.tally.unrouted = self.tally.unrouted.saturating_sub(1),
        }
    }
}
