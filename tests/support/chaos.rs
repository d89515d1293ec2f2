//! A wire that can be cut and slowed: a TCP proxy between the gateway and Temporal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards to `target` until dropped.
pub(crate) struct Wire {
    address: String,
    cuts: watch::Sender<u64>,
    load: Arc<Load>,
    serving: tokio::task::JoinHandle<()>,
}

/// What slows it, and what it holds for that.
#[derive(Default)]
struct Load {
    delay_ms: AtomicU64,
    held: AtomicUsize,
}

impl Wire {
    pub(crate) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let cuts = watch::Sender::new(0);
        let load = Arc::new(Load::default());
        let (target, cut, carried) = (target.to_owned(), cuts.clone(), Arc::clone(&load));
        let serving = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(
                    near,
                    target.clone(),
                    cut.subscribe(),
                    Arc::clone(&carried),
                ));
            }
        });
        Self {
            address,
            cuts,
            load,
            serving,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Every connection breaks, in the middle of whatever it carries.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Every piece takes so much longer, both ways.
    pub(crate) fn slow_down(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).expect("a short delay");
        self.load.delay_ms.store(millis, Ordering::Relaxed);
    }

    /// How many pieces it holds back at present.
    pub(crate) fn held(&self) -> usize {
        self.load.held.load(Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn carry(near: TcpStream, target: String, mut cut: watch::Receiver<u64>, load: Arc<Load>) {
    let Ok(far) = TcpStream::connect(&target).await else {
        return;
    };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    cut.mark_unchanged();
    tokio::select! {
        () = copy(near_in, far_out, &load) => {}
        () = copy(far_in, near_out, &load) => {}
        _ = cut.changed() => {}
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, load: &Load) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let millis = load.delay_ms.load(Ordering::Relaxed);
        if millis > 0 {
            let _held = Held::one_more(&load.held);
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        let Some(read) = piece.get(..length) else {
            return;
        };
        if to.write_all(read).await.is_err() {
            return;
        }
    }
}

/// A piece that is held back; also given up where its connection is.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn one_more(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::Relaxed);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
