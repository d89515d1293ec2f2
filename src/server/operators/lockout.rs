//! Who has shown too many wrong tokens: a count a minute for each address, in bounded memory.
//!
//! An address is a /64 for IPv6, which one caller has whole. Time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::network;

/// Wrong tokens that an address may show within [`WINDOW`].
const ALLOWED: u32 = 10;
pub(super) const WINDOW: Duration = Duration::from_mins(1);
/// Addresses remembered. Beyond it the one that began first is forgotten.
const MAX_ADDRESSES: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Lockout(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Failures {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }
}

impl Lockout {
    pub(super) fn holds(&self, peer: IpAddr, now: Instant) -> bool {
        let addresses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        addresses
            .get(&network::of_caller(peer))
            .is_some_and(|failures| failures.count >= ALLOWED && !failures.is_over(now))
    }

    /// One more wrong token.
    pub(super) fn count(&self, peer: IpAddr, now: Instant) {
        let peer = network::of_caller(peer);
        let mut addresses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&peer) {
            make_room(&mut addresses, now);
        }
        let failures = addresses.entry(peer).or_insert(Failures {
            since: now,
            count: 0,
        });
        if failures.is_over(now) {
            *failures = Failures {
                since: now,
                count: 0,
            };
        }
        failures.count = failures.count.saturating_add(1);
    }
}

fn make_room(addresses: &mut HashMap<IpAddr, Failures>, now: Instant) {
    addresses.retain(|_, failures| !failures.is_over(now));
    if addresses.len() >= MAX_ADDRESSES {
        let first = addresses.iter().min_by_key(|(_, failures)| failures.since);
        if let Some(first) = first.map(|(address, _)| *address) {
            addresses.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_count_begins_anew_after_a_minute() {
        let lockout = Lockout::default();
        let (peer, now) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        for _ in 0..ALLOWED {
            assert!(!lockout.holds(peer, now));
            lockout.count(peer, now);
        }
        assert!(lockout.holds(peer, now));
        let later = now + WINDOW;
        assert!(!lockout.holds(peer, later));
        lockout.count(peer, later);
        assert!(!lockout.holds(peer, later));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let lockout = Lockout::default();
        let now = Instant::now();
        for host in 0..ALLOWED {
            lockout.count(v6(&format!("2001:db8::{host}")), now);
        }
        assert!(lockout.holds(v6("2001:db8::ffff"), now));
        assert!(!lockout.holds(v6("2001:db8:0:1::1"), now));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let lockout = Lockout::default();
        let now = Instant::now();
        for number in 0..5_000_u32 {
            lockout.count(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(lockout.0.lock().unwrap().len(), MAX_ADDRESSES);
    }
}
