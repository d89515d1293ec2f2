//! The way to the server: one look after another at whether it is open, and connections for whoever needs them.
//!
//! One task opens the way and keeps looking at it; everybody else is told at once how it stands and never waits for it. So a
//! server that comes back is met by one connection of each replica, and not by all who were refused meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{FromRedisValue, RedisError, Script, ToRedisArgs, cmd};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::address::Node;
use super::connect::Connector;
use super::durability::Durability;
use super::examine::{Found, Trouble, examine};
use super::failure::Failure;
use super::keys::Keys;
use super::standing::Standing;
use super::{Error, Options};
use crate::chance;

/// While all is well the server is looked at so often: a setting that was changed, a role that was lost.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A doubt is followed up after so long, so that many of them are one.
const LOOK_SOON: Duration = Duration::from_millis(20);

/// Between two tries while the way is closed: the first and the longest pause, of which half is left to chance.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How the way stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// The server at its other end; none: there is no connection.
    pub(super) standing: Option<Arc<Standing>>,
    /// Why nothing can be promised, in a sentence; with a standing: it can be read and settled all the same.
    pub(super) trouble: Option<String>,
    /// Of one small command, there and back, as last measured.
    pub(super) round_trip: Option<Duration>,
}

/// Opens connections, and keeps one that all short commands share.
#[derive(Debug)]
pub(super) struct Link {
    line: Arc<Line>,
    keeper: JoinHandle<()>,
}

/// What the keeper and the callers share.
#[derive(Debug)]
struct Line {
    connector: Connector,
    keys: Keys,
    durability: Durability,
    way: watch::Sender<Way>,
    /// Of the way that is open; replaced by the keeper alone.
    shared: Mutex<Option<MultiplexedConnection>>,
    /// Somebody's command failed: the keeper looks.
    doubt: Notify,
    /// How often the way was opened.
    epoch: AtomicU64,
}

impl Link {
    /// Connects once, and says in one sentence what is wrong with the server if anything is.
    ///
    /// A server that is merely away is waited for: the way is closed then, and opens by itself.
    pub(super) async fn open(options: &Options) -> Result<Self, Error> {
        let line = Arc::new(Line {
            connector: Connector::new(options)?,
            keys: Keys::new(&options.prefix),
            durability: options.durability,
            way: watch::Sender::default(),
            shared: Mutex::default(),
            doubt: Notify::new(),
            epoch: AtomicU64::new(0),
        });
        let trouble = match line.establish().await {
            Ok(hindrance) => hindrance,
            Err(trouble) => {
                line.shut(&trouble);
                Some(trouble)
            }
        };
        if let Some(trouble) = trouble {
            if !trouble.may_pass(line.connector.has_sentinels()) {
                return Err(Error::Open(trouble.to_string()));
            }
            tracing::warn!(%trouble, "Redis cannot be used yet; it is tried again and again");
        }
        let keeper = tokio::spawn(keep(Arc::clone(&line)));
        Ok(Self { line, keeper })
    }

    /// How the way stands, and news of it.
    pub(super) fn watch(&self) -> watch::Receiver<Way> {
        self.line.way.subscribe()
    }

    /// The server, where it is connected: reading and settling may go on.
    pub(super) fn standing(&self) -> Result<Arc<Standing>, Error> {
        let way = self.line.way.borrow();
        way.standing
            .clone()
            .ok_or_else(|| Error::Unavailable(way.trouble.clone().unwrap_or_default()))
    }

    /// The same for an accept: also refused where the server stands and must not be trusted with a promise.
    pub(super) fn promise(&self) -> Result<Arc<Standing>, Error> {
        let trouble = self.line.way.borrow().trouble.clone();
        match trouble {
            Some(trouble) => Err(Error::Unavailable(trouble)),
            None => self.standing(),
        }
    }

    /// Why nothing can be promised at present.
    pub(super) fn trouble(&self) -> Option<String> {
        self.line.way.borrow().trouble.clone()
    }

    /// The connection that short commands share. Nothing that waits may be sent on it.
    #[expect(clippy::unused_async, reason = "others await it; it answers at once")]
    pub(super) async fn shared(&self) -> Result<MultiplexedConnection, Error> {
        let connection = self.line.shared().clone();
        match connection {
            Some(connection) => Ok(connection),
            None => Err(self
                .standing()
                .err()
                .unwrap_or_else(|| Failure::Lost.into())),
        }
    }

    /// A connection of one's own, to the server that was found good. Whoever finds it broken asks for another.
    pub(super) async fn dedicated(&self) -> Result<MultiplexedConnection, Error> {
        let standing = self.standing()?;
        let mut connection = self
            .line
            .connector
            .connect(&standing.node)
            .await
            .map_err(|failure| self.line.doubted(failure))?;
        // Behind one address there may be several servers, of which only one was looked at.
        if let Some(known) = &standing.facts.run_id {
            let info: String = cmd("INFO")
                .arg("server")
                .query_async(&mut connection)
                .await
                .map_err(|error| self.refused(&error))?;
            let answers = info.lines().find_map(|line| line.strip_prefix("run_id:"));
            if answers.is_some_and(|answers| answers.trim_end() != known) {
                return Err(self.line.doubted(Failure::AnotherServer));
            }
        }
        Ok(connection)
    }

