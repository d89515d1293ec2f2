//! Certificates by address, fetched when a request names one that is not at hand.
//!
//! Which addresses may be asked is the scheme's to say, before anybody comes here. Requests for one address share a
//! fetch, one that failed is not repeated for ten seconds, and only so many are fetched at all: naming an address costs
//! a stranger nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::fetch::{self, Error};
use super::{Jwks, MAX_WAITING};
use crate::verify::certificates::{Certificate, Certificates};

/// Fetches at one time.
const MAX_RUNNING: usize = 4;
/// Addresses asked within the time in which none is asked twice.
const MAX_RECENT: usize = 64;

/// The fetches of late, by address.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Attempt>>);

#[derive(Clone, Debug)]
pub(super) struct Attempt {
    started: Instant,
    /// Becomes true with its end. Each who waits has subscribed.
    pub(super) ended: Arc<watch::Sender<bool>>,
}

/// What became of the wish for a fetch.
pub(super) enum Turn {
    /// To be started, and waited for.
    Mine(Attempt),
    Shared(Attempt),
    /// Asked lately, or too many ask.
    No,
}

impl Jwks {
    /// Fetches the certificate at an address, unless that was tried within ten seconds or too many are asked for. Says
    /// whether there is one now: if not, a request that names it may still be good.
    ///
    /// `authorities`: the hosts that are asked for its issuer's certificate where the address holds the signer's alone.
    pub async fn certificate(
        &self,
        url: &str,
        kept: &Certificates,
        authorities: &'static [&'static str],
    ) -> bool {
        // The fetch has its own deadline; this one is for a task that is no longer there.
        let patience = self.options.timeout + Duration::from_secs(1);
        let turn =
            self.certificates
                .turn(url, Instant::now(), self.options.on_demand, patience, true);
        let attempt = match turn {
            Turn::No => return kept.get(url).is_some(),
            Turn::Shared(attempt) => attempt,
            Turn::Mine(attempt) => {
                let ended = Arc::clone(&attempt.ended);
                self.start(url.to_owned(), kept.clone(), authorities, ended);
                attempt
            }
        };
        attempt.wait(patience).await;
        kept.get(url).is_some()
    }

    /// A task of its own: others may wait for it too when the caller leaves.
    fn start(
        &self,
        url: String,
        kept: Certificates,
        authorities: &'static [&'static str],
        ended: Arc<watch::Sender<bool>>,
    ) {
        let (client, limit) = (self.client.clone(), self.options.timeout);
        tokio::spawn(async move {
            let fetched = timeout(limit, fetch(&client, &url, authorities)).await;
            match fetched.unwrap_or(Err(Error::TooSlow)) {
                Ok(certificate) => {
                    kept.put(&url, &Arc::new(certificate));
                    tracing::info!(%url, "certificate loaded");
                }
                Err(error) => tracing::warn!(%url, %error, "certificate cannot be had"),
            }
            ended.send_replace(true);
        });
    }
}

/// One without its issuer's would never be trusted, and is not kept: the next request asks again.
async fn fetch(
    client: &reqwest::Client,
    url: &str,
    authorities: &[&str],
) -> Result<Certificate, Error> {
    let certificate = Certificate::from_pem(&fetch::certificate(client, url).await?)?;
    let Some(issuer) = certificate.issuer_at(authorities) else {
        return Ok(certificate);
    };
    let answer = fetch::certificate(client, &issuer).await;
    let fetched = answer.and_then(|bytes| Ok(certificate.with_issuer(&bytes)?));
    fetched.map_err(|why| Error::Issuer(issuer, Box::new(why)))
}

impl Attempt {
    pub(super) async fn wait(&self, patience: Duration) {
        let mut ended = self.ended.subscribe();
        timeout(patience, ended.wait_for(|ended| *ended)).await.ok();
    }
}

impl Attempts {
    /// `fresh`: whether another fetch may start at all.
    pub(super) fn turn(
        &self,
        url: &str,
        now: Instant,
        at_most_every: Duration,
        patience: Duration,
        fresh: bool,
    ) -> Turn {
        let mut attempts = self.lock();
        let runs = |attempt: &Attempt| {
            !*attempt.ended.borrow() && now.duration_since(attempt.started) < patience
        };
        attempts.retain(|_, attempt| {
            runs(attempt) || now.duration_since(attempt.started) < at_most_every
        });
        if let Some(attempt) = attempts.get(url) {
            let room = attempt.ended.receiver_count() < MAX_WAITING;
            return if room && runs(attempt) {
                Turn::Shared(attempt.clone())
            } else {
                Turn::No
            };
        }
        let running = attempts.values().filter(|attempt| runs(attempt)).count();
        if !fresh || running >= MAX_RUNNING || attempts.len() >= MAX_RECENT {
            return Turn::No;
        }
        let attempt = Attempt {
            started: now,
            ended: Arc::new(watch::Sender::new(false)),
        };
        attempts.insert(url.to_owned(), attempt.clone());
        Turn::Mine(attempt)
    }

    /// Never held across an await. A panic elsewhere leaves the table whole, so poison is ignored.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
