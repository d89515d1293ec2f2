//! Replaying every event that a filter fits.

use axum::extract::Request;
use axum::response::Response;

use super::super::super::Ops;
use super::super::super::guard::Caller;
use super::super::actions;
use super::super::filter::{self, Paging};
use super::super::input;
use super::super::refusal::Refusal;
use super::{Bulk, Cursor, PAGE, Part, Progress, counted, narrowing, shown, went_well};
use crate::clock;
use crate::inbox::{EventFilter, Note};
use crate::telemetry::audit::Subject;

pub(super) async fn replay(
    ops: &Ops,
    caller: &Caller,
    request: Request,
) -> Result<Response, Refusal> {
    let bulk = input::read::<Bulk>(request).await?;
    let mut filter = filter::events(narrowing(&bulk)?, Paging::None, clock::now())?;
    let cursor = Cursor::read(bulk.cursor.as_deref(), filter.until)?;
    filter.until = Some(cursor.until);
    if bulk.cursor.is_none() {
        let count = ops.inbox.count_events(&filter).await?;
        if let Some(answer) = counted(&bulk, count)? {
            return Ok(answer);
        }
    }
    let note = input::note(caller, bulk.note)?;
    let progress = walk(ops, caller, filter, cursor, bulk.again, &note).await?;
    Ok(shown(&progress))
}

async fn walk(
    ops: &Ops,
    caller: &Caller,
    filter: EventFilter,
    cursor: Cursor,
    again: bool,
    note: &Note,
) -> Result<Progress, Refusal> {
    let (mut done, mut part) = (0, Part::begin());
    let mut at = cursor.inner.clone();
    loop {
        let page = ops
            .inbox
            .events(EventFilter {
                limit: PAGE,
                cursor: at,
                ascending: true,
                ..filter.clone()
            })
            .await?;
        for found in &page.events {
            part.step().await;
            let id = found.event.id;
            let result = actions::replay_event(ops, id, again, note.clone()).await;
            let result = result.map(|_| ());
            let subject = id.to_string();
            let subject = Subject::Event(&subject);
            let deed = actions::deed("replay", subject, &result, note.text.as_deref());
            caller.did(&ops.telemetry, deed);
            done += u64::from(went_well(result)?);
        }
        at = page.next;
        if at.is_none() || part.is_over() {
            let next = at.map(|at| cursor.write(&at));
            let skipped = part.taken - done;
            return Ok(Progress {
                done,
                skipped,
                next,
            });
        }
    }
}
