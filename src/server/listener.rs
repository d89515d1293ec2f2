//! A listening socket and its accept loop.
//!
//! Our own, because `axum::serve` bounds neither the time a client may take for its headers nor the
//! number of connections. It holds at most [`Options::max_connections`]; what comes beyond them is
//! answered 503 and closed, so that a caller knows at once rather than waiting in the kernel's queue.
//! It knows nothing of routes; what becomes of one connection stands in `connection`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::connection;
use super::tls::{Security, Tls};
use crate::telemetry::Telemetry;

/// How long the loop rests when the system has no file descriptor or memory for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);
/// How many connections beyond the cap are answered at the same time; the rest is closed unanswered.
const MAX_TURNED_AWAY: usize = 64;

/// The limits of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// From a new connection's start, TLS handshake included, and from a later request's first byte, or over HTTP/2 its
    /// first frame, to the end of its headers.
    pub header_timeout: Duration,
    /// How long a connection may rest between two requests.
    pub idle_timeout: Duration,
    /// How long a client may leave an answer unread before the connection is cut.
    pub write_timeout: Duration,
    /// How long a connection that takes several requests at once takes new ones: its client may hold many answers
    /// unread, and the balancers in front of replicas choose only when it comes anew.
    pub max_age: Duration,
    pub max_connections: usize,
    /// Longer request heads are answered 431.
    pub max_head_bytes: usize,
    /// More header fields are answered 431.
    pub max_headers: usize,
    /// How long requests in flight may go on once the shutdown was asked for.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            // Longer than the 60 s of common load balancers: they must be the ones that close, or
            // they send a request into a connection that is just going away.
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            max_age: Duration::from_mins(10),
            max_connections: 10_000,
            max_head_bytes: 64 * 1024,
            max_headers: 128,
            drain: Duration::from_secs(25),
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{address} is taken; stop the other process or choose another with {flag}")]
    Taken {
        address: SocketAddr,
        flag: &'static str,
    },
    #[error("this user may not listen on {address}; choose a port above 1023 with {flag}")]
    Forbidden {
        address: SocketAddr,
        flag: &'static str,
    },
    #[error("{address} is no address of this machine; choose another with {flag}")]
    NotLocal {
        address: SocketAddr,
        flag: &'static str,
    },
    #[error("cannot listen on {address} ({flag}): {source}")]
    Other {
        address: SocketAddr,
        flag: &'static str,
        source: io::Error,
    },
}

/// A bound socket that nobody is served on yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    /// None: plain HTTP.
    security: Option<Security>,
}

impl Listener {
    /// Binds `address`; `flag` is the setting it came from, for the sentence if that fails.
    pub async fn bind(address: SocketAddr, flag: &'static str) -> Result<Self, Error> {
        let explain = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::Taken { address, flag },
            io::ErrorKind::PermissionDenied => Error::Forbidden { address, flag },
            io::ErrorKind::AddrNotAvailable => Error::NotLocal { address, flag },
            _ => Error::Other {
                address,
                flag,
                source,
            },
        };
        let socket = TcpListener::bind(address).await.map_err(explain)?;
        let address = socket.local_addr().map_err(explain)?;
        Ok(Self {
            socket,
            address,
            security: None,
        })
    }

    /// From now on, TLS and nothing else; with `None`, as before.
    #[must_use]
    pub fn secured(mut self, tls: Option<Arc<Tls>>, telemetry: Telemetry) -> Self {
        self.security = tls.map(|tls| Security::new(tls, telemetry));
        self
    }

    /// The address really bound: with port 0 the system has chosen one.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then drains: the socket closes, idle connections too, requests in
    /// flight may finish within [`Options::drain`]. Returns how many connections had to be cut.
    pub async fn serve(
        self,
        router: Router,
        options: Options,
        shutdown: CancellationToken,
    ) -> usize {
        let mut connections = JoinSet::new();
        let mut turned_away = JoinSet::new();
        let mut full = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(end) = connections.join_next() => note(end),
                Some(end) = turned_away.join_next() => note(end),
                (stream, peer) = self.accept() => {
                    // Said once each time it begins: a flood shall not flood the log.
                    let was_full = std::mem::replace(&mut full, connections.len() >= options.max_connections);
                    if full && !was_full {
                        tracing::warn!(max = options.max_connections, "too many connections");
                    }
                    if !full {
                        let accepted = connection::Accepted { stream, peer, security: self.security.clone() };
                        let (router, options) = (router.clone(), options.clone());
                        let shutdown = shutdown.clone();
                        connections.spawn(connection::serve(accepted, router, options, shutdown));
                    } else if turned_away.len() < MAX_TURNED_AWAY {
                        let accepted = connection::Accepted { stream, peer, security: self.security.clone() };
                        turned_away.spawn(connection::turn_away(accepted));
                    }
                }
            }
        }
        drop(self.socket);
        drain(connections, options.drain).await
    }

    /// The next connection; errors of the system are waited out.
    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.socket.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, address = %self.address, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
}

/// The client was gone before we came to it: no reason to rest.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn drain(mut connections: JoinSet<()>, within: Duration) -> usize {
    let all_ended = async {
        while let Some(end) = connections.join_next().await {
            note(end);
        }
    };
    if tokio::time::timeout(within, all_ended).await.is_ok() {
        return 0;
    }
    let cut = connections.len();
    connections.shutdown().await;
    cut
}

/// A panic takes down its own connection only, and is said.
fn note(end: Result<(), JoinError>) {
    if let Err(error) = end
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}
