//! The members of one lane, strung together in order of acceptance.

use super::{Entry, Lanes, Seq, Stage};

impl Lanes {
    /// Puts the entry into its place: before whoever was accepted later, though never before a claimed head.
    pub(super) fn link(&mut self, seq: Seq, mut entry: Entry) {
        let lane = self.ends.entry(entry.lane).or_default();
        let next = match lane.tail {
            Some(tail) if tail > seq => self.place_before(seq, entry.lane),
            _ => None,
        };
        let lane = self.ends.entry(entry.lane).or_default();
        let before = match next {
            Some(next) => {
                lane.returned = Some(seq);
                self.entries.get(&next).and_then(|next| next.before)
            }
            None => lane.tail,
        };
        (entry.before, entry.next) = (before, next);
        if before.is_none() {
            // Whoever was the head is one no longer: it comes back when its turn does.
            if let Some(head) = lane.head.replace(seq) {
                self.withdraw(head);
            }
        }
        let lane = self.ends.entry(entry.lane).or_default();
        if next.is_none() {
            lane.tail = Some(seq);
        }
        if let Some(before) = before.and_then(|before| self.entries.get_mut(&before)) {
            before.next = Some(seq);
        }
        if let Some(next) = next.and_then(|next| self.entries.get_mut(&next)) {
            next.before = Some(seq);
        }
        self.entries.insert(seq, entry);
    }

    /// Takes the entry out of its lane; an empty lane stays for `rest` to clear away.
    pub(super) fn unlink(&mut self, seq: Seq) -> Option<Entry> {
        let entry = self.entries.remove(&seq)?;
        let lane = self.ends.entry(entry.lane).or_default();
        match entry.before {
            Some(before) => {
                if let Some(before) = self.entries.get_mut(&before) {
                    before.next = entry.next;
                }
            }
            None => lane.head = entry.next,
        }
        match entry.next {
            Some(next) => {
                if let Some(next) = self.entries.get_mut(&next) {
                    next.before = entry.before;
                }
            }
            None => lane.tail = entry.before,
        }
        Some(entry)
    }

    /// A claimed head kept the front; now that it waits, those accepted before it go first. Returns who may go now: itself, or
    /// the new head of its lane.
    pub(super) fn restore_order(&mut self, seq: Seq) -> Seq {
        let next = self.entries.get(&seq).and_then(|entry| entry.next);
        let Some(first) = next.filter(|&next| next < seq) else {
            return seq;
        };
        if let Some(entry) = self.unlink(seq) {
            self.link(seq, entry);
        }
        first
    }

    /// The first member behind a claimed head that was accepted later than `seq`.
    ///
    /// Many that come back to one lane mostly come in order: each looks from where the one before found its place, so that
    /// they do not walk past each other again and again.
    fn place_before(&self, seq: Seq, lane: u64) -> Option<Seq> {
        let lane_of = self.ends.get(&lane)?;
        let from_last = lane_of
            .returned
            .filter(|&last| last < seq && self.entries.get(&last).is_some_and(|e| e.lane == lane));
        let mut at = from_last.or(lane_of.head);
        if let Some(head) = at
            && from_last.is_none()
            && self.stage(head) == Some(Stage::Claimed)
        {
            at = self.entries.get(&head)?.next;
        }
        while let Some(member) = at
            && member < seq
        {
            at = self.entries.get(&member)?.next;
        }
        at
    }
}
