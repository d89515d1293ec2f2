//! `[issuers.NAME]`: who signs tokens, with which keys.
//!
//! Whether an address answers is `jwks`'s to find out; a key file is looked into here, because a
//! person can mend it now.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::expr::Scope;
use crate::token::{Algorithm, Issuer, KeyRing, KeySet, Location};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Spanned, Text, codes};

const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

const DEFAULT_ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

impl Compiler<'_> {
    pub(super) fn issuers(&mut self, written: &[file::Issuer]) -> HashMap<Arc<str>, Arc<Issuer>> {
        written
            .iter()
            .filter_map(|issuer| self.issuer(issuer))
            .map(|issuer| (issuer.name.clone(), Arc::new(issuer)))
            .collect()
    }

    fn issuer(&mut self, written: &file::Issuer) -> Option<Issuer> {
        let issuer = written.issuer.as_ref().and_then(|text| self.filled(text));
        let audience = written
            .audience
            .as_ref()
            .and_then(|list| self.filled_list("audience", list));
        let algorithms = match &written.algorithms {
            Some(list) => self.algorithms(list),
            None => Some(DEFAULT_ALGORITHMS.to_vec()),
        };
        let keys = written.jwks.as_ref().and_then(|text| self.location(text));
        let roles = written
            .roles
            .as_ref()
            .map(|text| self.expr(text, Scope::CLAIMS));
        let keys = keys?;
        Some(Issuer {
            name: written.name.get_ref().as_str().into(),
            issuer: issuer?,
            audience: audience?,
            algorithms: algorithms?,
            ring: self.ring(&keys),
            keys,
            roles: match roles {
                Some(expr) => Some(expr?),
                None => None,
            },
        })
    }

    /// Keys that are held already stay in use: a reload must not make callers wait for a fetch.
    fn ring(&self, keys: &Location) -> KeyRing {
        self.running
            .and_then(|plan| plan.issuers.values().find(|issuer| issuer.keys == *keys))
            .map(|issuer| issuer.ring.clone())
            .unwrap_or_default()
    }

    fn algorithms(&mut self, list: &Spanned<Vec<Text>>) -> Option<Vec<Algorithm>> {
        self.filled_list("algorithms", list)?;
        let found: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| {
                if matches!(text.get_ref().as_str(), "HS256" | "HS384" | "HS512") {
                    let message =
                        "tokens signed with a shared secret are not supported by this version yet";
                    self.error(codes::LATER, text, message);
                    return None;
                }
                self.word("algorithms", text, &ALGORITHMS)
            })
            .collect();
        found.into_iter().collect()
    }

    fn location(&mut self, text: &Text) -> Option<Location> {
        let help = "https://…, http:// on loopback, or file:/path";
        if let Some(path) = text.get_ref().strip_prefix("file:") {
            if !path.starts_with('/') {
                let message = "`file:` needs an absolute path";
                self.findings
                    .push(Finding::error(codes::JWKS, text.span(), message).help(help));
                return None;
            }
            let path = PathBuf::from(path);
            self.look_into(text, &path);
            return Some(Location::File(path));
        }
        match check_address(text.get_ref()) {
            Ok(()) => Some(Location::Url(text.get_ref().clone())),
            Err(message) => {
                self.findings
                    .push(Finding::error(codes::JWKS, text.span(), message).help(help));
                None
            }
        }
    }

    /// Only a warning: tokens are refused with 503 until the keys are there, and the file may come
    /// after the routes.
    fn look_into(&mut self, text: &Text, path: &std::path::Path) {
        let trouble = match self.files.read(path) {
            Ok(bytes) => KeySet::from_jwks(&bytes)
                .err()
                .map(|fault| fault.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = trouble {
            let message = format!("this file of keys is of no use yet: {why}");
            self.findings
                .push(Finding::warning(codes::JWKS_FILE, text.span(), message));
        }
    }

    fn filled(&mut self, text: &Text) -> Option<String> {
        if text.get_ref().is_empty() {
            self.error(codes::BAD_VALUE, text, "this is empty");
            return None;
        }
        Some(text.get_ref().clone())
    }

    /// A list with at least one element, none of them empty.
    pub(super) fn filled_list(
        &mut self,
        key: &str,
        list: &Spanned<Vec<Text>>,
    ) -> Option<Vec<String>> {
        if list.get_ref().is_empty() {
            let message = format!("`{key}` names nothing");
            self.findings
                .push(Finding::error(codes::BAD_VALUE, list.span(), message));
            return None;
        }
        let filled: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| self.filled(text))
            .collect();
        filled.into_iter().collect()
    }
}

fn check_address(text: &str) -> Result<(), &'static str> {
    let uri: http::Uri = text.parse().map_err(|_| "this is no address")?;
    let host = uri.host().ok_or("this is no address")?;
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err("an address of keys carries no user name or password");
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(host) => Ok(()),
        Some("http") => Err("keys over plain http can be swapped on their way"),
        _ => Err("this kind of address is not known"),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
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
        ] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in [
            "http://idp.example.com/jwks",
            "http://127.0.0.1.example.com/jwks",
            "ftp://localhost/jwks",
            "https://user:pass@idp.example.com/jwks",
            "jwks.json",
            "",
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
