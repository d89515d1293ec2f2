//! Where Redis is, as STORE says it.
//!
//! `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS, and for Sentinel
//! `redis+sentinel://[user:password@]host[:port],host[:port]/NAME[/database]`, NAME being what the Sentinels call the primary; user and
//! password are the primary's. Pure; no sentence repeats what may hold a password.

use std::fmt;

use crate::secret::Secret;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// More Sentinels than this are a mistake.
const MAX_SENTINELS: usize = 16;

/// A well-formed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    /// The server, or the Sentinels; never empty.
    pub(super) nodes: Vec<Node>,
    /// What the Sentinels call the primary; none: the node is the server itself.
    pub(super) master: Option<String>,
    pub(super) database: u16,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is wrong with an address, without the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address of Redis is malformed: {0}; allowed is redis://[user:password@]host[:port][/database], rediss:// for TLS, or \
     redis+sentinel://[user:password@]host[:port],host[:port]/NAME[/database]"
)]
pub struct Malformed(&'static str);

impl Address {
    /// Whether this text is meant to be an address of Redis, well-formed or not; else it is a path.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            let scheme = scheme.to_ascii_lowercase();
            ["redis", "valkey"]
                .iter()
                .any(|name| scheme.starts_with(name))
        })
    }

    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once("://").ok_or(Malformed("no scheme"))?;
        let (tls, sentinel) = match scheme.to_ascii_lowercase().as_str() {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            _ => return Err(Malformed("an unknown scheme")),
        };
        // A password may hold an `@` that nobody encoded; a host cannot.
        let (who, rest) = rest
            .rsplit_once('@')
            .map_or(("", rest), |(who, rest)| (who, rest));
        if rest.contains(['?', '#']) {
            return Err(Malformed("`?` and `#` mean nothing in it"));
        }
        let (user, password) = credentials(who)?;
        let mut path = rest.trim_end_matches('/').split('/');
        let hosts = path.next().unwrap_or_default();
        let master = if sentinel {
            let name = path.next().unwrap_or_default();
            Some(master(name)?)
        } else {
            None
        };
        let database = match path.next() {
            None => 0,
            Some(number) => number
                .parse()
                .map_err(|_| Malformed("the database is no number"))?,
        };
        if path.next().is_some() {
            return Err(Malformed("too many parts after the host"));
        }
        let port = if sentinel { SENTINEL_PORT } else { PORT };
        let nodes: Vec<_> = hosts
            .split(',')
            .map(|host| node(host, port))
            .collect::<Result<_, _>>()?;
        if nodes.len() > 1 && !sentinel {
            return Err(Malformed(
                "several hosts; that is for Sentinels, redis+sentinel://",
            ));
        }
        if nodes.len() > MAX_SENTINELS {
            return Err(Malformed("more than 16 Sentinels"));
        }
        Ok(Self {
            tls,
            user,
            password,
            nodes,
            master,
            database,
        })
    }

    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// A user alone proves nothing: the password must come from elsewhere.
    #[must_use]
    pub const fn has_user(&self) -> bool {
        self.user.is_some()
    }

    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.tls
    }

    #[must_use]
    pub const fn is_for_sentinels(&self) -> bool {
        self.master.is_some()
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// `user:password`, `:password` or `user`, percent-encoded where need be.
fn credentials(who: &str) -> Result<(Option<String>, Option<Secret>), Malformed> {
    let (user, password) = who
        .split_once(':')
        .map_or((who, None), |(user, password)| (user, Some(password)));
    let user =
        String::from_utf8(decoded(user)?).map_err(|_| Malformed("a user that is no UTF-8"))?;
    let password = match password {
        None => None,
        Some("") => return Err(Malformed("an empty password")),
        Some(password) => {
            let bytes = decoded(password)?;
            if std::str::from_utf8(&bytes).is_err() {
                return Err(Malformed("a password that is no UTF-8"));
            }
            Some(Secret::new(bytes))
        }
    };
    Ok((Some(user).filter(|user| !user.is_empty()), password))
}

fn decoded(text: &str) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().and_then(|byte| char::from(byte).to_digit(16));
            digit
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or(Malformed(
                    "a `%` without two hex digits in user or password",
                ))
        };
        bytes.push(digit()? << 4 | digit()?);
    }
    Ok(bytes)
}

