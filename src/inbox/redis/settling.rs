//! What became of a claim, under the lease it was made with.

use super::Store;
use crate::event::Delivery;
use crate::inbox::{Error, Settlement, board};

/// Binds a claim to its lane and to the lease of its partition.
#[derive(Debug)]
pub(in crate::inbox) struct Hold {
    #[expect(dead_code, reason = "not yet")]
    lane: board::Hold,
}

impl Store {
    pub(in crate::inbox) async fn settle(
        &self,
        _delivery: Delivery,
        _hold: Hold,
        _settlement: Settlement,
    ) -> Result<(), Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }
}
