//! Deliveries, page by page, in order of acceptance.

use super::{Store, closed};
use crate::inbox::{DeliveryFilter, DeliveryPage, Error, EventFilter};

impl Store {
    pub(in crate::inbox) async fn deliveries(
        &self,
        _filter: DeliveryFilter,
    ) -> Result<DeliveryPage, Error> {
        std::future::ready(Err(closed())).await
    }

    pub(in crate::inbox) async fn count_deliveries(
        &self,
        _filter: &DeliveryFilter,
    ) -> Result<u64, Error> {
        std::future::ready(Err(closed())).await
    }

    pub(in crate::inbox) async fn count_events(&self, _filter: &EventFilter) -> Result<u64, Error> {
        std::future::ready(Err(closed())).await
    }
}
