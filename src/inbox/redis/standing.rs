//! What is known of the server, and whether it may be trusted with a promise. Pure: facts in, a verdict out.
//!
//! The rules are those of `REDIS_DURABILITY`: `fsync` needs a server that can say when it has synced (WAITAOF, Redis 7.2) or one that
//! syncs before it answers; keys must never be evicted; a replica is no place to write to.

use std::collections::HashMap;

use super::address::Node;
use super::durability::Durability;

/// Scripts write after they have read the clock, which is safe from this version on, and pages are read with `ZRANGE … REV`.
const OLDEST: (u32, u32) = (6, 2);

/// A share of `maxmemory` from which on somebody should know.
const NEARLY_FULL_PERCENT: u64 = 80;

/// As the server tells them. None: it does not say, or may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// `Redis 7.0.15`, `Valkey 8.1.1`.
    pub(super) program: String,
    /// Of the Redis that it is, or that it is compatible with.
    pub(super) version: Option<(u32, u32)>,
    /// Anew with each start of a server: tells two of them apart.
    pub(super) run_id: Option<String>,
    /// Host and port of its primary, where it has one.
    pub(super) replica_of: Option<String>,
    /// Replicas that are connected to it.
    pub(super) replicas: u32,
    pub(super) loading: bool,
    pub(super) appendonly: Option<bool>,
    pub(super) appendfsync: Option<String>,
    /// Its last write of the append-only file failed.
    pub(super) aof_failed: bool,
    pub(super) policy: Option<String>,
    pub(super) used_memory: Option<u64>,
    /// Zero: no limit.
    pub(super) maxmemory: Option<u64>,
    /// It knows WAITAOF.
    pub(super) waitaof: bool,
}

/// Why a server is not trusted, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("{program} is too old: Redis 6.2 or later is needed")]
    TooOld { program: String },
    #[error("what answers does not say its version, as Redis does: is the address right?")]
    NoRedis,
    #[error(
        "this Redis is a replica of {0}: give STORE the address of its primary, or of the Sentinels"
    )]
    Replica(String),
    #[error("Redis is loading its data from disk")]
    Loading,
    #[error(
        "the maxmemory-policy of Redis is {0}, which drops what was promised: set `maxmemory-policy noeviction`"
    )]
    Evicts(String),
    #[error(
        "Redis keeps nothing on disk (`appendonly no`), and --redis-durability is {0}: set `appendonly yes`, or state \
         `memory` or `replicas:N`, which promise less"
    )]
    NoFile(Durability),
    #[error(
        "{program} has no WAITAOF (Redis 7.2 has) and syncs its file `{appendfsync}`, not before it answers, and \
         --redis-durability is {durability}: set `appendfsync always`, or state `memory` or `replicas:N`, which promise less"
    )]
    SyncsLate {
        program: String,
        appendfsync: String,
        durability: Durability,
    },
    #[error(
        "Redis does not say whether it syncs to disk (CONFIG is forbidden or absent), and --redis-durability is {0}: state \
         `memory` or `replicas:N`"
    )]
    Unknown(Durability),
    #[error(
        "--redis-durability asks for {wanted} replicas of Redis, and {connected} are connected"
    )]
    TooFewReplicas { wanted: u8, connected: u32 },
    #[error("Redis could not write its append-only file: look at its log and its disk")]
    FileBroken,
}

impl Wrong {
    /// It may pass by itself, and says nothing about settings.
    pub(super) fn may_pass(&self, sentinel: bool) -> bool {
        match self {
            Self::Loading | Self::TooFewReplicas { .. } | Self::FileBroken => true,
            // Sentinels may be in the midst of a failover.
            Self::Replica(_) => sentinel,
            _ => false,
        }
    }

    /// Not even to be read from, let alone written to.
    pub(super) fn shuts(&self) -> bool {
        matches!(
            self,
            Self::TooOld { .. } | Self::NoRedis | Self::Replica(_) | Self::Loading
        )
    }
}

impl Facts {
    /// From the answers to INFO and to `CONFIG GET`, which may be missing.
    pub(super) fn read(
        info: &str,
        config: &HashMap<String, String>,
        waitaof: Option<bool>,
    ) -> Self {
        let info: HashMap<&str, &str> = info
            .lines()
            .filter_map(|line| line.trim_end().split_once(':'))
            .collect();
        let text = |name: &str| info.get(name).map(|&value| value.to_owned());
        let number = |name: &str| info.get(name).and_then(|value| value.parse::<u64>().ok());
        let config = |name: &str| config.get(name).filter(|value| !value.is_empty()).cloned();
        let version = info.get("redis_version").copied().and_then(version);
        let program = match (info.get("valkey_version"), info.get("redis_version")) {
            (Some(valkey), _) => format!("Valkey {valkey}"),
            (None, Some(redis)) => format!("Redis {redis}"),
            (None, None) => String::new(),
        };
        let replica_of = (info.get("role") == Some(&"slave")).then(|| {
            let host = info.get("master_host").unwrap_or(&"another");
            let port = info.get("master_port").unwrap_or(&"?");
            format!("{host}:{port}")
        });
        Self {
            program,
            version,
            run_id: text("run_id"),
            replica_of,
            replicas: number("connected_slaves")
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(0),
            loading: number("loading") == Some(1),
            appendonly: config("appendonly")
                .map(|value| value == "yes")
                .or_else(|| number("aof_enabled").map(|value| value == 1)),
            appendfsync: config("appendfsync"),
            aof_failed: info
                .get("aof_last_write_status")
                .is_some_and(|status| *status != "ok"),
            policy: config("maxmemory-policy").or_else(|| text("maxmemory_policy")),
            used_memory: number("used_memory"),
            maxmemory: number("maxmemory"),
            // Where COMMAND is forbidden, the version tells.
            waitaof: waitaof.unwrap_or(version >= Some((7, 2))),
        }
    }