    /// A connection that listens to channels.
    pub(super) async fn listener(&self) -> Result<PubSub, Error> {
        let standing = self.standing()?;
        let listening = self.line.connector.listen(&standing.node).await;
        listening.map_err(|failure| self.line.doubted(failure))
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

    /// What a failure means to whoever asked, in a sentence without secrets. Takes note of it: the way is looked at, and a
    /// connection that is of no more use is not handed out again.
    pub(super) fn refused(&self, error: &RedisError) -> Error {
        self.line.doubted(Failure::of(error))
    }

    /// For `/ready`: what is known of the server.
    pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
        let way = self.line.way.borrow();
        way.standing
            .as_ref()
            .map(|standing| standing.shown())
            .unwrap_or_default()
    }

    /// Of one small command, there and back; none while there is no connection.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.line.way.borrow().round_trip
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

/// Looks at the way for as long as the link is there.
async fn keep(line: Arc<Line>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let (open, well) = {
            let way = line.way.borrow();
            (way.standing.is_some(), way.trouble.is_none())
        };
        if well {
            pause = FIRST_PAUSE;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = line.doubt.notified() => tokio::time::sleep(LOOK_SOON).await,
            }
        } else {
            tokio::time::sleep(shortened(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let looked = if open {
            line.look().await
        } else {
            line.establish().await
        };
        let Err(trouble) = looked else { continue };
        line.shut(&trouble);
        // What was open a moment ago may be open again, or somewhere else: a restart takes no time, and Sentinels know.
        if open && let Err(trouble) = line.establish().await {
            line.shut(&trouble);
        }
    }
}

/// Half of it is left to chance, so that replicas do not come all at once.
fn shortened(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - chance::fraction() / 2.0)
}

impl Line {
    /// Finds the server, connects and looks at it; returns why it must not be trusted with a promise.
    async fn establish(&self) -> Result<Option<Trouble>, Trouble> {
        let node = self.connector.find().await?;
        let mut connection = self.connector.connect(&node).await?;
        let found = examine(&mut connection, &self.keys, self.durability).await?;
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        *self.shared() = Some(connection);
        Ok(self.publish(found, node, epoch))
    }

    /// Looks again at the server that is connected.
    async fn look(&self) -> Result<Option<Trouble>, Trouble> {
        let connection = self.shared().clone();
        let before = self.way.borrow().standing.clone();
        let (Some(mut connection), Some(before)) = (connection, before) else {
            return Err(Failure::Lost.into());
        };
        let found = examine(&mut connection, &self.keys, self.durability).await?;
        Ok(self.publish(found, before.node.clone(), before.epoch))
    }

    /// Says how the way stands, and to the log what is new about it.
    fn publish(&self, found: Found, node: Node, epoch: u64) -> Option<Trouble> {
        let sentinel = self.connector.has_sentinels();
        let warnings = found.facts.warnings(self.durability, sentinel);
        let standing = Standing {
            facts: found.facts,
            node,
            durability: self.durability,
            partitions: found.partitions,
            epoch,
            warnings,
        };
        let trouble = found.hindrance.as_ref().map(ToString::to_string);
        let before = self.way.borrow().standing.clone();
        let shown = standing.shown();
        if before.as_ref().is_none_or(|before| before.shown() != shown) {
            let shown: Vec<_> = shown
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            tracing::info!(epoch, "Redis is connected: {}", shown.join(" "));
        }
        let known = before
            .map(|before| before.warnings.clone())
            .unwrap_or_default();
        for warning in standing
            .warnings
            .iter()
            .filter(|warning| !known.contains(warning))
        {
            tracing::warn!("{warning}");
        }
        self.way.send_if_modified(|way| {
            let same = way.trouble == trouble
                && way.standing.as_ref().is_some_and(|before| {
                    before.epoch == standing.epoch && before.shown() == standing.shown()
                });
            *way = Way {
                standing: Some(Arc::new(standing)),
                trouble,
                round_trip: Some(found.round_trip),
            };
            !same
        });
        found.hindrance
    }

    /// Nobody gets a connection until the way is open again.
    fn shut(&self, trouble: &Trouble) {
        *self.shared() = None;
        self.way.send_if_modified(|way| {
            let trouble = Some(trouble.to_string());
            let same = way.standing.is_none() && way.trouble == trouble;
            *way = Way {
                standing: None,
                trouble,
                round_trip: None,
            };
            !same
        });
    }

    fn doubted(&self, failure: Failure) -> Error {
        if failure.concerns_the_way() {
            self.doubt.notify_one();
        }
        failure.into()
    }

    // One handle, replaced whole: a panic elsewhere does not spoil it.
    fn shared(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
