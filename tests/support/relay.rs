//! A relay before a server that loses answers, or whole connections, when told to.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Ends with all of its connections when dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    muted: Arc<watch::Sender<bool>>,
    /// Counts up when all connections are to be cut.
    cuts: Arc<watch::Sender<u64>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let muted = Arc::new(watch::Sender::new(false));
        let cuts = Arc::new(watch::Sender::new(0));
        let server = server.to_owned();
        let (mute, cut) = (Arc::clone(&muted), Arc::clone(&cuts));
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(upstream) = TcpStream::connect(&server).await else {
                    continue;
                };
                let (muted, cuts) = (mute.subscribe(), cut.subscribe());
                connections.spawn(relay(client, upstream, muted, cuts));
            }
        });
        Self {
            address,
            muted,
            cuts,
            accepting,
        }
    }

    /// Requests go through, answers do not, until they are cut or let through again.
    pub(crate) fn mute(&self) {
        self.muted.send_replace(true);
    }

    /// Breaks every connection; new ones hear again.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
        self.muted.send_replace(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn relay(
    client: TcpStream,
    upstream: TcpStream,
    muted: watch::Receiver<bool>,
    mut cuts: watch::Receiver<u64>,
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    let (_unmuted, never) = watch::channel(false);
    // In this order: what was held back must not get through on a cut.
    tokio::select! {
        biased;
        _ = cuts.changed() => {}
        () = copy(from_client, to_server, never) => {}
        () = copy(from_server, to_client, muted) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut muted: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if muted.wait_for(|&muted| !muted).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
