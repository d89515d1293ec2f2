//! Operators' actions on the embedded store: the way to the writer and back.
//!
//! What an action does is decided by `acting`, inside the writer's transaction, where nothing can come in between.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::writer::Job;
use super::{Store, closed};
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, DeliveryId, EventId};
use crate::inbox::{ActionError, Error, Note};

/// An action in the writer's queue.
#[derive(Debug)]
pub(super) struct Act {
    pub work: Work,
    pub note: Option<Note>,
    pub at: Timestamp,
    /// The deliveries concerned, as they stand afterwards.
    pub answer: oneshot::Sender<Result<Vec<Delivery>, ActionError>>,
    #[expect(dead_code, reason = "a place in the queue, given back with the answer")]
    pub permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) enum Work {
    Retry(DeliveryId),
    Drop(DeliveryId),
    Replay {
        event: EventId,
        deliveries: Vec<Delivery>,
        again: bool,
    },
    Erase(EventId),
}

impl Store {
    pub(in crate::inbox) async fn retry(
        &self,
        id: DeliveryId,
        note: Note,
    ) -> Result<Delivery, ActionError> {
        only(self.act(Work::Retry(id), Some(note)).await?)
    }

    pub(in crate::inbox) async fn drop_delivery(
        &self,
        id: DeliveryId,
        note: Note,
    ) -> Result<Delivery, ActionError> {
        only(self.act(Work::Drop(id), Some(note)).await?)
    }

    pub(in crate::inbox) async fn replay(
        &self,
        event: EventId,
        deliveries: Vec<Delivery>,
        again: bool,
        note: Note,
    ) -> Result<Vec<Delivery>, ActionError> {
        let work = Work::Replay {
            event,
            deliveries,
            again,
        };
        self.act(work, Some(note)).await
    }

    pub(in crate::inbox) async fn erase(&self, event: EventId) -> Result<(), ActionError> {
        self.act(Work::Erase(event), None).await.map(drop)
    }

    async fn act(&self, work: Work, note: Option<Note>) -> Result<Vec<Delivery>, ActionError> {
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            if self.room.is_closed() {
                closed()
            } else {
                Error::Busy
            }
        })?;
        let (answer, answered) = oneshot::channel();
        let act = Act {
            work,
            note,
            at: clock::now(),
            answer,
            permit,
        };
        self.jobs
            .try_send(Job::Act(Box::new(act)))
            .map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

fn only(deliveries: Vec<Delivery>) -> Result<Delivery, ActionError> {
    deliveries.into_iter().next().ok_or(ActionError::NotFound)
}
