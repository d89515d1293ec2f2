//! How many requests may be in work at once: the layer that says no early.
//!
//! Beyond the cap a request is answered 503 with `Retry-After` before its body is read, so that a
//! flood costs a header's worth of memory for each request and no more.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::error::Failure;
use crate::telemetry::Telemetry;

/// The places for requests in work. Cheap to clone; clones share the places.
#[derive(Clone, Debug)]
pub struct InFlight {
    places: Arc<Semaphore>,
    telemetry: Telemetry,
}

impl InFlight {
    #[must_use]
    pub fn new(max: usize, telemetry: Telemetry) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            telemetry,
        }
    }
}

/// For [`axum::middleware::from_fn_with_state`]. A place is held until the answer is made.
pub async fn in_flight(State(limit): State<InFlight>, request: Request, next: Next) -> Response {
    let Ok(_place) = limit.places.try_acquire() else {
        limit.telemetry.overloaded();
        return Failure::Overloaded.into_response();
    };
    next.run(request).await
}
