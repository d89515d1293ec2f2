//! The settings of a store on Redis, checked before anything is opened.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;

use super::{Error, Store, values};
use crate::inbox::redis::{Address, Durability, Options};

/// What `serve` can be told about Redis; all of it is for `--store redis://…` alone. On either side of a command of `store`.
#[derive(Args, Clone, Debug)]
pub struct RedisSettings {
    /// What a yes waits for when events are kept in Redis: memory, fsync (synced to its disk), replicas:N, or fsync+replicas:N.
    #[arg(long, env = "SIGNALPOST_REDIS_DURABILITY", value_name = "DURABILITY")]
    #[arg(default_value = "fsync", global = true)]
    pub redis_durability: Durability,

    /// What all keys in Redis begin with, in braces; deployments that share a Redis need different ones.
    #[arg(long, env = "SIGNALPOST_REDIS_PREFIX", value_name = "PREFIX")]
    #[arg(default_value = "signalpost", value_parser = values::prefix, global = true)]
    pub redis_prefix: String,

    /// File with Redis's password, read again for each connection; one newline at its end is not part of it. The user stands in the
    /// address: redis://USER@HOST.
    #[arg(
        long,
        env = "SIGNALPOST_REDIS_PASSWORD_FILE",
        value_name = "FILE",
        global = true
    )]
    pub redis_password_file: Option<PathBuf>,

    /// File with the password of the Sentinels, where they want one.
    #[arg(
        long,
        env = "SIGNALPOST_REDIS_SENTINEL_PASSWORD_FILE",
        value_name = "FILE",
        global = true
    )]
    pub redis_sentinel_password_file: Option<PathBuf>,

    /// File with the certificates (PEM) of whom rediss:// trusts. Unless given: whom the system trusts.
    #[arg(long, env = "SIGNALPOST_REDIS_CA", value_name = "FILE", global = true)]
    pub redis_ca: Option<PathBuf>,

    /// How many connections to Redis accept events, each with a batch of its own.
    #[arg(long, env = "SIGNALPOST_REDIS_CONNECTIONS", value_name = "COUNT")]
    #[arg(default_value = "4", value_parser = values::connections, global = true)]
    pub redis_connections: NonZeroU64,
}

impl RedisSettings {
    /// Where `store` says that events are kept.
    pub(super) fn store(self, store: String) -> Result<Store, Error> {
        if !Address::is_meant(&store) {
            let flags = [
                (self.redis_password_file, "--redis-password-file"),
                (
                    self.redis_sentinel_password_file,
                    "--redis-sentinel-password-file",
                ),
                (self.redis_ca, "--redis-ca"),
            ];
            let given = flags.into_iter().find(|(file, _)| file.is_some());
            return match given {
                Some((_, flag)) => Err(Error::RedisSettingAlone(flag)),
                None => Ok(Store::File(store.into())),
            };
        }
        let address = Address::parse(&store)?;
        match (address.has_password(), &self.redis_password_file) {
            (true, Some(_)) => return Err(Error::TwoRedisPasswords),
            (false, None) if address.has_user() => return Err(Error::RedisUserAlone),
            _ => {}
        }
        if self.redis_ca.is_some() && !address.is_encrypted() {
            return Err(Error::RedisPlainWithCa);
        }
        if self.redis_sentinel_password_file.is_some() && !address.is_for_sentinels() {
            return Err(Error::NoSentinels);
        }
        Ok(Store::Redis(Options {
            password_file: self.redis_password_file,
            sentinel_password_file: self.redis_sentinel_password_file,
            ca: self.redis_ca,
            prefix: self.redis_prefix,
            durability: self.redis_durability,
            connections: super::saturated(self.redis_connections),
            ..Options::new(store)
        }))
    }
}
