//! Figures for `/ready` and metrics.

use super::Store;
use crate::inbox::Stats;

impl Store {
    pub(in crate::inbox) fn stats(&self) -> Stats {
        Stats {
            server: self.link.shown(),
            round_trip: self.link.round_trip(),
            ..self.board.stats()
        }
    }
}
