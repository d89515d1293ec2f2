//! Accepting: batches on connections of their own.

use super::Store;
use crate::inbox::{Acceptance, Error, Receipt};

impl Store {
    pub(in crate::inbox) async fn accept(&self, _acceptance: Acceptance) -> Result<Receipt, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }
}
