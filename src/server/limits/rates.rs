//! Who may come how often: addresses, callers, sources, and whoever fails to prove anything.
//!
//! - An *address* is counted before anything is looked at (`ADDRESS_RATE`).
//! - *Bad tokens* are counted for each address and for each source or all queries (`AUTH_FAILURES`): an address that
//!   has shown too many is answered before its next token is verified. A token that was good lately is verified all
//!   the same, so that whoever shares an address with a stranger goes on. Signatures are not counted: anybody can
//!   make a provider's own servers send us what does not fit our secret, so a limit on those would shut the provider
//!   out, and a MAC costs less than the answer.
//! - A *caller* is counted once it is known who it is (`QUERY_RATE`, and a rule's `rate`), a *source* once its request
//!   is proven: junk uses up nobody's rate.
//!
//! Everything is counted in this process alone: with several replicas a limit holds for each.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::rate_limit::{Allowance, RateLimit};
use super::recent::Recent;
use crate::access::{Principal, Rule};
use crate::network;
use crate::rate::Rate;
use crate::verify::Source;

/// Of each kind. An entry is about 100 bytes, those of callers with their names.
const MAX_KEYS: usize = 50_000;
/// How long a token that was good is believed to be worth a look.
const GOOD_FOR: Duration = Duration::from_mins(15);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Requests of an address, before any proof. None: as many as come.
    pub address: Option<Rate>,
    /// Bad tokens of an address.
    pub auth_failures: Option<Rate>,
    /// Questions of a caller, over all rules.
    pub query: Option<Rate>,
}

/// All that is counted. Shared by all requests.
#[derive(Debug)]
pub struct Rates {
    options: Options,
    addresses: RateLimit<IpAddr>,
    /// What an address that is turned away is put on record with: once a minute.
    told: RateLimit<IpAddr>,
    failures: RateLimit<(IpAddr, Realm)>,
    good_tokens: Mutex<Recent<[u8; 32], Instant>>,
    sources: RateLimit<Arc<str>>,
    /// By the rule, or over all of them.
    callers: RateLimit<(Option<Arc<str>>, String)>,
}

/// Where tokens are shown: failures in one are nothing to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::server) enum Realm {
    Queries,
    Source(Arc<str>),
}

/// A token that is about to be verified; hashed, for it may be a good one.
#[derive(Debug)]
pub(in crate::server) struct Shown {
    key: (IpAddr, Realm),
    token: [u8; 32],
}

/// Beyond a limit; one more may pass after so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct TooOften(pub(in crate::server) Duration);

/// An address that is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct TurnedAway {
    pub(in crate::server) wait: TooOften,
    /// To be put on record: the first of this address in a while.
    pub(in crate::server) first: bool,
}

