//! Replays: what was unfinished leaves, what is routed anew takes its place.

use std::sync::LazyLock;

use ::redis::Script;

use super::acting::{noted, script, unwritable};
use super::rows;
use super::{Error, Store};
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, Event, EventId, Reason};
use crate::inbox::partition::partition;
use crate::inbox::{Action, ActionError, Note};

static REPLAY: LazyLock<Script> = LazyLock::new(|| script(include_str!("lua/replay.lua")));

impl Store {
    pub(in crate::inbox) async fn replay(
        &self,
        event: EventId,
        deliveries: Vec<Delivery>,
        again: bool,
        note: Note,
    ) -> Result<Vec<Delivery>, ActionError> {
        let before = self.event(event).await?.ok_or(ActionError::NotFound)?;
        let at = clock::now();
        let again = if again { "again" } else { "" };
        let mut args = vec![
            event.to_string(),
            at.millis().to_string(),
            noted(at, Action::Replay, None, &note)?,
            self.max_backlog.to_string(),
            again.to_owned(),
            before.event.source.to_string(),
            Reason::Superseded.code().to_owned(),
            Reason::OutcomeUnknown.code().to_owned(),
        ];
        let count = self.link.standing()?.partitions;
        for delivery in &deliveries {
            args.extend(fields_of(
                &accepted(delivery, event, at),
                &before.event,
                count,
            )?);
        }
        self.act(&REPLAY, &args).await?;
        let after = self.event(event).await?.ok_or(ActionError::NotFound)?;
        self.followed(&after.deliveries).await;
        Ok(after.deliveries)
    }
}

/// As routed, but accepted now: each one's waits count from then.
fn accepted(delivery: &Delivery, event: EventId, now: Timestamp) -> Delivery {
    Delivery {
        event,
        accepted_at: now,
        next_attempt_at: delivery.next_attempt_at.map(|_| now),
        settled_at: delivery.settled_at.map(|_| now),
        ..delivery.clone()
    }
}

/// In the order in which `replay.lua` takes them.
fn fields_of(delivery: &Delivery, event: &Event, partitions: u16) -> Result<[String; 10], Error> {
    let target = &delivery.target;
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.millis().to_string());
    let own = rows::own_args(&delivery.args, &event.body).unwrap_or_default();
    let holds = if delivery.holds_lane() { "holds" } else { "" };
    Ok([
        delivery.id.to_string(),
        rows::delivery_doc(delivery).map_err(|error| unwritable(&error))?,
        own.to_owned(),
        partition(&target.namespace, &target.workflow, partitions).to_string(),
        delivery.state.as_str().to_owned(),
        delivery.reason.map_or("", Reason::code).to_owned(),
        delivery.last_error.clone().unwrap_or_default(),
        time(delivery.next_attempt_at),
        time(delivery.settled_at),
        holds.to_owned(),
    ])
}
