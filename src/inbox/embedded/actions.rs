//! Operators' actions on the embedded store.

use super::{Store, closed};
use crate::event::{Delivery, DeliveryId, EventId};
use crate::inbox::{ActionError, Note};

impl Store {
    pub(in crate::inbox) async fn retry(
        &self,
        _id: DeliveryId,
        _note: Note,
    ) -> Result<Delivery, ActionError> {
        std::future::ready(Err(closed().into())).await
    }

    pub(in crate::inbox) async fn drop_delivery(
        &self,
        _id: DeliveryId,
        _note: Note,
    ) -> Result<Delivery, ActionError> {
        std::future::ready(Err(closed().into())).await
    }

    pub(in crate::inbox) async fn replay(
        &self,
        _id: EventId,
        _deliveries: Vec<Delivery>,
        _again: bool,
        _note: Note,
    ) -> Result<Vec<Delivery>, ActionError> {
        std::future::ready(Err(closed().into())).await
    }

    pub(in crate::inbox) async fn erase(&self, _id: EventId) -> Result<(), ActionError> {
        std::future::ready(Err(closed().into())).await
    }
}