impl Rates {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            addresses: RateLimit::new(MAX_KEYS),
            told: RateLimit::new(MAX_KEYS),
            failures: RateLimit::new(MAX_KEYS),
            good_tokens: Mutex::new(Recent::new(MAX_KEYS)),
            sources: RateLimit::new(MAX_KEYS),
            callers: RateLimit::new(MAX_KEYS),
        }
    }

    /// A request came from this address.
    pub(in crate::server) fn address(&self, peer: IpAddr, now: Instant) -> Result<(), TurnedAway> {
        let Some(rate) = self.options.address else {
            return Ok(());
        };
        let peer = network::of_caller(peer);
        let taken = self.addresses.take(peer, Allowance::steady(rate), now);
        taken.map_err(|wait| TurnedAway {
            wait: TooOften(wait),
            first: self.told.take(peer, Allowance::at_once(TOLD), now).is_ok(),
        })
    }

    /// Whether a token from this address is worth verifying; what came of that is told to [`Self::judged`].
    pub(in crate::server) fn token(
        &self,
        peer: IpAddr,
        realm: Realm,
        token: &str,
        now: Instant,
    ) -> Result<Option<Shown>, TooOften> {
        let Some(rate) = self.options.auth_failures else {
            return Ok(None);
        };
        let shown = Shown {
            key: (network::of_caller(peer), realm),
            token: Sha256::digest(token).into(),
        };
        match self
            .failures
            .look(&shown.key, Allowance::at_once(rate), now)
        {
            Err(wait) if !self.was_good(&shown.token, now) => Err(TooOften(wait)),
            _ => Ok(Some(shown)),
        }
    }

    /// Good: it will be looked at whoever shares its address. Bad: one more of that address.
    pub(in crate::server) fn judged(&self, shown: Option<Shown>, good: bool, now: Instant) {
        let (Some(shown), Some(rate)) = (shown, self.options.auth_failures) else {
            return;
        };
        if good {
            self.good_tokens().put(shown.token, now, |_| true);
        } else {
            // Full is full: a failure that finds no room changes nothing.
            let allowance = Allowance::at_once(rate);
            let _counted: Result<_, _> = self.failures.take(shown.key, allowance, now);
        }
    }

    fn was_good(&self, token: &[u8; 32], now: Instant) -> bool {
        self.good_tokens()
            .get(token)
            .is_some_and(|at| now.saturating_duration_since(at) < GOOD_FOR)
    }

    fn good_tokens(&self) -> MutexGuard<'_, Recent<[u8; 32], Instant>> {
        self.good_tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of this source was proven.
    pub(in crate::server) fn event(&self, source: &Source, now: Instant) -> Result<(), TooOften> {
        let Some(rate) = source.rate else {
            return Ok(());
        };
        let name = Arc::clone(&source.name);
        let taken = self.sources.take(name, Allowance::steady(rate), now);
        taken.map_err(TooOften)
    }

    /// A caller, by now known, asks by this rule.
    pub(in crate::server) fn question(
        &self,
        rule: &Rule,
        caller: &Principal,
        now: Instant,
    ) -> Result<(), TooOften> {
        let rule_rate = rule.rate.map(|rate| (Some(Arc::clone(&rule.name)), rate));
        let overall = self.options.query.map(|rate| (None, rate));
        for (scope, rate) in rule_rate.into_iter().chain(overall) {
            let key = (scope, format!("{}:{}", caller.issuer, caller.subject));
            let taken = self.callers.take(key, Allowance::steady(rate), now);
            taken.map_err(TooOften)?;
        }
        Ok(())
    }
}

const TOLD: Rate = Rate {
    count: 1,
    per: Duration::from_mins(1),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(options: Options) -> Rates {
        Rates::new(options)
    }

    fn rate(text: &str) -> Option<Rate> {
        Rate::parse(text)
    }

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn show(rates: &Rates, peer: IpAddr, realm: &Realm, token: &str, now: Instant) -> bool {
        let shown = rates.token(peer, realm.clone(), token, now);
        let passes = shown.is_ok();
        rates.judged(shown.unwrap_or_default(), token == "good", now);
        passes
    }

    #[test]
    fn without_settings_nobody_is_turned_away() {
        let (rates, now) = (rates(Options::default()), Instant::now());
        for _ in 0..10_000 {
            assert!(rates.address(PEER, now).is_ok());
            assert!(show(&rates, PEER, &Realm::Queries, "bad", now));
        }
    }

    #[test]
    fn an_address_is_put_on_record_once_a_minute() {
        let rates = rates(Options {
            address: rate("1/s"),
            ..Options::default()
        });
        let now = Instant::now();
        assert!(rates.address(PEER, now).is_ok());
        let firsts: Vec<bool> = (0..3)
            .map(|_| rates.address(PEER, now).unwrap_err().first)
            .collect();
        assert_eq!(firsts, [true, false, false]);
        assert!(rates.address(OTHER, now).is_ok());
    }

    #[test]
    fn bad_tokens_shut_out_strangers_and_nobody_else() {
        let rates = rates(Options {
            auth_failures: rate("3/m"),
            ..Options::default()
        });
        let (now, realm) = (Instant::now(), Realm::Queries);
        assert!(show(&rates, PEER, &realm, "good", now));
        for _ in 0..3 {
            assert!(show(&rates, PEER, &realm, "bad", now));
        }
        assert!(!show(&rates, PEER, &realm, "bad", now));
        assert!(show(&rates, PEER, &realm, "good", now), "known to be good");
        let source = Realm::Source("approvals".into());
        assert!(show(&rates, PEER, &source, "bad", now));
        assert!(show(&rates, OTHER, &realm, "bad", now));
        let later = now + Duration::from_secs(20);
        assert!(
            show(&rates, PEER, &realm, "bad", later),
            "one more each 20 s"
        );
        assert!(!show(&rates, PEER, &realm, "bad", later));
        let forgotten = now + GOOD_FOR;
        for _ in 0..3 {
            assert!(show(&rates, PEER, &realm, "bad", forgotten));
        }
        assert!(!show(&rates, PEER, &realm, "good", forgotten));
    }
}
