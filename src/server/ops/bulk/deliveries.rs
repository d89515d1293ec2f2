//! Retrying or dropping every unfinished delivery that a filter fits.

use axum::extract::Request;
use axum::response::Response;

use super::super::super::Ops;
use super::super::super::guard::{Caller, Deed};
use super::super::actions::{self, Verb};
use super::super::filter::{self, Paging};
use super::super::input;
use super::super::refusal::Refusal;
use super::{Bulk, Cursor, PAGE, Part, Progress, counted, narrowing, shown, went_well};
use crate::clock;
use crate::event::{Delivery, State};
use crate::inbox::{DeliveryFilter, Note};
use crate::telemetry::audit::Subject;

pub(super) async fn act(
    ops: &Ops,
    caller: &Caller,
    verb: Verb,
    request: Request,
) -> Result<Response, Refusal> {
    let bulk = input::read::<Bulk>(request).await?;
    if bulk.again {
        return Err(Refusal::parameter("`again` is for replay only."));
    }
    let mut filter = filter::deliveries(narrowing(&bulk)?, Paging::None, clock::now())?;
    let unfinished = [State::Parked, State::Pending];
    if !unfinished.contains(filter.state.get_or_insert(State::Parked)) {
        return Err(Refusal::parameter(
            "`state` is parked, the default, or pending: others have settled.",
        ));
    }
    let cursor = Cursor::read(bulk.cursor.as_deref(), filter.until)?;
    filter.until = Some(cursor.until);
    if bulk.cursor.is_none() {
        let count = ops.inbox.count_deliveries(&filter).await?;
        if let Some(answer) = counted(&bulk, count)? {
            return Ok(answer);
        }
    }
    let note = input::note(caller, bulk.note)?;
    let progress = walk(ops, caller, verb, filter, cursor, &note).await?;
    Ok(shown(&progress))
}

async fn walk(
    ops: &Ops,
    caller: &Caller,
    verb: Verb,
    filter: DeliveryFilter,
    cursor: Cursor,
    note: &Note,
) -> Result<Progress, Refusal> {
    let (mut done, mut part) = (0, Part::begin());
    let mut at = cursor.inner.clone();
    loop {
        let page = ops
            .inbox
            .deliveries(DeliveryFilter {
                limit: PAGE,
                cursor: at.clone(),
                ascending: true,
                ..filter.clone()
            })
            .await?;
        for delivery in &page.deliveries {
            part.step().await;
            let result = verb.apply(ops, delivery.id, note.clone()).await;
            let result = result.map(|_| ()).map_err(Refusal::from);
            put_on_record(ops, caller, verb, delivery, &result, note);
            done += u64::from(went_well(result)?);
        }
        // An ascending list always leads on: at its end to where one is already.
        let ended = page.deliveries.is_empty() && page.next == at;
        at = page.next;
        if ended || at.is_none() || part.is_over() {
            let next = at.filter(|_| !ended).map(|at| cursor.write(&at));
            let skipped = part.taken - done;
            return Ok(Progress {
                done,
                skipped,
                next,
            });
        }
    }
}

fn put_on_record(
    ops: &Ops,
    caller: &Caller,
    verb: Verb,
    delivery: &Delivery,
    result: &Result<(), Refusal>,
    note: &Note,
) {
    let id = delivery.id.to_string();
    let deed = actions::deed(
        verb.action(),
        Subject::Delivery(&id),
        result,
        note.text.as_deref(),
    );
    let workflow = Some(delivery.target.workflow.as_str());
    caller.did(&ops.telemetry, Deed { workflow, ..deed });
}
