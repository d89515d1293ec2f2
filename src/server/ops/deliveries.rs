//! `GET /v1/deliveries`: deliveries by what became of them.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::Ops;
use super::super::record::{self, ShownDelivery};
use super::filter::{self, Paging};
use super::refusal::Refusal;
use crate::clock;

/// A page of a list; `next` leads on to the following one.
#[derive(Serialize)]
struct List<'a> {
    deliveries: Vec<ShownDelivery<'a>>,
    next: Option<&'a str>,
}

pub(super) async fn list(
    State(ops): State<Ops>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let filter = filter::deliveries(pairs, Paging::Allowed, clock::now())?;
    let page = ops.inbox.deliveries(filter).await?;
    let list = List {
        deliveries: page.deliveries.iter().map(record::delivery).collect(),
        next: page.next.as_deref(),
    };
    Ok(Json(list).into_response())
}
