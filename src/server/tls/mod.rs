//! TLS of the public listener: its certificate and key, and how new ones take their place.
//!
//! `pair` makes a configuration out of files, `handshake` opens connections with the one in use. The
//! files are looked at every second; a bad pair never replaces a good one, is said and shows in a
//! metric, and is tried again until it is good. A connection keeps what it was opened with.

mod handshake;
mod pair;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use crate::clock;
use crate::config::Files;
use crate::telemetry::Telemetry;
pub(super) use handshake::{Security, speaks_h2};
use pair::Pair;
pub use pair::{ClientAuth, Error, Paths};

const POLL: Duration = Duration::from_secs(1);

/// The pair in use, for every new connection.
pub struct Tls {
    paths: Paths,
    current: ArcSwap<Pair>,
    /// What stood in the files of the pair in use.
    files: Mutex<Files>,
}

/// What a look at the files found.
enum Look {
    /// They are those in use.
    Same,
    /// Others than at the look before: perhaps still being written.
    Changing(Files),
    Replaced,
    Refused(Files, Error),
}

impl Tls {
    /// Reads the files of the start; whatever is wrong with them is one sentence.
    pub fn open(paths: Paths) -> Result<Self, Error> {
        let mut files = Files::default();
        let pair = pair::load(&paths, &mut files, clock::now())?;
        Ok(Self {
            paths,
            current: ArcSwap::from_pointee(pair),
            files: Mutex::new(files),
        })
    }

    /// Whether clients are asked for a certificate.
    fn asks_clients(&self) -> bool {
        self.paths.client_ca.is_some()
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Takes each new good pair into use, until `stop`. A content counts once two looks have found the
    /// same: a certificate whose key is still being written is no fault yet.
    pub async fn watch(self: Arc<Self>, telemetry: Telemetry, stop: impl Future<Output = ()>) {
        telemetry.tls_loaded(self.current.load().not_after);
        let mut stop = std::pin::pin!(stop);
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = None;
        let mut said = Said::default();
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {}
            }
            let (tls, before) = (Arc::clone(&self), seen.take());
            match tokio::task::spawn_blocking(move || tls.look(before.as_ref())).await {
                Ok(look) => seen = said.tell(look, &self, &telemetry),
                Err(error) => tracing::error!(%error, "the watch over the TLS files failed once"),
            }
        }
    }

    fn look(&self, before: Option<&Files>) -> Look {
        let mut held = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let now = held.look_again();
        if now == *held {
            return Look::Same;
        }
        if before != Some(&now) {
            return Look::Changing(now);
        }
        let mut read = Files::default();
        match pair::load(&self.paths, &mut read, clock::now()) {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                *held = read;
                Look::Replaced
            }
            Err(error) => Look::Refused(now, error),
        }
    }
}

/// What the log has been told: each trouble once, however often it is found.
#[derive(Default)]
struct Said {
    refusal: Option<String>,
    expired: bool,
}

impl Said {
    /// Returns what the next look is to be compared with.
    fn tell(&mut self, look: Look, tls: &Tls, telemetry: &Telemetry) -> Option<Files> {
        let not_after = tls.current.load().not_after;
        let seen = match look {
            Look::Same if self.refusal.is_none() => None,
            Look::Same | Look::Replaced => {
                *self = Self::default();
                telemetry.tls_loaded(not_after);
                None
            }
            Look::Changing(files) => Some(files),
            Look::Refused(files, error) => {
                let refusal = error.to_string();
                if self.refusal.as_ref() != Some(&refusal) {
                    telemetry.tls_refused(&refusal);
                    self.refusal = Some(refusal);
                }
                Some(files)
            }
        };
        if !self.expired && clock::now() > not_after {
            self.expired = true;
            telemetry.tls_expired(not_after);
        }
        seen
    }
}

/// Paths only: the rest is keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.paths).finish()
    }
}
