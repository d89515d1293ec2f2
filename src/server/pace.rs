//! A stream that gives up on a slow peer.
//!
//! It knows three turns: *head* (the client owes us a request head), *handling* (we owe it an
//! answer; reading the body has its own deadline in `body`) and *idle* (between two requests).
//! Reading in the first and the last, and writing in any of them, ends with `TimedOut` when the
//! peer takes too long. hyper's own header timeout counts idle time as head, so it is not used.
//! With several requests at once it is handling as long as one of them is, and then idle until the next
//! one: what else comes, a ping perhaps, gives no new time. A head has its time then beside all that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::heads::Heads;
use super::listener::Options;

/// Whose turn it is, shared by the stream and the service behind it.
#[derive(Clone, Debug)]
pub(super) struct Turn(Arc<Turns>);

#[derive(Debug, Default)]
struct Turns {
    /// Beginnings and ends of requests. A count and not a flag, so that a request that began and ended
    /// between two reads is noticed.
    count: AtomicU64,
    /// Requests being handled.
    busy: AtomicUsize,
    /// Answers that have not been handed over to their end.
    answering: AtomicUsize,
    ended: Notify,
}

/// While this lives, a request is being handled.
#[derive(Debug)]
pub(super) struct Handling(Turn);

/// While this lives, an answer is on its way to the client. That is nobody's turn: who does not read is cut.
#[derive(Debug)]
pub(super) struct Answering(Turn);

impl Turn {
    pub(super) fn handling(&self) -> Handling {
        self.0.busy.fetch_add(1, Ordering::AcqRel);
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Handling(self.clone())
    }

    pub(super) fn answering(&self) -> Answering {
        self.0.answering.fetch_add(1, Ordering::AcqRel);
        Answering(self.clone())
    }

    /// Waits for the end of a request or of its answer. The connection must be polled then: hyper itself need not
    /// read again before the client sends, and the idle time would not begin to count.
    pub(super) async fn ended(&self) {
        self.0.ended.notified().await;
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Acquire) > 0
    }

    pub(super) fn is_answering(&self) -> bool {
        self.0.answering.load(Ordering::Acquire) > 0
    }

    fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        let turns = &self.0.0;
        turns.busy.fetch_sub(1, Ordering::AcqRel);
        turns.count.fetch_add(1, Ordering::AcqRel);
        turns.ended.notify_one();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let turns = &self.0.0;
        turns.answering.fetch_sub(1, Ordering::AcqRel);
        turns.ended.notify_one();
    }
}

/// What the client owes us, and until when [`Paced::patience`] waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// The rest of a head.
    Head,
    /// A first byte, some time.
    Idle,
    /// Nothing: a request is being handled.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    turn: Turn,
    /// The turn's count at the last read.
    seen: u64,
    owed: Owed,
    patience: Pin<Box<Sleep>>,
    /// None: requests come one at a time, and a byte after a rest begins a head.
    heads: Option<Heads>,
    /// Runs while one of several heads is on its way.
    heading: Option<Pin<Box<Sleep>>>,
    /// How long an orderly end waits for the peer's; zero: whoever has the stream sees to that.
    grace: Duration,
    /// Runs once we have said that nothing more comes.
    lingering: Option<Pin<Box<Sleep>>>,
    /// Runs while a write is stuck.
    stuck: Option<Pin<Box<Sleep>>>,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
}

impl<S> Paced<S> {
    /// A new connection owes a head from its first moment on; `due` is when that must have come.
    pub(super) fn new(stream: S, due: Instant, options: &Options) -> (Self, Turn) {
        let turn = Turn(Arc::default());
        let paced = Self {
            stream,
            turn: turn.clone(),
            seen: 0,
            owed: Owed::Head,
            patience: Box::pin(sleep_until(due)),
            heads: None,
            heading: None,
            grace: Duration::ZERO,
            lingering: None,
            stuck: None,
            header_timeout: options.header_timeout,
            idle_timeout: options.idle_timeout,
            write_timeout: options.write_timeout,
        };
        (paced, turn)
    }