/// What Sentinel itself allows in a name.
fn master(name: &str) -> Result<String, Malformed> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if name.is_empty() {
        return Err(Malformed(
            "the name that the Sentinels give the primary is missing",
        ));
    }
    if !name.chars().all(allowed) {
        return Err(Malformed("a primary's name is of letters, digits and .-_"));
    }
    Ok(name.to_owned())
}

fn node(text: &str, port: u16) -> Result<Node, Malformed> {
    let (host, number) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or(Malformed("a `[` without its `]`"))?;
        let number = match after {
            "" => None,
            after => Some(
                after
                    .strip_prefix(':')
                    .ok_or(Malformed("something between `]` and the port"))?,
            ),
        };
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(Malformed("what stands in `[]` is no IPv6 address"));
        }
        (host, number)
    } else {
        text.split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port)))
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if host.is_empty() || !host.chars().all(allowed) {
        return Err(Malformed("a host is missing, or is none"));
    }
    let port = match number {
        None => port,
        Some(number) => number
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or(Malformed("a port is no number from 1 to 65535"))?,
    };
    Ok(Node {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let address = Address::parse(text).expect(text);
        let nodes: Vec<_> = address.nodes.iter().map(ToString::to_string).collect();
        let password = address.password.as_ref();
        format!(
            "{} {} {} {} {} {}",
            if address.tls { "tls" } else { "plain" },
            address.user.as_deref().unwrap_or("-"),
            password.map_or("-".into(), |p| String::from_utf8_lossy(p.expose())),
            nodes.join(","),
            address.master.as_deref().unwrap_or("-"),
            address.database,
        )
    }

    #[test]
    fn all_forms_are_read() {
        for (text, meant) in [
            ("redis://localhost", "plain - - localhost:6379 - 0"),
            ("redis://localhost/", "plain - - localhost:6379 - 0"),
            ("REDIS://10.0.0.1:7000/3", "plain - - 10.0.0.1:7000 - 3"),
            ("rediss://:p%40ss@db", "tls - p@ss db:6379 - 0"),
            ("redis://ann:a:b@c@db", "plain ann a:b@c db:6379 - 0"),
            ("redis://ann@db", "plain ann - db:6379 - 0"),
            ("redis://[::1]:7000", "plain - - [::1]:7000 - 0"),
            ("redis://[::1]", "plain - - [::1]:6379 - 0"),
            (
                "redis+sentinel://u:p@a,b:1,[::2]:3/orders/4",
                "plain u p a:26379,b:1,[::2]:3 orders 4",
            ),
            ("rediss+sentinel://a/m", "tls - - a:26379 m 0"),
        ] {
            assert_eq!(shown(text), meant, "{text}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_and_never_repeated() {
        for (text, why) in [
            ("redis://", "a host is missing"),
            ("redis://:hunter2@", "a host is missing"),
            ("redis://:@db", "an empty password"),
            ("redis://:hunter2@db:0", "a port is no number"),
            ("redis://:hunter2@db:port", "a port is no number"),
            ("redis://:hunter2@db/x", "no number"),
            ("redis://:hunter2@db/1/2", "too many parts"),
            ("redis://:hunter%2@db", "without two hex digits"),
            ("redis://:hunter2@a,b", "several hosts"),
            ("redis://:hunter2@db?db=1", "mean nothing"),
            ("redis://:hunter2@[::1", "without its"),
            ("redis://:hunter2@[db]", "no IPv6"),
            ("redis+sentinel://:hunter2@a", "name that the Sentinels"),
            ("redis+sentinel://:hunter2@a/b c", "letters, digits"),
            ("redis+unix://:hunter2@a", "an unknown scheme"),
            ("valkey://:hunter2@a", "an unknown scheme"),
        ] {
            let said = Address::parse(text).expect_err(text).to_string();
            assert!(said.contains(why), "{text}: {said}");
            assert!(!said.contains("hunter"), "{said}");
        }
        let address = Address::parse("redis://:hunter2@db");
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    #[test]
    fn a_path_is_no_address() {
        for path in [
            "./signalpost.db",
            "/redis/signalpost.db",
            "redis",
            "a://redis",
        ] {
            assert!(!Address::is_meant(path), "{path}");
        }
        for address in ["redis://", "Rediss://a", "redis+unix://", "valkey://a"] {
            assert!(Address::is_meant(address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn strangers_end_in_a_sentence(text in "(redis|rediss\\+sentinel)://.{0,40}") {
            if let Err(error) = Address::parse(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
