//! What a yes waits for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, Value, cmd};

use super::standing::Facts;

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

impl Durability {
    /// What is sent behind a batch, on its connection; none: the answers of the batch suffice.
    ///
    /// Wherever the server knows WAITAOF it is asked: a setting that is changed meanwhile then cannot break a promise. WAIT
    /// and WAITAOF look at the last write of their own connection, so that every accept must write there. They answer after
    /// `limit` whatever they have reached; the connection must wait longer for its answers.
    pub(super) fn wait(self, facts: &Facts, limit: Duration) -> Option<Cmd> {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1);
        if self.fsync && facts.waitaof {
            let mut wait = cmd("WAITAOF");
            wait.arg(1).arg(self.replicas).arg(millis);
            return Some(wait);
        }
        (self.replicas > 0).then(|| {
            let mut wait = cmd("WAIT");
            wait.arg(self.replicas).arg(millis);
            wait
        })
    }

    /// Whether the answer to [`Durability::wait`] says that enough have it.
    pub(super) fn reached(self, answer: &Value) -> bool {
        let wanted = u64::from(self.replicas);
        // WAIT: how many replicas have it. WAITAOF: whether the server itself has synced it, and how many replicas have.
        if let Ok((local, replicas)) = <(u64, u64)>::from_redis_value_ref(answer) {
            return local >= 1 && replicas >= wanted;
        }
        // Without WAITAOF the answer to the batch came after the sync, and only replicas were waited for.
        wanted > 0 && u64::from_redis_value_ref(answer).is_ok_and(|replicas| replicas >= wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(durability: &str, waitaof: bool) -> Option<String> {
        let durability: Durability = durability.parse().expect("well-formed");
        let facts = Facts {
            waitaof,
            ..Facts::default()
        };
        let wait = durability.wait(&facts, Duration::from_millis(1500))?;
        let packed = String::from_utf8(wait.get_packed_command()).expect("text");
        let words: Vec<_> = packed
            .lines()
            .filter(|line| !line.starts_with(['*', '$']))
            .collect();
        Some(words.join(" "))
    }

    #[test]
    fn each_setting_waits_for_what_it_names() {
        for (durability, waitaof, wait) in [
            ("memory", true, None),
            ("memory", false, None),
            ("fsync", false, None),
            ("fsync", true, Some("WAITAOF 1 0 1500")),
            ("replicas:2", true, Some("WAIT 2 1500")),
            ("replicas:2", false, Some("WAIT 2 1500")),
            ("fsync+replicas:1", true, Some("WAITAOF 1 1 1500")),
            ("fsync+replicas:1", false, Some("WAIT 1 1500")),
        ] {
            assert_eq!(
                sent(durability, waitaof).as_deref(),
                wait,
                "{durability} {waitaof}"
            );
            assert_eq!(
                durability
                    .parse::<Durability>()
                    .expect("well-formed")
                    .to_string(),
                durability
            );
        }
        for text in [
            "",
            "disk",
            "replicas",
            "replicas:0",
            "replicas:10",
            "memory+replicas:1",
            "fsync+",
        ] {
            assert!(text.parse::<Durability>().is_err(), "{text}");
        }
    }

    #[test]
    fn less_than_asked_for_is_no_yes() {
        let local = |one, other| Value::Array(vec![Value::Int(one), Value::Int(other)]);
        let of = |text: &str| text.parse::<Durability>().expect("well-formed");
        for (durability, answer, reached) in [
            ("fsync", local(1, 0), true),
            ("fsync", local(1, 3), true),
            ("fsync", local(0, 3), false),
            ("fsync+replicas:2", local(1, 2), true),
            ("fsync+replicas:2", local(1, 1), false),
            ("fsync+replicas:2", local(0, 2), false),
            ("fsync+replicas:1", Value::Int(1), true),
            ("replicas:2", Value::Int(1), false),
            ("replicas:2", Value::Int(2), true),
            ("replicas:1", Value::Nil, false),
            ("replicas:1", Value::SimpleString("OK".to_owned()), false),
            ("fsync", Value::Array(Vec::new()), false),
            ("fsync", Value::Int(1), false),
        ] {
            assert_eq!(
                of(durability).reached(&answer),
                reached,
                "{durability} {answer:?}"
            );
        }
    }
}