    /// For several requests at once. Who is asked to go at the end of a rest has `grace` for it.
    pub(super) fn multiplexed(mut self, grace: Duration) -> Self {
        self.heads = Some(Heads::new());
        self.idle_timeout += grace;
        self.grace = grace;
        self
    }

    fn owe(&mut self, owed: Owed, within: Duration) {
        self.owed = owed;
        self.patience.as_mut().reset(Instant::now() + within);
    }

    /// Takes in what the service has done since the last read.
    fn catch_up(&mut self) {
        let count = self.turn.count();
        if count == self.seen {
            return;
        }
        self.seen = count;
        if self.turn.is_busy() {
            self.owed = Owed::Nothing;
        } else {
            self.owe(Owed::Idle, self.idle_timeout);
        }
    }

    /// Takes in what the client has sent.
    fn hear(&mut self, bytes: &[u8]) {
        if let Some(heads) = &mut self.heads {
            let before = heads.open();
            heads.pass(bytes);
            let open = heads.open();
            if open != before {
                let timeout = self.header_timeout;
                self.heading = open.map(|_| Box::pin(sleep(timeout)));
            }
        } else if self.owed == Owed::Idle && !bytes.is_empty() {
            let timeout = self.header_timeout;
            self.owe(Owed::Head, timeout);
        }
    }

    /// Ready once what the client owes us has taken too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(heading) = &mut self.heading
            && heading.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        if self.owed == Owed::Nothing {
            return Poll::Pending;
        }
        self.patience.as_mut().poll(cx)
    }

    /// Ready only with an error, once a stuck write has been stuck for too long.
    fn poll_stuck<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let timeout = self.write_timeout;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stuck.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> Paced<S> {
    /// Takes in what the peer still sends: closing with bytes unread makes the system reset the connection, and the peer
    /// loses the last answers.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut discarded = [0; 4096];
        loop {
            let time = self.lingering.as_mut();
            if time.is_none_or(|time| time.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.catch_up();
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            self.hear(buffer.filled().get(before..).unwrap_or_default());
            return Poll::Ready(read);
        }
        ready!(self.poll_patience(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.stuck = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stuck(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, slices) {
            Poll::Ready(written) => {
                self.stuck = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stuck(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An encrypted stream takes bytes in before it can send them: then it is the flush that is stuck.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.stuck = None;
                Poll::Ready(flushed)
            }
            Poll::Pending => self.poll_stuck(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if self.grace.is_zero() {
                return Poll::Ready(Ok(()));
            }
            self.lingering = Some(Box::pin(sleep(self.grace)));
        }
        self.poll_linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, BufWriter, duplex};

    use super::*;

    #[tokio::test]
    async fn a_flush_that_the_peer_does_not_take_ends() {
        let options = Options {
            write_timeout: Duration::from_millis(20),
            ..Options::default()
        };
        // Like an encrypted stream: it takes all bytes in at once, and can send only some.
        let (ours, _theirs) = duplex(1);
        let due = Instant::now() + options.header_timeout;
        let (mut stream, _turn) = Paced::new(BufWriter::new(ours), due, &options);
        stream.write_all(b"answer").await.unwrap();
        let flushed = tokio::time::timeout(Duration::from_mins(1), stream.flush()).await;
        let error = flushed.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_orderly_end_takes_in_what_is_on_its_way() {
        let options = Options::default();
        let (ours, mut theirs) = duplex(16 * 1024);
        let due = Instant::now() + options.header_timeout;
        let (stream, _turn) = Paced::new(ours, due, &options);
        let mut stream = stream.multiplexed(Duration::from_mins(1));
        theirs.write_all(&[0; 16_000]).await.unwrap();
        let ending = tokio::spawn(async move { stream.shutdown().await.map(|()| stream) });
        // It has taken all of it in once so much more finds room, and it waits for our end.
        theirs.write_all(&[0; 16_000]).await.unwrap();
        assert!(!ending.is_finished());
        theirs.shutdown().await.unwrap();
        let ended = tokio::time::timeout(Duration::from_mins(1), ending).await;
        assert!(ended.unwrap().unwrap().is_ok());
    }
}
