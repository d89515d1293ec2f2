//! Keys of a provider that hands them out one by one, asked for when a token names one that is not at hand.
//!
//! Requests for one key share a question, one that failed is not repeated for ten seconds, and an account asks only so often
//! a minute: a stranger can name keys without end. No credential appears in a log or an error.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::certificates::{Attempts, Turn};
use super::fetch::{self, Error};
use super::{Jwks, Options};
use crate::clock;
use crate::secret::Secret;
use crate::token::{Answer, KeyService, KeySet};

const WINDOW: Duration = Duration::from_mins(1);
/// Questions of one account within the window.
const MAX_ASKED: usize = 20;
/// What Plaid says of an id that it does not know, with 400.
const UNKNOWN: &str = "INVALID_WEBHOOK_VERIFICATION_KEY_ID";
/// And of credentials that it does not take.
const REFUSED: [&str; 2] = ["INVALID_API_KEYS", "UNAUTHORIZED_ENVIRONMENT"];

/// Those that have asked within the window.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<HashMap<[u8; 32], Account>>);

#[derive(Debug, Default)]
struct Account {
    attempts: Attempts,
    started: VecDeque<Instant>,
}

impl Jwks {
    /// Asks for a key, unless that was tried within ten seconds or too much is asked. Says whether it is known now what
    /// there is under this id: if not, a token that names it may still be good.
    pub async fn key(&self, service: &KeyService, kid: &str) -> bool {
        let known = || service.get(kid, clock::now()).is_some();
        if known() {
            return true;
        }
        // One limit for each secret; the last second is for a task that is no longer there.
        let limit = self.options.timeout;
        let tries = u32::try_from(service.secrets.len()).unwrap_or(u32::MAX);
        let patience = limit.saturating_mul(tries) + Duration::from_secs(1);
        match self
            .single
            .turn(service, kid, Instant::now(), &self.options, patience)
        {
            Turn::No => {}
            Turn::Shared(attempt) => attempt.wait(patience).await,
            Turn::Mine(attempt) => {
                self.inquire(service.clone(), kid.to_owned(), Arc::clone(&attempt.ended));
                attempt.wait(patience).await;
            }
        }
        known()
    }

    /// A task of its own: others may wait for it too when the caller leaves.
    fn inquire(&self, service: KeyService, kid: String, ended: Arc<watch::Sender<bool>>) {
        let (client, limit) = (self.client.clone(), self.options.timeout);
        tokio::spawn(async move {
            let source = service.source.as_str();
            match ask(&client, &service, &kid, limit).await {
                Ok(answer) => {
                    let found = matches!(answer, Answer::Key(_));
                    service.put(&kid, &answer, clock::now());
                    tracing::info!(source, kid, found, "the provider was asked for a key");
                }
                Err(Error::Credentials) => tracing::error!(
                    source,
                    url = service.url,
                    "the provider refuses `client_id` and `secrets` of this source: no webhook of it can be proven"
                ),
                Err(error) => {
                    tracing::warn!(source, kid, url = service.url, %error, "a key cannot be had");
                }
            }
            ended.send_replace(true);
        });
    }
}

impl Accounts {
    fn turn(
        &self,
        service: &KeyService,
        kid: &str,
        now: Instant,
        options: &Options,
        patience: Duration,
    ) -> Turn {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for account in accounts.values_mut() {
            account
                .started
                .retain(|start| now.duration_since(*start) < WINDOW);
        }
        let own = service.account();
        accounts.retain(|id, account| *id == own || !account.started.is_empty());
        let account = accounts.entry(own).or_default();
        let more = account.started.len() < MAX_ASKED;
        let turn = account
            .attempts
            .turn(kid, now, options.on_demand, patience, more);
        if matches!(turn, Turn::Mine(_)) {
            account.started.push_back(now);
        }
        turn
    }
}

/// With each secret in turn until one is taken.
async fn ask(
    client: &reqwest::Client,
    service: &KeyService,
    kid: &str,
    limit: Duration,
) -> Result<Answer, Error> {
    for secret in &service.secrets {
        let question = question(&service.client_id, secret, kid);
        let (status, body) = timeout(limit, fetch::ask(client, &service.url, question))
            .await
            .unwrap_or(Err(Error::TooSlow))?;
        match answer(status, &body, kid) {
            Err(Error::Credentials) => {}
            settled => return settled,
        }
    }
    Err(Error::Credentials)
}

fn question(client_id: &Secret, secret: &Secret, kid: &str) -> Vec<u8> {
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    let question = json!({
        "client_id": text(client_id),
        "secret": text(secret),
        "key_id": kid,
    });
    question.to_string().into_bytes()
}

fn answer(status: u16, body: &[u8], kid: &str) -> Result<Answer, Error> {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = document["error_code"].as_str().unwrap_or_default();
    match status {
        200 => {}
        400 if code == UNKNOWN => return Ok(Answer::None),
        400 if REFUSED.contains(&code) => return Err(Error::Credentials),
        401 | 403 => return Err(Error::Credentials),
        other => return Err(Error::Status(other)),
    }
    let key = &document["key"];
    if key["kid"].as_str() != Some(kid) {
        return Err(Error::NoKey);
    }
    // The vendor's own code takes no key with an end, whenever that is.
    if !key["expired_at"].is_null() {
        return Ok(Answer::None);
    }
    let set = json!({ "keys": [key] }).to_string();
    Ok(Answer::Key(Arc::new(KeySet::from_jwks(set.as_bytes())?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Value {
        json!({
            "alg": "ES256", "crv": "P-256", "kid": "k1", "kty": "EC", "use": "sig",
            "x": "hKXLGIjWvCBv-cP5euCTxl8g9GLG9zHo_3pO5NN1DwQ",
            "y": "shhexqPB7YffGn6fR6h2UhTSuCtPmfzQJ6ENVIoO4Ys",
            "created_at": 1_560_466_143, "expired_at": null,
        })
    }

    #[test]
    fn an_answer_is_a_key_an_absence_or_a_fault() {
        let read = |status, document: &Value| answer(status, document.to_string().as_bytes(), "k1");
        let good = json!({ "key": key(), "request_id": "r" });
        assert!(matches!(read(200, &good), Ok(Answer::Key(_))));
        for end in [json!(1), json!(4_000_000_000_u64), json!("2020-01-01")] {
            let mut expired = good.clone();
            expired["key"]["expired_at"] = end;
            assert!(matches!(read(200, &expired), Ok(Answer::None)));
        }
        let code = |code: &str| json!({ "error_code": code });
        assert!(matches!(read(400, &code(UNKNOWN)), Ok(Answer::None)));
        for refused in REFUSED {
            assert!(matches!(read(400, &code(refused)), Err(Error::Credentials)));
        }
        assert!(matches!(read(401, &json!({})), Err(Error::Credentials)));
        for status in [204, 302, 400, 404, 429, 500] {
            assert!(matches!(read(status, &good), Err(Error::Status(_))));
        }
        let mut other = good.clone();
        other["key"]["kid"] = json!("k2");
        for document in [other, json!({}), json!([]), json!({ "keys": [key()] })] {
            assert!(matches!(read(200, &document), Err(Error::NoKey)));
        }
        let symmetric = json!({ "key": { "kty": "oct", "k": "c2VjcmV0", "kid": "k1" } });
        assert!(matches!(read(200, &symmetric), Err(Error::Keys(_))));
    }

    proptest! {
        #[test]
        fn no_answer_panics_or_makes_a_key(status: u16, body: Vec<u8>) {
            prop_assert!(!matches!(answer(status, &body, "k1"), Ok(Answer::Key(_))));
        }
    }
}