    /// Whether it may be trusted to keep this promise.
    pub(super) fn judge(&self, durability: Durability) -> Result<(), Wrong> {
        let version = self.version.ok_or(Wrong::NoRedis)?;
        if version < OLDEST {
            return Err(Wrong::TooOld {
                program: self.program.clone(),
            });
        }
        if let Some(primary) = &self.replica_of {
            return Err(Wrong::Replica(primary.clone()));
        }
        if self.loading {
            return Err(Wrong::Loading);
        }
        if let Some(policy) = self
            .policy
            .as_ref()
            .filter(|policy| *policy != "noeviction")
        {
            return Err(Wrong::Evicts(policy.clone()));
        }
        if durability.fsync {
            self.judge_file(durability)?;
        }
        if u32::from(durability.replicas) > self.replicas {
            return Err(Wrong::TooFewReplicas {
                wanted: durability.replicas,
                connected: self.replicas,
            });
        }
        Ok(())
    }

    fn judge_file(&self, durability: Durability) -> Result<(), Wrong> {
        match (self.appendonly, self.waitaof, self.appendfsync.as_deref()) {
            (Some(false), _, _) => return Err(Wrong::NoFile(durability)),
            // WAITAOF itself says whether it was synced, whatever the settings.
            (Some(true), true, _) | (Some(true), false, Some("always")) => {}
            (Some(true), false, Some(other)) => {
                return Err(Wrong::SyncsLate {
                    program: self.program.clone(),
                    appendfsync: other.to_owned(),
                    durability,
                });
            }
            (None, _, _) | (Some(true), false, None) => return Err(Wrong::Unknown(durability)),
        }
        if self.aof_failed {
            return Err(Wrong::FileBroken);
        }
        Ok(())
    }

    /// What is allowed and should be known all the same.
    pub(super) fn warnings(&self, durability: Durability, sentinel: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if !durability.fsync && durability.replicas == 0 {
            let fsync = self.appendfsync.as_deref();
            let file = match (self.appendonly, fsync) {
                (Some(true), Some(fsync)) => format!("it is synced `{fsync}`"),
                (Some(true), None) => "when it is synced is not known".to_owned(),
                (Some(false), _) => "there is none (`appendonly no`)".to_owned(),
                (None, _) => "whether there is one is not known".to_owned(),
            };
            warnings.push(format!(
                "--redis-durability is memory: a yes does not wait for the append-only file ({file}), and what was accepted last is \
                 lost with the power"
            ));
        }
        if durability.replicas == 0 && (sentinel || self.replicas > 0) {
            warnings.push(format!(
                "there are replicas of Redis, and a yes does not wait for them: a failover loses what the promoted one lacks. \
                 --redis-durability {} would wait",
                Durability { replicas: 1, ..durability }
            ));
        }
        if self.policy.is_none() {
            warnings.push(
                "Redis does not say its maxmemory-policy: make sure that it is `noeviction`"
                    .to_owned(),
            );
        }
        if let (Some(used), Some(limit @ 1..)) = (self.used_memory, self.maxmemory)
            && used.saturating_mul(100) / limit >= NEARLY_FULL_PERCENT
        {
            warnings.push(format!(
                "Redis has used more than {NEARLY_FULL_PERCENT} % of its maxmemory ({limit} bytes): when it is full, webhooks are \
                 answered 503"
            ));
        }
        warnings
    }
}

/// A server that has been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) facts: Facts,
    /// Where it is.
    pub(super) node: Node,
    pub(super) durability: Durability,
    /// As written at first start.
    pub(super) partitions: u16,
    /// Raised whenever the way to it was opened anew.
    pub(super) epoch: u64,
    /// What the operator should know of it, a sentence each.
    pub(super) warnings: Vec<String>,
}

impl Standing {
    /// For `/ready` and the log.
    pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
        let facts = &self.facts;
        let unknown = || "unknown".to_owned();
        vec![
            ("server", facts.program.clone()),
            ("address", self.node.to_string()),
            ("role", "primary".to_owned()),
            ("replicas", facts.replicas.to_string()),
            ("durability", self.durability.to_string()),
            (
                "appendonly",
                facts
                    .appendonly
                    .map_or_else(unknown, |on| if on { "yes" } else { "no" }.to_owned()),
            ),
            (
                "appendfsync",
                facts.appendfsync.clone().unwrap_or_else(unknown),
            ),
            (
                "waitaof",
                if facts.waitaof { "yes" } else { "no" }.to_owned(),
            ),
            (
                "maxmemory_policy",
                facts.policy.clone().unwrap_or_else(unknown),
            ),
            ("partitions", self.partitions.to_string()),
        ]
    }
}

/// `7.0.15`: the first two numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
