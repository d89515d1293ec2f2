//! `10.0.0.0/8`: networks of addresses as people write them, in routes.toml and settings.
//!
//! An IPv4 address that comes mapped into IPv6 is the IPv4 address, wherever it is written or comes from. Imports nothing
//! of this crate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

/// Bits of an IPv6 address before the IPv4 address that is mapped into it.
const MAPPED: u32 = 96;

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "allowed is an address or a network: 10.0.0.7, 10.0.0.0/8, fd00::/8";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong)?;
        let most = bits(address);
        let prefix = match prefix {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map_err(|_| wrong)?
            }
            Some(_) => return Err(wrong),
            None => most,
        };
        if prefix > most {
            return Err(wrong);
        }
        if masked(address, prefix) != address {
            return Err("the address has bits beyond the network's prefix");
        }
        Ok(match mapped(address) {
            Some(v4) if prefix >= MAPPED => Self {
                first: v4.into(),
                prefix: prefix - MAPPED,
            },
            _ => Self {
                first: address,
                prefix,
            },
        })
    }
}

impl Network {
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.first.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.first
    }
}

/// What counts as one address: an IPv6 caller has a whole /64.
#[must_use]
pub fn of_caller(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        v6 @ IpAddr::V6(_) => masked(v6, 64),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn mapped(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn networks_are_written_whole() {
        for text in ["10.0.0.0/8", "192.0.2.7", "::1", "fd00::/8", "0.0.0.0/0"] {
            assert!(text.parse::<Network>().is_ok(), "{text}");
        }
        for text in [
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "host",
            "",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_the_address() {
        for (network, address, within) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:11.1.2.3", false),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.1.2.3", false),
            ("fd00::/8", "fd12::1", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                within,
                "{network:?} {address}"
            );
        }
    }

    proptest! {
        /// A network has the address it was cut from, however that is written.
        #[test]
        fn a_network_has_its_own_addresses(v4 in any::<u32>(), prefix in 0_u32..=32) {
            let address = IpAddr::V4(v4.into());
            let text = format!("{}/{prefix}", masked(address, prefix));
            let network: Network = text.parse().unwrap();
            prop_assert!(network.contains(address));
            prop_assert!(network.contains(IpAddr::V6(Ipv4Addr::from(v4).to_ipv6_mapped())));
        }
    }
}
