//! What operators' actions do to lanes: bring back, take away, hurry.

use super::{AT_ONCE, Arrival, Lanes, Seq, Stage};

impl Lanes {
    /// A parked one is pending again: where it held its lane, or in its old place there.
    pub(in crate::inbox) fn rejoin(&mut self, arrival: &Arrival<'_>) {
        if !self.resume(arrival) {
            self.push(arrival);
        }
    }

    /// Claims one that waits, wherever it stands. False if an attempt has it, or nobody waits there.
    pub(in crate::inbox) fn seize(&mut self, seq: Seq) -> bool {
        if self.stage(seq) != Some(Stage::Waiting) {
            return false;
        }
        self.withdraw(seq);
        if let Some(entry) = self.entries.get_mut(&seq) {
            entry.stage = Stage::Claimed;
        }
        true
    }

    /// The seized one waits on as before.
    pub(in crate::inbox) fn let_go(&mut self, seq: Seq) {
        if let Some(entry) = self.entries.get(&seq) {
            self.retry_at(seq, entry.due, entry.doubtful);
        }
    }

    /// Ends the wait of the lane in which it stands, as far as the lane's pace allows.
    pub(in crate::inbox) fn hurry(&mut self, seq: Seq) {
        let lane = self.entries.get(&seq).map(|entry| entry.lane);
        let head = lane
            .and_then(|lane| self.ends.get(&lane))
            .and_then(|lane| lane.head);
        if let Some(head) = head {
            self.withdraw(head);
            if let Some(entry) = self.entries.get_mut(&head) {
                entry.due = AT_ONCE;
            }
            self.offer(head);
        }
    }
}
