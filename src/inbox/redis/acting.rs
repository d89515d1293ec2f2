//! What operators do, through any replica.
//!
//! Each action is one Lua call that looks, decides and writes; a refused one has written nothing. Who works the partition is told
//! by a line in its log and a message, and does the same to its lanes. Replays and erasures have files of their own beside this one.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use ::redis::{FromRedisValue, Script};

use super::rows::{self, Fields};
use super::{Error, Store};
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, DeliveryId, Reason, State};
use crate::inbox::{Action, ActionError, Note};

static RETRY: LazyLock<Script> = LazyLock::new(|| script(include_str!("lua/retry.lua")));
static DROP: LazyLock<Script> = LazyLock::new(|| script(include_str!("lua/drop.lua")));

/// For what `REDIS_DURABILITY` names; the connection waits longer for its answers.
const SAFE_WITHIN: Duration = Duration::from_secs(3);

/// What a script answered after its first word.
pub(super) type Rest = std::vec::IntoIter<Vec<u8>>;

/// With what all actions share before it.
pub(super) fn script(own: &str) -> Script {
    Script::new(&format!("{}\n{own}", include_str!("lua/acts.lua")))
}

impl Store {
    pub(in crate::inbox) async fn retry(
        &self,
        id: DeliveryId,
        note: Note,
    ) -> Result<Delivery, ActionError> {
        let at = clock::now();
        let mut args = vec![
            id.to_string(),
            at.millis().to_string(),
            noted(at, Action::Retry, Some(id), &note)?,
            self.max_backlog.to_string(),
            Reason::OutcomeUnknown.code().to_owned(),
        ];
        let of_rendering = Reason::ALL.iter().filter(|reason| reason.is_of_rendering());
        args.extend(of_rendering.map(|reason| reason.code().to_owned()));
        self.act_on(id, &RETRY, &args).await
    }

    pub(in crate::inbox) async fn drop_delivery(
        &self,
        id: DeliveryId,
        note: Note,
    ) -> Result<Delivery, ActionError> {
        let at = clock::now();
        let args = [
            id.to_string(),
            at.millis().to_string(),
            noted(at, Action::Drop, Some(id), &note)?,
            Reason::OperatorDropped.code().to_owned(),
        ];
        self.act_on(id, &DROP, &args).await
    }

    async fn act_on(
        &self,
        id: DeliveryId,
        script: &Script,
        args: &[String],
    ) -> Result<Delivery, ActionError> {
        let mut rest = self.act(script, args).await?;
        let mut fields = Fields::new();
        while let (Some(name), Some(value)) = (rest.next(), rest.next()) {
            fields.insert(String::from_utf8_lossy(&name).into_owned(), value);
        }
        let mut reading = self.reading().await?;
        let delivery = self.whole(&mut reading, id, &fields).await?;
        drop(reading);
        self.followed(std::slice::from_ref(&delivery)).await;
        Ok(delivery)
    }

    /// Runs it and waits until what it wrote is safe. A refusal is an error.
    pub(super) async fn act(&self, script: &Script, args: &[String]) -> Result<Rest, ActionError> {
        // An attempt that has ended here is in flight no longer.
        self.written().await;
        let standing = self.link.standing()?;
        let durability = standing.durability;
        let wait = durability.wait(&standing.facts, SAFE_WITHIN);
        let mut reading = self.reading().await?;
        let asked = Instant::now();
        let (answer, reached) = reading
            .perform(script, self.keys.base(), args, wait.as_ref())
            .await?;
        drop(reading);
        self.gauges.answered("action", asked.elapsed());
        let strange = |_| Error::Unavailable("an action was answered strangely".to_owned());
        let answer = Vec::<Vec<u8>>::from_redis_value(answer).map_err(strange)?;
        let mut rest = answer.into_iter();
        let said = rest.next().unwrap_or_default();
        if said != b"done" {
            return Err(refusal(&said, rest.next().as_deref()));
        }
        if wait.is_some() && !durability.reached(&reached) {
            let late = "it was done, but Redis does not confirm what --redis-durability asks for";
            return Err(Error::Unavailable(late.to_owned()).into());
        }
        Ok(rest)
    }
}

pub(super) fn noted(
    at: Timestamp,
    action: Action,
    delivery: Option<DeliveryId>,
    note: &Note,
) -> Result<String, Error> {
    rows::note_doc(at, action, delivery, note).map_err(|error| unwritable(&error))
}

/// What cannot be written as JSON; serde_json has nothing of ours to refuse.
pub(super) fn unwritable(error: &serde_json::Error) -> Error {
    Error::Unavailable(error.to_string())
}

fn refusal(said: &[u8], more: Option<&[u8]>) -> ActionError {
    let source_only = |source_only| Error::Backlog { source_only }.into();
    match said {
        b"none" => ActionError::NotFound,
        b"in flight" => ActionError::InFlight,
        b"pending" => ActionError::Pending,
        b"unsendable" => ActionError::Unsendable,
        b"backlog" => source_only(false),
        b"source backlog" => source_only(true),
        b"settled" if more == Some(b"dropped") => ActionError::Settled(State::Dropped),
        b"settled" => ActionError::Settled(State::Delivered),
        _ => Error::Unavailable("an action was answered strangely".to_owned()).into(),
    }
}
