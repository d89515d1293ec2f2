//! Looking at a server: who it is, whether what lies under our names is ours, and whether it takes a write.
//!
//! Nothing is written before the server and what it keeps have been found good.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisResult, Script, Value, cmd};

use super::durability::Durability;
use super::failure::Failure;
use super::keys::{Keys, SCHEMA};
use super::standing::{Facts, Wrong};
use crate::clock;
use crate::inbox::partition::PARTITIONS;

/// What stands in `meta` under `program`.
const PROGRAM: &str = "signalpost";

/// One step of the search for foreign keys, and how many there are at most: ten million keys are looked through, once.
const SCAN_STEP: u32 = 1000;
const SCAN_STEPS: u32 = 10_000;

/// The key by whose writing a server shows that it takes writes; it goes by itself.
const PROBE_LASTS: Duration = Duration::from_mins(1);

/// Why no promise can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error(
        "something else than Signalpost keeps its own under {{{0}}} in this Redis: give --redis-prefix another name"
    )]
    Foreign(String),
    #[error(
        "what lies under {{{prefix}}} in this Redis was written by a newer Signalpost (schema {found}; this one knows {SCHEMA}): start \
         that one, or give --redis-prefix another name"
    )]
    Newer { prefix: String, found: String },
    #[error(
        "what lies under {{{0}}} in this Redis is no whole store of Signalpost: its `meta` cannot be read"
    )]
    Damaged(String),
}

impl Trouble {
    /// At start it is waited for, not given up: it may pass by itself.
    pub(super) fn may_pass(&self, sentinel: bool) -> bool {
        match self {
            Self::Failure(failure) => failure.is_absence(),
            Self::Wrong(wrong) => wrong.may_pass(sentinel),
            Self::Foreign(_) | Self::Newer { .. } | Self::Damaged(_) => false,
        }
    }
}

/// What a look has found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) facts: Facts,
    pub(super) partitions: u16,
    /// Nothing may be promised, though it can be read from and what is under way may go on.
    pub(super) hindrance: Option<Trouble>,
    /// Of one small command, there and back.
    pub(super) round_trip: Duration,
}

/// Looks at the server behind `connection`. An error: it is not to be used at all.
pub(super) async fn examine(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    durability: Durability,
) -> Result<Found, Trouble> {
    let asked = Instant::now();
    let _pong: Value = cmd("PING")
        .query_async(connection)
        .await
        .map_err(|error| failed(&error))?;
    let round_trip = asked.elapsed();
    let facts = facts(connection).await?;
    let mut hindrance = match facts.judge(durability) {
        Ok(()) => None,
        Err(wrong) if wrong.shuts() => return Err(wrong.into()),
        Err(wrong) => Some(Trouble::Wrong(wrong)),
    };
    let partitions = match (meta(connection, keys).await?, &hindrance) {
        (Some(partitions), _) => partitions,
        // A server that is not as it should be gets nothing written to it.
        (None, Some(trouble)) => return Err(trouble.clone()),
        (None, None) => first_start(connection, keys).await?,
    };
    if hindrance.is_none() {
        hindrance = probe(connection, keys).await?;
    }
    Ok(Found {
        facts,
        partitions,
        hindrance,
        round_trip,
    })
}

async fn facts(connection: &mut MultiplexedConnection) -> Result<Facts, Trouble> {
    let info: String = cmd("INFO")
        .query_async(connection)
        .await
        .map_err(|error| failed(&error))?;
    let mut config = HashMap::new();
    // One each: several at once are understood from Redis 7 on.
    for name in ["appendonly", "appendfsync", "maxmemory-policy"] {
        let answer: RedisResult<HashMap<String, String>> = cmd("CONFIG")
            .arg("GET")
            .arg(name)
            .query_async(connection)
            .await;
        match answer {
            Ok(answer) => config.extend(answer),
            Err(error) => {
                let failure = Failure::of(&error);
                if !is_forbidden(&failure) {
                    return Err(failure.into());
                }
            }
        }
    }
    let answer: RedisResult<Value> = cmd("COMMAND")
        .arg("INFO")
        .arg("WAITAOF")
        .query_async(connection)
        .await;
    let waitaof = match answer {
        Ok(answer) => Some(knows(&answer)),
        Err(error) => {
            let failure = Failure::of(&error);
            if !is_forbidden(&failure) {
                return Err(failure.into());
            }
            None
        }
    };
    Ok(Facts::read(&info, &config, waitaof))
}

