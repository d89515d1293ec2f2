//! Where an issuer's keys come from: an address, a file, or wherever the issuer's own metadata says.
//!
//! Says which addresses may be asked at all; asking them is `jwks`'s affair. Imports nothing of this crate.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// https, or http on loopback.
    Url(String),
    /// An absolute path.
    File(PathBuf),
    /// The issuer's name of itself, `iss`, under which its metadata stand (OIDC Discovery, RFC 8414).
    Discovery(String),
}

/// Why keys may not come from there. The text does not repeat the address: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationFault {
    #[error("`file:` needs an absolute path")]
    RelativePath,
    #[error("this is no address")]
    NoAddress,
    #[error("an address of keys carries no user name or password")]
    Credentials,
    #[error("keys over plain http can be swapped on their way")]
    PlainHttp,
    #[error("this kind of address is not known")]
    UnknownScheme,
    #[error("an issuer's address has no `?` and no `#`")]
    Query,
}

impl Location {
    /// Reads `https://…`, `http://` on loopback, or `file:/path`.
    pub fn parse(text: &str) -> Result<Self, LocationFault> {
        if let Some(path) = text.strip_prefix("file:").map(Path::new) {
            return if path.is_absolute() {
                Ok(Self::File(path.to_owned()))
            } else {
                Err(LocationFault::RelativePath)
            };
        }
        let uri: http::Uri = text.parse().map_err(|_| LocationFault::NoAddress)?;
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or(LocationFault::NoAddress)?;
        // They would end in logs.
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(LocationFault::Credentials);
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self::Url(text.to_owned())),
            Some("http") if is_loopback(host) => Ok(Self::Url(text.to_owned())),
            Some("http") => Err(LocationFault::PlainHttp),
            _ => Err(LocationFault::UnknownScheme),
        }
    }

    /// An address that never leaves this machine, without `?` and `#`.
    #[must_use]
    pub fn on_this_machine(text: &str) -> Option<String> {
        let uri: http::Uri = text.parse().ok()?;
        match Self::parse(text) {
            Ok(Self::Url(url)) if uri.host().is_some_and(is_loopback) => {
                (!url.contains(['?', '#'])).then_some(url)
            }
            _ => None,
        }
    }

    /// Keys by the metadata of an issuer so named: the same addresses as keys may have, but no file.
    pub fn discovered(issuer: &str) -> Result<Self, LocationFault> {
        match Self::parse(issuer)? {
            Self::Url(url) if url.contains(['?', '#']) => Err(LocationFault::Query),
            Self::Url(url) => Ok(Self::Discovery(url)),
            Self::File(_) | Self::Discovery(_) => Err(LocationFault::UnknownScheme),
        }
    }
}

/// The two addresses of an issuer's metadata: that of OIDC Discovery §4, and that of RFC 8414 §3, which puts
/// the well-known part before the issuer's own path.
#[must_use]
pub fn metadata_of(issuer: &str) -> [String; 2] {
    let bare = issuer.strip_suffix('/').unwrap_or(issuer);
    let after_scheme = bare.find("://").map_or(0, |at| at + 3);
    let path = bare
        .get(after_scheme..)
        .and_then(|rest| rest.find('/'))
        .map_or(bare.len(), |at| after_scheme + at);
    let (origin, path) = bare.split_at(path);
    [
        format!("{bare}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ]
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Discovery(issuer) => write!(f, "the metadata of {issuer}"),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for good in [
            "https://idp.example.com/jwks.json",
            "http://127.0.0.1:9/jwks",
            "http://localhost/jwks",
            "http://[::1]:80/jwks",
            "file:/etc/keys.json",
        ] {
            let read = Location::parse(good).map(|location| location.to_string());
            assert_eq!(read.as_deref(), Ok(good));
        }
    }

    #[test]
    fn every_other_place_is_refused_for_its_own_reason() {
        use LocationFault::{Credentials, NoAddress, PlainHttp, RelativePath, UnknownScheme};
        for (bad, fault) in [
            ("http://idp.example.com/jwks", PlainHttp),
            ("http://127.0.0.1.example.com/jwks", PlainHttp),
            ("ftp://localhost/jwks", UnknownScheme),
            ("https://user:pass@idp.example.com/jwks", Credentials),
            ("http://127.0.0.1@evil.example/jwks", Credentials),
            ("jwks.json", UnknownScheme),
            ("https:///jwks", NoAddress),
            ("", NoAddress),
            ("file:", RelativePath),
            ("file:keys.json", RelativePath),
        ] {
            assert_eq!(Location::parse(bad), Err(fault), "{bad}");
        }
    }

    #[test]
    fn metadata_stand_at_two_addresses() {
        for (issuer, oidc, oauth) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example/realms/x/",
                "https://a.example/realms/x/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server/realms/x",
            ),
        ] {
            assert_eq!(metadata_of(issuer), [oidc, oauth]);
            assert!(Location::discovered(issuer).is_ok());
        }
        for bad in [
            "https://a.example/?x",
            "https://a.example/#x",
            "http://a.example/",
            "file:/keys.json",
            "corp",
        ] {
            assert!(Location::discovered(bad).is_err(), "{bad}");
        }
    }
}
