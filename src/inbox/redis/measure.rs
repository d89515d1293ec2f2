//! Figures for `/ready` and metrics.

use super::Store;
use crate::inbox::Stats;

impl Store {
    pub(in crate::inbox) fn stats(&self) -> Stats {
        self.board.stats()
    }
}
