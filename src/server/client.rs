//! Who really calls, where proxies stand in between.
//!
//! The client is the rightmost address that is no trusted proxy: the connection's own peer unless that is one, and
//! then what the header names before it, read from the right. What stands further left was written by somebody
//! whom nobody vouches for. Knows nothing of what the address is used for.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HeaderMap, HeaderName};

use crate::network::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Addresses read from a header, at most: no chain of proxies is as long.
const MAX_HOPS: usize = 64;

/// The one header that is believed of a trusted proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    #[default]
    XForwardedFor,
    Forwarded,
}

/// Which proxies are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    pub trusted: Vec<Network>,
    pub header: Header,
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("allowed is X-Forwarded-For or Forwarded"),
        }
    }
}

impl Proxies {
    #[must_use]
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.ip().to_canonical();
        if !self.trust(client) {
            return client;
        }
        let name = match self.header {
            Header::XForwardedFor => X_FORWARDED_FOR,
            Header::Forwarded => FORWARDED,
        };
        let hops = headers.get_all(name).iter().rev().flat_map(|value| {
            // Bytes that are no text are one hop that cannot be read.
            let text = value.to_str().unwrap_or("?");
            let mut hops: Vec<&str> = text.rsplit(',').take(MAX_HOPS).collect();
            hops.truncate(MAX_HOPS);
            hops
        });
        for hop in hops.take(MAX_HOPS) {
            let read = match self.header {
                Header::XForwardedFor => address(hop.trim()),
                Header::Forwarded => forwarded(hop),
            };
            // Unreadable: the last proxy that was readable is all we know.
            let Some(address) = read else { return client };
            client = address;
            if !self.trust(client) {
                return client;
            }
        }
        client
    }

    /// Whether what it says of others is believed.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// `for=` of one element of a `Forwarded` header (RFC 7239).
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    let node = match node.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => node,
    };
    address(node)
}

/// With or without a port; IPv6 in brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies(header: Header) -> Proxies {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
        Proxies {
            trusted: trusted.to_vec(),
            header,
        }
    }

    fn client(proxies: &Proxies, peer: &str, name: &'static str, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        proxies.client(peer, &headers).to_string()
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy() {
        let proxies = proxies(Header::XForwardedFor);
        for (peer, values, expected) in [
            ("10.0.0.1", &["192.0.2.7"][..], "192.0.2.7"),
            (
                "10.0.0.1",
                &["198.51.100.1, 192.0.2.7, 10.1.1.1"],
                "192.0.2.7",
            ),
            (
                "10.0.0.1",
                &["198.51.100.1", "192.0.2.7", "10.1.1.1"],
                "192.0.2.7",
            ),
            ("10.0.0.1", &["192.0.2.7:4711"], "192.0.2.7"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", &["192.0.2.7, junk"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7,"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7, fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7, 10.0.0.300"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7, [2001:db8::1"], "10.0.0.1"),
            ("10.0.0.1", &["\"192.0.2.7\""], "10.0.0.1"),
            ("2001:db8::9", &["192.0.2.7"], "2001:db8::9"),
            ("10.0.0.1", &["192.0.2.7, junk, 10.0.0.9"], "10.0.0.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("192.0.2.1", &["198.51.100.1"], "192.0.2.1"),
        ] {
            assert_eq!(
                client(&proxies, peer, "x-forwarded-for", values),
                expected,
                "{values:?}"
            );
        }
        let other = client(&proxies, "10.0.0.1", "forwarded", &["for=192.0.2.7"]);
        assert_eq!(other, "10.0.0.1", "only the one header is believed");
    }

    #[test]
    fn a_chain_without_end_is_not_followed() {
        let proxies = proxies(Header::XForwardedFor);
        let long = format!("192.0.2.7{}", ", 10.0.0.2".repeat(100));
        let values = vec![long.as_str(); 2];
        let found = client(&proxies, "10.0.0.1", "x-forwarded-for", &values);
        assert_eq!(found, "10.0.0.2");
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_has_it() {
        let proxies = proxies(Header::Forwarded);
        for (value, expected) in [
            ("for=192.0.2.7;proto=https", "192.0.2.7"),
            ("proto=https; For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=198.51.100.1, for=192.0.2.7, for=10.2.2.2", "192.0.2.7"),
            ("for=192.0.2.7, for=_hidden", "10.0.0.1"),
            ("for=192.0.2.7, for=unknown", "10.0.0.1"),
            ("by=192.0.2.7", "10.0.0.1"),
            ("for=\"192.0.2.7", "10.0.0.1"),
            ("for=\"198.51.100.1, for=192.0.2.7", "192.0.2.7"),
            ("for=\"a,b\", for=192.0.2.7", "192.0.2.7"),
            ("for=2001:db8::1", "2001:db8::1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(
                client(&proxies, "10.0.0.1", "forwarded", &[value]),
                expected,
                "{value}"
            );
        }
    }

    proptest! {
        /// Whatever strangers write to the left, the answer stands to the right of it.
        #[test]
        fn nothing_to_the_left_counts(junk in "[ -~]{0,60}") {
            let proxies = proxies(Header::XForwardedFor);
            let value = format!("{junk}, 192.0.2.7, 10.0.0.2");
            prop_assert_eq!(client(&proxies, "10.0.0.1", "x-forwarded-for", &[&value]), "192.0.2.7");
        }
    }
}
