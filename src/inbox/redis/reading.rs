//! Reads of the past: on connections of their own, in batches, a few at a time.
//!
//! Whatever is read here was written before and is long: it must hold up neither an accept nor a claim, and no single command
//! of it keeps Redis busy for longer than one batch. The few calls of operators go here too: they may wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, FromRedisValue, Pipeline, Script, Value};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::link::Link;
use super::rows::Fields;
use super::{Error, Store, scripts};

/// Reads at a time: each may hold a page in memory.
const TURNS: usize = 4;
/// A batch may be a page of large bodies.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Commands in one batch.
const BATCH: usize = 200;

/// A few connections, opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    turns: Semaphore,
    idle: Mutex<Vec<MultiplexedConnection>>,
}

/// One read under way; its connection goes back unless it broke.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    link: &'a Link,
    readers: &'a Readers,
    connection: Option<MultiplexedConnection>,
    #[expect(dead_code, reason = "a turn, given back with the connection")]
    turn: SemaphorePermit<'a>,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(TURNS),
            idle: Mutex::default(),
        }
    }
}

impl Readers {
    fn idle(&self) -> Option<MultiplexedConnection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }
}

impl Store {
    /// Waits for its turn.
    pub(super) async fn reading(&self) -> Result<Reading<'_>, Error> {
        let turn = self
            .readers
            .turns
            .acquire()
            .await
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Reading {
            link: &self.link,
            readers: &self.readers,
            connection: self.readers.idle(),
            turn,
        })
    }
}

impl Reading<'_> {
    /// A batch, in one turn.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, batch: &Pipeline) -> Result<T, Error> {
        // One that lay idle may have been closed since: nothing was read then, and a new one is asked.
        if let Some(mut connection) = self.connection.take() {
            match batch.query_async(&mut connection).await {
                Ok(found) => {
                    self.connection = Some(connection);
                    return Ok(found);
                }
                Err(error) if error.is_io_error() => {}
                Err(error) => return Err(self.link.refused(&error)),
            }
        }
        let mut connection = self.open().await?;
        let found = batch
            .query_async(&mut connection)
            .await
            .map_err(|error| self.link.refused(&error))?;
        self.connection = Some(connection);
        Ok(found)
    }

    /// A script that only reads.
    pub(super) async fn call<T: FromRedisValue>(
        &mut self,
        script: &Script,
        base: &str,
        args: &[String],
    ) -> Result<T, Error> {
        let mut invocation = script.key(base);
        for arg in args {
            invocation.arg(arg);
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let mut found = invocation.invoke_async(&mut connection).await;
        if found.as_ref().is_err_and(::redis::RedisError::is_io_error) {
            connection = self.open().await?;
            found = invocation.invoke_async(&mut connection).await;
        }
        let found = found.map_err(|error| self.link.refused(&error))?;
        self.connection = Some(connection);
        Ok(found)
    }

    /// One call that writes, and what was answered to the wait behind it. Sent once: it may have been done though its answer is lost.
    pub(super) async fn perform(
        &mut self,
        script: &Script,
        base: &str,
        args: &[String],
        wait: Option<&Cmd>,
    ) -> Result<(Value, Value), Error> {
        let mut connection = match self.connection.take() {
            // One that lay idle may have been closed since.
            Some(mut idle) => match ::redis::cmd("PING").exec_async(&mut idle).await {
                Ok(()) => idle,
                Err(_) => self.open().await?,
            },
            None => self.open().await?,
        };
        let mut call = scripts::call(script, base);
        call.arg(args);
        let answers = scripts::send(&mut connection, script, &[call], wait)
            .await
            .map_err(|error| self.link.refused(&error))?;
        self.connection = Some(connection);
        let mut answers = answers.into_iter().map(|answer| {
            answer
                .extract_error()
                .map_err(|error| self.link.refused(&error))
        });
        let answer = answers.next().transpose()?.unwrap_or(Value::Nil);
        let reached = answers.next().transpose()?.unwrap_or(Value::Nil);
        Ok((answer, reached))
    }

    async fn open(&self) -> Result<MultiplexedConnection, Error> {
        let mut connection = self.link.dedicated().await?;
        connection.set_response_timeout(ANSWER_WITHIN);
        Ok(connection)
    }

    /// These fields of hashes, those that are there; an empty answer where there is no such hash.
    pub(super) async fn fields(
        &mut self,
        names: &[String],
        wanted: &[&str],
    ) -> Result<Vec<Fields>, Error> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(BATCH) {
            let mut batch = ::redis::pipe();
            for name in names {
                batch.cmd("HMGET").arg(name).arg(wanted);
            }
            let found: Vec<Vec<Option<Vec<u8>>>> = self.ask(&batch).await?;
            all.extend(found.into_iter().map(|values| {
                let pairs = wanted.iter().zip(values);
                pairs
                    .filter_map(|(name, value)| Some(((*name).to_owned(), value?)))
                    .collect::<Fields>()
            }));
        }
        Ok(all)
    }

    /// All fields of hashes.
    pub(super) async fn hashes(&mut self, names: &[String]) -> Result<Vec<Fields>, Error> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(BATCH) {
            let mut batch = ::redis::pipe();
            for name in names {
                batch.cmd("HGETALL").arg(name);
            }
            let found: Vec<Fields> = self.ask(&batch).await?;
            all.extend(found);
        }
        Ok(all)
    }

    /// Whole lists, which whoever writes them keeps short.
    pub(super) async fn lists(&mut self, names: &[String]) -> Result<Vec<Vec<Vec<u8>>>, Error> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(BATCH) {
            let mut batch = ::redis::pipe();
            for name in names {
                batch.cmd("LRANGE").arg(name).arg(0).arg(-1);
            }
            let found: Vec<Vec<Vec<u8>>> = self.ask(&batch).await?;
            all.extend(found);
        }
        Ok(all)
    }

    /// How long a field of each hash is; 0 where it is not there.
    pub(super) async fn lengths(
        &mut self,
        names: &[String],
        field: &str,
    ) -> Result<Vec<usize>, Error> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(BATCH) {
            let mut batch = ::redis::pipe();
            for name in names {
                batch.cmd("HSTRLEN").arg(name).arg(field);
            }
            let found: Vec<usize> = self.ask(&batch).await?;
            all.extend(found);
        }
        Ok(all)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        }
    }
}
