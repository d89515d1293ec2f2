//! The shared inbox: one Redis, many replicas.
//!
//! Every step that must be whole is one Lua call (`lua/`), and every key lies under one hash tag (`keys`), so that the
//! call is atomic wherever Redis runs. Lanes are grouped into partitions; a replica works those that it holds a lease of
//! (`leases`), and keeps their lanes in memory (`board`), fed from Redis in order of acceptance (`feed`). Any replica accepts
//! for any partition. What a yes waits for is `durability`'s.

use std::path::PathBuf;
use std::sync::Arc;

mod accepting;
mod acting;
mod address;
mod claiming;
mod connect;
mod durability;
mod examine;
mod failure;
mod history;
mod keys;
mod link;
mod measure;
mod rows;
mod settling;
mod standing;

pub use address::{Address, Malformed};
pub use durability::Durability;
pub(super) use settling::Hold;

use tokio::sync::watch;

use super::board::Board;
use super::{Error, Retention};
use crate::secret::Secret;
use keys::Keys;
use link::Link;

/// Which Redis, and how much may pend in it.
#[derive(Clone, Debug)]
pub struct Options {
    /// As [`Address`] reads it; never shown, for it may hold a password.
    pub address: Secret,
    /// Instead of a password in the address; read again for each connection.
    pub password_file: Option<PathBuf>,
    /// The Sentinels' own password.
    pub sentinel_password_file: Option<PathBuf>,
    /// Certificates (PEM) of whom `rediss://` trusts; none: whom the system trusts.
    pub ca: Option<PathBuf>,
    /// Every key begins with `{prefix}`.
    pub prefix: String,
    pub durability: Durability,
    /// Connections that accept, each with a batch and a wait of its own.
    pub connections: usize,
    /// Pending deliveries; one source may hold half of them.
    pub max_backlog: u64,
    pub retention: Retention,
}

impl Options {
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: Secret::new(address.into().into_bytes()),
            password_file: None,
            sentinel_password_file: None,
            ca: None,
            prefix: "signalpost".to_owned(),
            durability: Durability::default(),
            connections: 4,
            max_backlog: 1_000_000,
            retention: Retention::default(),
        }
    }
}

#[derive(Debug)]
pub struct Store {
    keys: Keys,
    link: Link,
    /// Lanes of the partitions that this replica owns.
    board: Arc<Board>,
}

impl Store {
    pub(super) async fn open(options: &Options) -> Result<Self, Error> {
        let link = Link::open(options).await?;
        let board = Arc::new(Board::new(
            options.max_backlog,
            super::board::Tally::default(),
        ));
        tokio::spawn(report(link.watch(), Arc::clone(&board)));
        Ok(Self {
            keys: Keys::new(&options.prefix),
            link,
            board,
        })
    }

    pub(super) async fn close(&self) {}
}

/// Tells `/ready` how the way stands, for as long as the link is there.
async fn report(mut way: watch::Receiver<link::Way>, board: Arc<Board>) {
    loop {
        let trouble = way.borrow_and_update().trouble.clone();
        board.set_trouble(trouble);
        if way.changed().await.is_err() {
            return;
        }
    }
}
