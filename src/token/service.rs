//! Keys that a provider hands out one by one, by their ids, to clients with credentials: whom to ask, and what was answered.
//!
//! A scheme looks here; `jwks` asks for what is not here and puts the answer in. An id is looked at before anybody is asked:
//! a stranger chooses it. What was answered for one account never serves another. Secrets appear in no debug print.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Algorithm, KeySet, Refusal, jws, signed_claims};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// A key may have been withdrawn since: then it is asked for again.
const KEY_LIFE: Duration = Duration::from_hours(24);
/// An id without a key may have got one since.
const ABSENCE_LIFE: Duration = Duration::from_mins(10);
/// More than all accounts have in use at one time; as many ids without a key.
const MAX_KEPT: usize = 128;
const MAX_ID: usize = 64;

/// What was answered, by account and id. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ServedKeys(Arc<ArcSwap<HashMap<Id, Kept>>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Id {
    account: [u8; 32],
    kid: String,
}

#[derive(Clone, Debug)]
struct Kept {
    answer: Answer,
    at: Timestamp,
}

/// What the provider says of an id.
#[derive(Clone, Debug)]
pub enum Answer {
    Key(Arc<KeySet>),
    /// There is none, or it is in use no more.
    None,
}

/// Where the keys of one source are asked for, and with which credentials.
#[derive(Clone, Debug)]
pub struct KeyService {
    /// For the log.
    pub source: String,
    /// Of the configuration, whatever a request says.
    pub url: String,
    pub client_id: Secret,
    /// Several while they rotate: the next one is tried where one is refused.
    pub secrets: Vec<Secret>,
    account: [u8; 32],
    kept: ServedKeys,
}

impl KeyService {
    #[must_use]
    pub fn new(
        source: String,
        url: String,
        client_id: Secret,
        secrets: Vec<Secret>,
        kept: ServedKeys,
    ) -> Self {
        let mut account = Sha256::new();
        for part in [source.as_bytes(), url.as_bytes(), client_id.expose()] {
            account.update(Sha256::digest(part));
        }
        Self {
            source,
            url,
            client_id,
            secrets,
            account: account.finalize().into(),
            kept,
        }
    }

    /// Tells source, address and client apart.
    #[must_use]
    pub const fn account(&self) -> [u8; 32] {
        self.account
    }

    #[must_use]
    pub fn get(&self, kid: &str, now: Timestamp) -> Option<Answer> {
        let id = self.id(kid);
        let held = self.kept.0.load();
        let kept = held.get(&id).filter(|kept| kept.is_fresh(now))?;
        Some(kept.answer.clone())
    }

    /// Where there are too many of a kind, that kind is emptied first: ids that strangers made up push out no key.
    pub fn put(&self, kid: &str, answer: &Answer, now: Timestamp) {
        self.kept.0.rcu(|held| {
            let mut held = HashMap::clone(held);
            held.retain(|_, kept| kept.is_fresh(now));
            let is_key = answer.is_key();
            let alike = |kept: &Kept| kept.answer.is_key() == is_key;
            if held.values().filter(|kept| alike(kept)).count() >= MAX_KEPT {
                held.retain(|_, kept| !alike(kept));
            }
            let answer = answer.clone();
            held.insert(self.id(kid), Kept { answer, at: now });
            held
        });
    }

    /// What a token says that a key of this provider signed.
    pub fn claims(
        &self,
        token: &str,
        algorithms: &[Algorithm],
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let kid = key_id(token, algorithms)?;
        match self.get(&kid, now).ok_or(Refusal::NoKeys)? {
            Answer::Key(keys) => {
                signed_claims(token, algorithms, &[keys]).map(|(claims, _)| claims)
            }
            Answer::None => Err(Refusal::UnknownKey(kid)),
        }
    }

    fn id(&self, kid: &str) -> Id {
        Id {
            account: self.account,
            kid: kid.to_owned(),
        }
    }
}

impl Kept {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let life = if self.answer.is_key() {
            KEY_LIFE
        } else {
            ABSENCE_LIFE
        };
        now < self.at.plus(life)
    }
}

impl Answer {
    const fn is_key(&self) -> bool {
        matches!(self, Self::Key(_))
    }
}

/// The id of the key that a token names, where it has the form of one and the algorithm is allowed.
pub fn key_id(token: &str, algorithms: &[Algorithm]) -> Result<String, Refusal> {
    let header = jws::header(jws::split(token)?.header)?;
    if !algorithms.contains(&header.algorithm) {
        return Err(Refusal::Algorithm);
    }
    let kid = header.kid.ok_or(Refusal::NoKid)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=MAX_ID).contains(&kid.len()) && kid.bytes().all(plain) {
        Ok(kid)
    } else {
        Err(Refusal::Malformed("`kid` has not the form of a key's id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_780_000_000);

    fn service(source: &str, kept: &ServedKeys) -> KeyService {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        KeyService::new(
            source.to_owned(),
            "https://keys.example.com/get".to_owned(),
            secret("very-private-id"),
            vec![secret("very-private-secret")],
            kept.clone(),
        )
    }

    #[test]
    fn answers_are_of_one_account_and_grow_old() {
        let kept = ServedKeys::default();
        let (bank, other) = (service("bank", &kept), service("other", &kept));
        let key = Answer::Key(Arc::default());
        bank.put("k", &key, NOW);
        bank.put("none", &Answer::None, NOW);
        assert!(other.get("k", NOW).is_none());
        let later = |life: Duration| NOW.plus(life.saturating_sub(Duration::from_millis(1)));
        assert!(matches!(
            bank.get("k", later(KEY_LIFE)),
            Some(Answer::Key(_))
        ));
        assert!(bank.get("k", NOW.plus(KEY_LIFE)).is_none());
        assert!(matches!(
            bank.get("none", later(ABSENCE_LIFE)),
            Some(Answer::None)
        ));
        assert!(bank.get("none", NOW.plus(ABSENCE_LIFE)).is_none());
    }

    #[test]
    fn made_up_ids_push_out_no_key_and_are_bounded() {
        let kept = ServedKeys::default();
        let bank = service("bank", &kept);
        bank.put("k", &Answer::Key(Arc::default()), NOW);
        for number in 0..3 * MAX_KEPT {
            bank.put(&number.to_string(), &Answer::None, NOW);
            assert!(kept.0.load().len() <= MAX_KEPT + 1);
        }
        assert!(bank.get("k", NOW).is_some());
    }

    #[test]
    fn credentials_are_not_printed() {
        let text = format!("{:?}", service("bank", &ServedKeys::default()));
        assert!(!text.contains("private") && text.contains("bank"), "{text}");
    }
}
