//! What operators do, through any replica.

use super::Store;
use crate::event::{Delivery, DeliveryId, EventId};
use crate::inbox::{ActionError, Error, Note};

impl Store {
    pub(in crate::inbox) async fn retry(
        &self,
        _id: DeliveryId,
        _note: Note,
    ) -> Result<Delivery, ActionError> {
        Err(Error::Unavailable("not yet".to_owned()).into())
    }

    pub(in crate::inbox) async fn drop_delivery(
        &self,
        _id: DeliveryId,
        _note: Note,
    ) -> Result<Delivery, ActionError> {
        Err(Error::Unavailable("not yet".to_owned()).into())
    }

    pub(in crate::inbox) async fn replay(
        &self,
        _event: EventId,
        _deliveries: Vec<Delivery>,
        _again: bool,
        _note: Note,
    ) -> Result<Vec<Delivery>, ActionError> {
        Err(Error::Unavailable("not yet".to_owned()).into())
    }

    pub(in crate::inbox) async fn erase(&self, _event: EventId) -> Result<(), ActionError> {
        Err(Error::Unavailable("not yet".to_owned()).into())
    }
}
