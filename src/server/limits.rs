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

/// The places for requests in work. Cheap to clone; clones share the places.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<Semaphore>);

impl InFlight {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))))
    }
}

/// For [`axum::middleware::from_fn_with_state`]. A place is held until the answer is made.
pub async fn in_flight(State(limit): State<InFlight>, request: Request, next: Next) -> Response {
    match limit.0.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Failure::Overloaded.into_response(),
    }
}
