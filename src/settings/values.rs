//! How the values of settings are written: sizes, durations, counts, addresses.
//!
//! Each parser's error says what is allowed and never repeats the value: the caller shows it, unless
//! it is a secret's.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::duration;
use crate::rate::Rate;
use crate::secret::Secret;
use crate::size;

/// A number of bytes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(usize);

impl Size {
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0
    }
}

const SIZE: &str = "allowed is a number of bytes above 0, or one with KiB, MiB or GiB: 1MiB";
const DURATION: &str = "allowed is a duration above 0 in ms, s, m, h and d: 10s, 1m30s";
const COUNT: &str = "allowed is a whole number above 0";
const ADDRESS: &str = "allowed is an IP address and a port: 127.0.0.1:8080, [::]:8080";

const RATE: &str = "allowed is a count above 0 in each s, m or h: 50/s, 600/m";
const PREFIX: &str = "allowed are 1 to 64 letters, digits and `_.:-`";
const CONNECTIONS: &str = "allowed is a whole number from 1 to 64";

/// As [`size::parse`] reads it.
pub fn size(text: &str) -> Result<Size, &'static str> {
    size::parse(text).map(Size).ok_or(SIZE)
}

pub fn duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|fault| format!("{fault}; {DURATION}"))
}

/// For what may be switched off: `0s` too.
pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    if matches!(text, "0s" | "0ms") {
        return Ok(Duration::ZERO);
    }
    duration::parse(text).map_err(|fault| format!("{fault}; {DURATION}, or 0s for none"))
}

pub(super) fn count(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse().map_err(|_| COUNT)
}

/// No braces: they are put around it.
pub(super) fn prefix(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
        return Err(PREFIX);
    }
    Ok(text.to_owned())
}

pub(super) fn connections(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse()
        .ok()
        .filter(|count: &NonZeroU64| count.get() <= 64)
        .ok_or(CONNECTIONS)
}

/// A limit that is there unless it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateOrOff(pub Option<Rate>);

pub(super) fn rate(text: &str) -> Result<Rate, &'static str> {
    Rate::parse(text).ok_or(RATE)
}

pub(super) fn rate_or_off(text: &str) -> Result<RateOrOff, String> {
    if text == "off" {
        return Ok(RateOrOff(None));
    }
    let rate = rate(text).map_err(|allowed| format!("{allowed}, or off"))?;
    Ok(RateOrOff(Some(rate)))
}

pub fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| ADDRESS)
}

/// An address without query, and without the slash at its end: paths are put behind it.
pub fn public_url(text: &str) -> Result<String, &'static str> {
    let uri: Option<http::Uri> = text.parse().ok();
    let whole = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
            && !text.contains(['#', '@'])
    });
    if whole {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("an http or https address such as https://hooks.example.com")
    }
}

/// Takes anything but nothing: a refusal here would be shown together with the value.
pub(super) fn secret(text: &str) -> Result<Secret, &'static str> {
    if text.is_empty() {
        return Err("a token may not be empty");
    }
    Ok(Secret::new(text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_off_takes_zero() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("0s").is_err());
        assert_eq!(duration_or_zero("0s"), Ok(Duration::ZERO));
        assert!(duration_or_zero("0").is_err());
    }

    #[test]
    fn prefixes_are_plain() {
        for text in ["signalpost", "a.b:c_d-1"] {
            assert_eq!(prefix(text).as_deref(), Ok(text));
        }
        for text in ["", "{a}", "a b", "a*", &"a".repeat(65)] {
            assert_eq!(prefix(text), Err(PREFIX), "{text}");
        }
        assert!(connections("64").is_ok());
        assert_eq!(connections("65"), Err(CONNECTIONS));
    }

    #[test]
    fn a_public_address_has_no_query() {
        let read = |text| public_url(text).ok();
        assert_eq!(
            read("https://a.example/"),
            Some("https://a.example".to_owned())
        );
        assert_eq!(read("http://a:8080/x"), Some("http://a:8080/x".to_owned()));
        for text in [
            "",
            "a.example",
            "ftp://a",
            "https://",
            "https://a?b=1",
            "https://u:p@a",
            "https://a#b",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_name_a_port() {
        assert!(address("0.0.0.0:80").is_ok());
        assert!(address("[::1]:0").is_ok());
        assert_eq!(address("localhost:80"), Err(ADDRESS));
        assert_eq!(address(":80"), Err(ADDRESS));
    }
}
