//! How many requests may be in work at once: the layer that says no early; and how often (`rates`).
//!
//! Beyond the cap a request is answered 503 with `Retry-After` before its body is read, so that a
//! flood costs a header's worth of memory for each request and no more. One source may hold half of
//! the places: whoever floods it, with junk too, leaves the other half to the others (P6).

mod rate_limit;
mod rates;
mod recent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::error::Failure;
use crate::telemetry::Telemetry;
pub use rates::{Options, Rates};
pub(super) use rates::{Realm, Shown, TooOften, TurnedAway};

/// The places for requests in work. Cheap to clone; clones share the places.
#[derive(Clone, Debug)]
pub struct InFlight {
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
    telemetry: Telemetry,
}

/// How many places each source holds; sources that hold none are not in it.
#[derive(Debug)]
struct Shares {
    most: usize,
    held: Mutex<HashMap<Arc<str>, usize>>,
}

/// A place that counts for one source, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    source: Arc<str>,
}

impl InFlight {
    #[must_use]
    pub fn new(max: usize, telemetry: Telemetry) -> Self {
        let shares = Shares {
            most: max.div_ceil(2),
            held: Mutex::default(),
        };
        Self {
            places: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            shares: Arc::new(shares),
            telemetry,
        }
    }

    /// None: the source holds as many as it may.
    pub(super) fn share(&self, source: &Arc<str>) -> Option<Share> {
        let mut held = self.shares.held();
        let count = held.entry(Arc::clone(source)).or_default();
        if *count >= self.shares.most {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Share {
            shares: Arc::clone(&self.shares),
            source: Arc::clone(source),
        })
    }
}

impl Shares {
    /// Counts are whole between any two statements, so a panic elsewhere does not spoil them.
    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        match held.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.remove(&self.source);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_holds_half_and_gives_it_back() {
        let limit = InFlight::new(3, Telemetry::new());
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let held = [limit.share(&one), limit.share(&one)];
        assert!(held.iter().all(Option::is_some));
        assert!(limit.share(&one).is_none());
        assert!(limit.share(&other).is_some());
        drop(held);
        assert!(limit.share(&one).is_some());
        assert!(
            limit.shares.held().is_empty(),
            "nothing is kept of those that have gone"
        );
    }
}
