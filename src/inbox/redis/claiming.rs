//! Claiming the heads of lanes whose partitions this replica owns.

use super::Store;
use crate::inbox::Claim;

impl Store {
    pub(in crate::inbox) async fn claim(
        &self,
        _max: usize,
        _room: impl Fn(&str) -> usize + Sync,
    ) -> Vec<Claim> {
        std::future::pending().await
    }

    pub(in crate::inbox) fn look_again(&self) {
        self.board.changed.notify_waiters();
    }

    pub(in crate::inbox) fn wake(&self) {
        self.board.wake();
    }
}
