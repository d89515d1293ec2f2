//! The address that a provider calls, as it is registered there: what a scheme signs of it.
//!
//! Scheme, host and path come from the source's settings; of a request only the query counts, as sent.

use super::super::WebhookRequest;
use super::super::given::{Fault, Given};

/// An `http` or `https` address without a query.
#[derive(Debug)]
pub(super) struct Address {
    scheme: String,
    /// With its `@`, or empty.
    user: String,
    /// Host and port as written.
    authority: String,
    /// From the first slash on; empty where there is none.
    path: String,
}

impl Address {
    pub(super) fn of(given: &Given) -> Result<Self, Fault> {
        let url = text(given)?;
        if url.contains(['?', '#']) {
            let message = "without a query: that is taken from each request as it was sent";
            return Err(Fault::new("public_url", message));
        }
        let message = "an address begins with `https://`";
        Self::parse(url).ok_or_else(|| Fault::new("public_url", message))
    }

    /// A query that is written belongs to the path.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = place.rfind('@').map_or(0, |at| at + 1);
        let (user, authority) = place.split_at(host);
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }

    /// With the query as sent.
    pub(super) fn called(&self, query: &str) -> String {
        self.at(&self.authority, query)
    }

    /// As it may have been signed: an address that ends in a bare `?` is signed with it by one library of a vendor and
    /// without it by another.
    pub(super) fn signed_as(&self, request: &WebhookRequest) -> Vec<String> {
        with_bare_mark(vec![self.called(&request.query)], request)
    }

    /// The same without any port, and with the one written or else the scheme's own; without port and mark first.
    pub(super) fn signed_with_ports_as(&self, request: &WebhookRequest) -> Vec<String> {
        with_bare_mark(self.without_and_with_port(&request.query).into(), request)
    }

    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// `/` where none is written.
    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() {
            "/"
        } else {
            &self.path
        }
    }

    /// In lower case, and the port unless it is the scheme's own.
    pub(super) fn host_and_port(&self) -> String {
        let host = match self.split_port() {
            Some((host, port)) if port == self.default_port() => host,
            _ => &self.authority,
        };
        host.to_ascii_lowercase()
    }

    fn without_and_with_port(&self, query: &str) -> [String; 2] {
        let written = self.split_port();
        let (host, port) = written.unwrap_or((&self.authority, self.default_port()));
        [
            self.at(host, query),
            self.at(&format!("{host}:{port}"), query),
        ]
    }

    fn at(&self, authority: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        let Self {
            scheme, user, path, ..
        } = self;
        format!("{scheme}://{user}{authority}{path}{mark}{query}")
    }

    fn split_port(&self) -> Option<(&str, &str)> {
        let (host, port) = self.authority.rsplit_once(':')?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        digits.then_some((host, port))
    }

    fn default_port(&self) -> &'static str {
        if self.scheme == "https" { "443" } else { "80" }
    }
}

fn with_bare_mark(mut addresses: Vec<String>, request: &WebhookRequest) -> Vec<String> {
    if request.bare_mark {
        let marked: Vec<_> = addresses.iter().map(|one| format!("{one}?")).collect();
        addresses.extend(marked);
    }
    addresses
}

/// Exactly as it is registered.
pub(super) fn text(given: &Given) -> Result<&str, Fault> {
    given.url.as_deref().ok_or_else(|| {
        let message = "the signature covers the address that the provider calls: set `public_url` to what is \
                       registered there, or PUBLIC_URL for the process";
        Fault::new("public_url", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        let given = Given {
            url: Some(url.to_owned()),
            ..Given::default()
        };
        Address::of(&given).unwrap()
    }

    #[test]
    fn an_address_is_taken_apart() {
        let plain = address("https://Hooks.example.com/a/b");
        assert_eq!(plain.scheme(), "https");
        assert_eq!(plain.host_and_port(), "hooks.example.com");
        assert_eq!(plain.path(), "/a/b");
        assert_eq!(plain.called("x=1"), "https://Hooks.example.com/a/b?x=1");
        assert_eq!(address("http://h:80").host_and_port(), "h");
        assert_eq!(address("http://h:443").host_and_port(), "h:443");
        assert_eq!(address("http://h").path(), "/");
        assert_eq!(address("http://[::1]/x").host_and_port(), "[::1]");
    }

    #[test]
    fn both_ways_of_a_port_are_written() {
        let both = |url: &str| address(url).without_and_with_port("a=1");
        assert_eq!(
            both("https://h/x"),
            ["https://h/x?a=1", "https://h:443/x?a=1"]
        );
        assert_eq!(
            both("http://h:8080/x"),
            ["http://h/x?a=1", "http://h:8080/x?a=1"]
        );
        assert_eq!(
            both("https://u:p@h"),
            ["https://u:p@h?a=1", "https://u:p@h:443?a=1"]
        );
        assert_eq!(
            both("http://[::1]/x"),
            ["http://[::1]/x?a=1", "http://[::1]:80/x?a=1"]
        );
    }

    #[test]
    fn a_bare_mark_is_written_and_left_off() {
        let as_signed = |target: &'static str| {
            let request = WebhookRequest::new(
                http::Method::POST,
                &http::Uri::from_static(target),
                http::HeaderMap::new(),
                String::new(),
                bytes::Bytes::new(),
            );
            address("https://h/x").signed_as(&request)
        };
        assert_eq!(as_signed("/x"), ["https://h/x"]);
        assert_eq!(as_signed("/x?a"), ["https://h/x?a"]);
        assert_eq!(as_signed("/x?"), ["https://h/x", "https://h/x?"]);
    }

    #[test]
    fn a_query_in_the_setting_is_a_fault() {
        for url in [None, Some("https://h/x?a=1"), Some("https://h/x#a")] {
            let given = Given {
                url: url.map(str::to_owned),
                ..Given::default()
            };
            assert_eq!(Address::of(&given).unwrap_err().key, "public_url");
        }
    }
}
