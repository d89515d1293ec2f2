//! Where the store is, for commands that work on one without a gateway.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::{Error, RedisSettings, Store};

/// As `serve` has it.
#[derive(Args, Clone, Debug)]
pub struct StoreSettings {
    /// The store: the path of a SQLite file, or the address of a Redis as `serve` takes it.
    #[arg(
        long,
        env = "SIGNALPOST_STORE",
        value_name = "PATH|ADDRESS",
        hide_env_values = true,
        global = true
    )]
    #[arg(default_value = "./signalpost.db", value_parser = NonEmptyStringValueParser::new())]
    pub store: String,

    #[command(flatten)]
    pub redis: RedisSettings,
}

impl StoreSettings {
    pub fn options(self) -> Result<Store, Error> {
        self.redis.store(self.store)
    }
}
