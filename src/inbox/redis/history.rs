//! What was, page by page.

use super::Store;
use crate::event::{Delivery, DeliveryId, EventId};
use crate::inbox::{DeliveryFilter, DeliveryPage, Error, EventFilter, EventRecord, Page};

impl Store {
    pub(in crate::inbox) async fn events(&self, _filter: EventFilter) -> Result<Page, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }

    pub(in crate::inbox) async fn event(&self, _id: EventId) -> Result<Option<EventRecord>, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }

    pub(in crate::inbox) async fn delivery(
        &self,
        _id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }

    pub(in crate::inbox) async fn deliveries(
        &self,
        _filter: DeliveryFilter,
    ) -> Result<DeliveryPage, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }

    pub(in crate::inbox) async fn count_deliveries(
        &self,
        _filter: &DeliveryFilter,
    ) -> Result<u64, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }

    pub(in crate::inbox) async fn count_events(&self, _filter: &EventFilter) -> Result<u64, Error> {
        Err(Error::Unavailable("not yet".to_owned()))
    }
}
