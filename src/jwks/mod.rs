//! Keeps the public keys of issuers and providers fresh: fetched at start, every few minutes, and when a token names
//! a key that is not there. Certificates are fetched when a request names one (`certificates`), and so are keys that
//! a provider hands out one by one (`single`).
//!
//! One task ([`Jwks::run`]) owns every fetch of keys, so that at most one per location is under way; callers
//! only mark a location as due and wait. Keys once fetched stay while an issuer is down. May import
//! `verify` and what lies below it.

mod certificates;
mod discovery;
mod fetch;
mod single;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::token::{KeyRing, Location};
pub use fetch::Error;
use slot::Slot;

/// How many callers may wait for one location. A token that names no known key costs its sender nothing: while an
/// issuer is slow, strangers could otherwise fill every place for requests in work.
const MAX_WAITING: usize = 64;

/// Times and limits; the defaults are those of DESIGN §7.
#[derive(Clone, Debug)]
pub struct Options {
    /// Between two fetches while all is well.
    pub refresh: Duration,
    /// Between two looks at a file.
    pub file_refresh: Duration,
    /// At most one fetch on demand per location in this time.
    pub on_demand: Duration,
    /// Of one fetch, from connecting to the last byte.
    pub timeout: Duration,
    /// First and longest wait after a failure.
    pub backoff: (Duration, Duration),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            refresh: Duration::from_mins(5),
            file_refresh: Duration::from_secs(2),
            on_demand: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            backoff: (Duration::from_secs(1), Duration::from_secs(30)),
        }
    }
}

/// The keys of every location that the config of now names.
#[derive(Debug)]
pub struct Jwks {
    options: Options,
    client: reqwest::Client,
    slots: Mutex<HashMap<Location, Slot>>,
    certificates: certificates::Attempts,
    single: single::Accounts,
    /// Something has become due.
    wake: Notify,
}

/// What one fetch came to.
struct Fetched {
    location: Location,
    outcome: Result<Vec<u8>, Error>,
}

impl Jwks {
    pub fn new(options: Options) -> Result<Self, Error> {
        Ok(Self {
            client: fetch::client()?,
            options,
            slots: Mutex::default(),
            certificates: certificates::Attempts::default(),
            single: single::Accounts::default(),
            wake: Notify::new(),
        })
    }

    /// Takes over the rings of a config about to be used. Rings of locations that are known get the
    /// keys already held, at once; new locations are fetched; those that nobody names are forgotten.
    pub fn adopt(&self, rings: &[(&Location, &KeyRing)]) {
        let mut slots = self.slots();
        let named: HashSet<&Location> = rings.iter().map(|(location, _)| *location).collect();
        slots.retain(|location, _| named.contains(location));
        for slot in slots.values_mut() {
            slot.rings.clear();
        }
        for (location, ring) in rings {
            slots
                .entry(Location::clone(location))
                .or_insert_with(|| Slot::new(Instant::now()))
                .join(KeyRing::clone(ring));
        }
        drop(slots);
        self.wake.notify_one();
    }

    /// Asks for the keys of a location anew, for a token whose key is not among them. Callers at one
    /// moment share one fetch, and within ten seconds of the last one nothing is fetched. Says whether
    /// the last attempt succeeded: if not, or if too many wait already, an unknown key is no proof of a
    /// bad token.
    pub async fn refresh(&self, location: &Location) -> bool {
        let mut attempts = {
            let mut slots = self.slots();
            let Some(slot) = slots.get_mut(location) else {
                return false;
            };
            if !slot.demand(Instant::now(), self.options.on_demand) {
                return slot.is_well();
            }
            if slot.attempts.receiver_count() >= MAX_WAITING {
                return false;
            }
            slot.attempts.subscribe()
        };
        self.wake.notify_one();
        // The fetch has its own deadline; this one is for a task that is no longer there.
        let patience = self.options.timeout + Duration::from_secs(1);
        let seen = timeout(patience, attempts.changed()).await;
        matches!(seen, Ok(Ok(()))) && self.slots().get(location).is_some_and(Slot::is_well)
    }

    /// Works until `shutdown` resolves.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut running = JoinSet::new();
        loop {
            let next = self.start_due(&mut running);
            tokio::select! {
                () = &mut shutdown => return,
                () = self.wake.notified() => {}
                Some(ended) = running.join_next() => match ended {
                    Ok(fetched) => self.settle(fetched),
                    Err(fault) => tracing::error!(%fault, "a fetch of keys ended without an outcome"),
                },
                () = sleep_until(next) => {}
            }
        }
    }

    /// Starts every fetch that is due; says when the next one will be.
    fn start_due(&self, running: &mut JoinSet<Fetched>) -> Instant {
        let now = Instant::now();
        let mut next = now + self.options.refresh;
        for (location, slot) in self.slots().iter_mut() {
            if !slot.start_if_due(now) {
                next = next.min(slot.due().unwrap_or(next));
                continue;
            }
            let (client, location) = (self.client.clone(), location.clone());
            let limit = self.options.timeout;
            running.spawn(async move {
                let outcome = fetch::read(&client, &location, limit).await;
                Fetched { location, outcome }
            });
        }
        next
    }

    fn settle(&self, fetched: Fetched) {
        let Fetched { location, outcome } = fetched;
        let mut slots = self.slots();
        // A config without this location may have come in the meantime.
        let Some(slot) = slots.get_mut(&location) else {
            return;
        };
        let every = match location {
            Location::Url(_) | Location::Discovery(_) => self.options.refresh,
            Location::File(_) => self.options.file_refresh,
        };
        let now = Instant::now();
        match outcome.and_then(|bytes| slot.take(&bytes).map_err(Error::from)) {
            Ok(taken) => {
                let recovered = slot.succeed(now + every);
                if let Some(keys) = taken {
                    tracing::info!(%location, keys, "issuer keys loaded");
                } else if recovered {
                    tracing::info!(%location, "issuer keys can be read again");
                }
            }
            Err(error) => {
                let held = slot.holds_keys();
                if slot.fail(now, self.options.backoff, every) {
                    tracing::warn!(%location, %error, held, "issuer keys cannot be had");
                } else {
                    tracing::debug!(%location, %error, held, "issuer keys still cannot be had");
                }
            }
        }
    }

    /// Never held across an await. A panic elsewhere leaves each slot whole, so poison is ignored.
    fn slots(&self) -> MutexGuard<'_, HashMap<Location, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
