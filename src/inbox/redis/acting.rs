//! What operators do, through any replica.
//!
//! Each action is one Lua call that looks, decides and writes; a refused one has written nothing. Who works the partition is told
//! by a line in its log and a message, and does the same to its lanes. Replays and erasures have files of their own beside this one.

use std::sync::LazyLock;

use ::redis::Script;

use super::rows::{self, Fields};
use super::{Error, Store};
use crate::clock::{self, Timestamp};
use crate::event::{Delivery, DeliveryId, Reason, State};
use crate::inbox::{Action, ActionError, Note};

static RETRY: LazyLock<Script> = LazyLock::new(|| script(include_str!("lua/retry.lua")));
static DROP: LazyLock<Script> = LazyLock::new(|| script(include_str!("lua/drop.lua")));

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
        Ok(self.whole(&mut reading, id, &fields).await?)
    }

    /// Runs it, and has the lanes of this replica follow. A refusal is an error.
    pub(super) async fn act(&self, script: &Script, args: &[String]) -> Result<Rest, ActionError> {
        self.settled_so_far().await?;
        let answer: Vec<Vec<u8>> = self.link.call(script, self.keys.base(), args).await?;
        let mut rest = answer.into_iter();
        let said = rest.next().unwrap_or_default();
        if said != b"done" {
            return Err(refusal(&said, rest.next()));
        }
        let mut number = || std::str::from_utf8(&rest.next()?).ok()?.parse::<u64>().ok();
        for _ in 0..number().unwrap_or(0) {
            if let (Some(partition), Some(version)) = (number(), number()) {
                self.follow(partition, version).await;
            }
        }
        Ok(rest)
    }

    /// Waits until what this replica has settled is written: an attempt that has ended here is in flight no longer.
    #[expect(
        clippy::unused_async,
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "not yet"
    )]
    async fn settled_so_far(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Where this replica works the partition: waits, not long, until its lanes have followed the log to this version.
    #[expect(clippy::unused_async, clippy::unused_self, reason = "not yet")]
    async fn follow(&self, _partition: u64, _version: u64) {}
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

fn refusal(said: &[u8], more: Option<Vec<u8>>) -> ActionError {
    let source_only = |source_only| Error::Backlog { source_only }.into();
    match said {
        b"none" => ActionError::NotFound,
        b"in flight" => ActionError::InFlight,
        b"pending" => ActionError::Pending,
        b"unsendable" => ActionError::Unsendable,
        b"backlog" => source_only(false),
        b"source backlog" => source_only(true),
        b"settled" if more.as_deref() == Some(b"dropped") => ActionError::Settled(State::Dropped),
        b"settled" => ActionError::Settled(State::Delivered),
        _ => Error::Unavailable("an action was answered strangely".to_owned()).into(),
    }
}