/// Managed services forbid such commands or have them renamed away.
fn is_forbidden(failure: &Failure) -> bool {
    matches!(failure, Failure::NoCommand(_) | Failure::Other(_))
}

/// `COMMAND INFO` answers with one entry, which is nil where the command is unknown.
fn knows(answer: &Value) -> bool {
    matches!(answer, Value::Array(entries) if matches!(entries.first(), Some(Value::Array(entry)) if !entry.is_empty()))
}

/// The number of partitions, where a store of ours is there.
async fn meta(connection: &mut MultiplexedConnection, keys: &Keys) -> Result<Option<u16>, Trouble> {
    let fields: RedisResult<HashMap<String, String>> = cmd("HGETALL")
        .arg(keys.named("meta"))
        .query_async(connection)
        .await;
    let fields = match fields {
        Ok(fields) => fields,
        Err(error) => {
            return Err(match Failure::of(&error) {
                Failure::WrongType | Failure::Unexpected => {
                    Trouble::Foreign(keys.prefix().to_owned())
                }
                failure => failure.into(),
            });
        }
    };
    if fields.is_empty() {
        return Ok(None);
    }
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    read_meta(
        keys,
        [field("program"), field("schema"), field("partitions")],
    )
    .map(Some)
}

fn read_meta(keys: &Keys, [program, schema, partitions]: [&str; 3]) -> Result<u16, Trouble> {
    let prefix = || keys.prefix().to_owned();
    if program != PROGRAM {
        return Err(Trouble::Foreign(prefix()));
    }
    match schema.parse::<u32>() {
        Ok(found) if found > SCHEMA => {
            return Err(Trouble::Newer {
                prefix: prefix(),
                found: found.to_string(),
            });
        }
        Ok(_) => {}
        Err(_) => return Err(Trouble::Damaged(prefix())),
    }
    partitions
        .parse()
        .ok()
        .filter(|partitions| *partitions > 0)
        .ok_or_else(|| Trouble::Damaged(prefix()))
}

/// Makes sure that nobody else's keys lie under our prefix, and writes `meta`. Several replicas may do so at once.
async fn first_start(connection: &mut MultiplexedConnection, keys: &Keys) -> Result<u16, Trouble> {
    let mut cursor = 0_u64;
    for _ in 0..SCAN_STEPS {
        let (next, names): (u64, Vec<Vec<u8>>) = cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(keys.pattern())
            .arg("COUNT")
            .arg(SCAN_STEP)
            .query_async(connection)
            .await
            .map_err(|error| failed(&error))?;
        if names.iter().any(|name| !keys.is_ours(name)) {
            return Err(Trouble::Foreign(keys.prefix().to_owned()));
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    let [program, schema, partitions, _created]: [String; 4] =
        Script::new(include_str!("lua/meta.lua"))
            .key(keys.base())
            .arg(SCHEMA)
            .arg(PARTITIONS)
            .arg(clock::now().millis())
            .invoke_async(connection)
            .await
            .map_err(|error| failed(&error))?;
    // Also said where somebody has emptied it while it was in use.
    tracing::info!(
        prefix = keys.prefix(),
        "Redis held no store under this prefix: one is begun"
    );
    read_meta(keys, [&program, &schema, &partitions])
}

/// Shows that a write is taken at present.
async fn probe(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
) -> Result<Option<Trouble>, Trouble> {
    let written: RedisResult<Value> = cmd("SET")
        .arg(keys.named("probe"))
        .arg(clock::now().millis())
        .arg("PX")
        .arg(u64::try_from(PROBE_LASTS.as_millis()).unwrap_or(u64::MAX))
        .query_async(connection)
        .await;
    match written {
        Ok(_) => Ok(None),
        Err(error) => {
            let failure = Failure::of(&error);
            if failure.is_hindrance() {
                Ok(Some(failure.into()))
            } else {
                Err(failure.into())
            }
        }
    }
}

fn failed(error: &::redis::RedisError) -> Trouble {
    Trouble::Failure(Failure::of(error))
}
