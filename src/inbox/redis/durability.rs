//! What a yes waits for.

use std::fmt;
use std::str::FromStr;

/// `REDIS_DURABILITY`: what must have happened before an accept is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durability {
    /// The primary has synced its append-only file.
    pub fsync: bool,
    /// So many replicas of Redis have it.
    pub replicas: u8,
}

impl Default for Durability {
    fn default() -> Self {
        Self {
            fsync: true,
            replicas: 0,
        }
    }
}

impl FromStr for Durability {
    type Err = String;

    /// `memory`, `fsync`, `replicas:N`, `fsync+replicas:N`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "memory, fsync, replicas:N or fsync+replicas:N (N from 1 to 9)".to_owned();
        let (fsync, rest) = match text {
            "memory" => {
                return Ok(Self {
                    fsync: false,
                    replicas: 0,
                });
            }
            "fsync" => return Ok(Self::default()),
            other => other
                .strip_prefix("fsync+")
                .map_or((false, other), |rest| (true, rest)),
        };
        let replicas = rest
            .strip_prefix("replicas:")
            .and_then(|number| number.parse().ok())
            .filter(|number| (1..=9).contains(number))
            .ok_or_else(wrong)?;
        Ok(Self { fsync, replicas })
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.fsync, self.replicas) {
            (false, 0) => f.write_str("memory"),
            (true, 0) => f.write_str("fsync"),
            (false, n) => write!(f, "replicas:{n}"),
            (true, n) => write!(f, "fsync+replicas:{n}"),
        }
    }
}
