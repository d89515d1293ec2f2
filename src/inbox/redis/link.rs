//! The way to the server: connections, and what their failures mean.

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{Client, FromRedisValue, RedisError, Script, ToRedisArgs};

use super::{Error, Options};

/// Opens connections, and keeps one that all short commands share.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
}

impl Link {
    /// Connects once, and says in one sentence what is wrong with the server if anything is.
    pub(super) async fn open(options: &Options) -> Result<Self, Error> {
        let client = Client::open(options.address.as_str())
            .map_err(|error| Error::Open(error.to_string()))?;
        let link = Self { client };
        link.dedicated().await?;
        Ok(link)
    }

    /// The connection that short commands share. Nothing that waits may be sent on it.
    pub(super) async fn shared(&self) -> Result<MultiplexedConnection, Error> {
        self.dedicated().await
    }

    /// A connection of one's own. Whoever finds it broken asks for another.
    pub(super) async fn dedicated(&self) -> Result<MultiplexedConnection, Error> {
        self.client
            .get_multiplexed_async_connection()
            .await
            .map_err(|error| self.refused(&error))
    }

    /// A connection that listens to channels.
    pub(super) async fn listener(&self) -> Result<PubSub, Error> {
        self.client
            .get_async_pubsub()
            .await
            .map_err(|error| self.refused(&error))
    }

    /// One script on the shared connection; loaded where the server does not know it.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        script: &Script,
        base: &str,
        args: &[impl ToRedisArgs + Send + Sync],
    ) -> Result<T, Error> {
        let mut connection = self.shared().await?;
        let mut invocation = script.key(base);
        for arg in args {
            invocation.arg(arg);
        }
        invocation
            .invoke_async(&mut connection)
            .await
            .map_err(|error| self.refused(&error))
    }

    /// What a failure means to whoever asked, in a sentence without secrets. Takes note of it: a connection that is of no more
    /// use is not handed out again.
    pub(super) fn refused(&self, error: &RedisError) -> Error {
        Error::Unavailable(error.to_string())
    }
}
