//! Who may be sent now: `pressure` and `waits`, shared between the loop and its attempts.
//!
//! Holds the locks and nothing else; what they guard is pure. A [`Place`] is one attempt in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::pressure::{Pressure, Sign};
use super::waits::Waits;
use crate::clock::{self, Timestamp};
use crate::event::Delivery;
use crate::inbox::Inbox;

#[derive(Clone, Debug)]
pub(super) struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pressure: Mutex<Pressure>,
    waits: Mutex<Waits>,
    /// A pause has begun.
    paused: Notify,
}

/// One attempt in flight of a namespace.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    namespace: String,
    look: bool,
}

/// Whether a claim is attempted at once.
pub(super) enum Admitted {
    Now {
        place: Place,
        known_missing: bool,
    },
    /// A look at a workflow that is waited for gives way to signals.
    Later(Timestamp),
}

impl Admission {
    /// `most`: in flight at once, of one namespace.
    pub(super) fn new(most: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                pressure: Mutex::new(Pressure::new(most)),
                waits: Mutex::default(),
                paused: Notify::new(),
            }),
        }
    }

    /// How many more heads of this namespace may be claimed.
    pub(super) fn room(&self, namespace: &str) -> usize {
        self.shared.pressure().room(namespace, clock::now())
    }

    pub(super) fn admit(&self, delivery: &Delivery) -> Admitted {
        let namespace = &delivery.target.namespace;
        let tight = self.shared.pressure().is_tight(namespace);
        let mut waits = self.shared.waits();
        if tight && let Some(at) = waits.give_way(delivery.id, namespace, clock::now()) {
            return Admitted::Later(at);
        }
        let known_missing = waits.known_missing(delivery.id);
        let look = waits.is_waiting(delivery.id);
        drop(waits);
        self.shared.pressure().begin(namespace, look);
        Admitted::Now {
            place: Place {
                shared: Arc::clone(&self.shared),
                namespace: namespace.clone(),
                look,
            },
            known_missing,
        }
    }

    /// When to look again for a workflow that does not exist yet.
    pub(super) fn wait(&self, delivery: &Delivery, at: Timestamp, described: bool) -> Timestamp {
        let namespace = &delivery.target.namespace;
        let mut waits = self.shared.waits();
        waits.wait(delivery.id, namespace, at, described, clock::now())
    }

    /// A delivery does not wait for its workflow, or not any more.
    pub(super) fn waits_no_more(&self, delivery: &Delivery) {
        self.shared.waits().forget(delivery.id);
    }

    /// Has claims look again whenever a pause is over, for ever.
    pub(super) async fn reopen(&self, inbox: &Inbox) {
        loop {
            let paused = self.shared.paused.notified();
            let now = clock::now();
            let next = self.shared.pressure().reopens(now);
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep(at.since(now)) => inbox.look_again(),
                    // Another one, which may end sooner.
                    () = paused => {}
                },
                None => paused.await,
            }
        }
    }
}

impl Place {
    pub(super) fn observe(&self, sign: Sign, took: Duration) {
        let now = clock::now();
        let mut pressure = self.shared.pressure();
        pressure.observe(&self.namespace, sign, took, now);
        drop(pressure);
        if matches!(sign, Sign::NamespaceThrottled | Sign::SystemThrottled) {
            self.shared.paused.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.pressure().end(&self.namespace, self.look);
    }
}

// What these locks guard is whole between any two statements, so that a panic elsewhere does not spoil it.
impl Shared {
    fn pressure(&self) -> MutexGuard<'_, Pressure> {
        self.pressure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
