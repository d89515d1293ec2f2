//! One connection, from its first byte to its last.
//!
//! HTTP/1.1 by hyper, or HTTP/2 (`multiplexed`) where TLS has agreed on it, under the limits of its options. In
//! clear there is HTTP/1.1 alone. Handlers find the peer's address as the request extension [`ConnectInfo`].
//! Answers that hyper's parser gives by itself (400, 414, 431 to a head that is no HTTP or too long) have no body
//! and no request id: there is no request yet.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::error::{Failure, RETRY_AFTER};
use super::listener::Options;
use super::multiplexed;
use super::pace::Paced;
use super::tls::{Security, speaks_h2};
use super::unread;

/// How long a closing connection goes on taking in what the client still sends. Closing with bytes
/// unread makes the system reset the connection, and the client loses the answer (a 413, say).
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// hyper insists on it.
const MIN_BUFFER: usize = 8 * 1024;

/// A connection that nothing has been read from yet.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// None: plain HTTP.
    pub(super) security: Option<Security>,
}

/// What a connection is served by.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) peer: SocketAddr,
    /// When the first head must have come.
    pub(super) due: Instant,
    pub(super) router: Router,
    pub(super) options: Options,
    pub(super) shutdown: CancellationToken,
}

pub(super) async fn serve(
    accepted: Accepted,
    router: Router,
    options: Options,
    shutdown: CancellationToken,
) {
    let Accepted {
        stream,
        peer,
        security,
    } = accepted;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let served = Served {
        peer,
        due: Instant::now() + options.header_timeout,
        router,
        options,
        shutdown,
    };
    let Some(security) = security else {
        return speak(stream, served).await;
    };
    // A drain does not wait for who has not said anything yet.
    let opened = tokio::select! {
        opened = security.open(stream, peer, served.due) => opened,
        () = served.shutdown.cancelled() => return,
    };
    match opened {
        Ok(stream) if speaks_h2(&stream) => multiplexed::speak(stream, served).await,
        Ok(stream) => speak(stream, served).await,
        // For the alert that says why.
        Err(Some(stream)) => linger(stream).await,
        Err(None) => {}
    }
}

/// HTTP/1.1 on a stream that is open.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, served: Served) {
    let Served {
        peer,
        due,
        router,
        options,
        shutdown,
    } = served;
    let (stream, turn) = Paced::new(stream, due, &options);
    let turn_of_service = turn.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let handling = turn_of_service.handling();
        request.extensions_mut().insert(ConnectInfo(peer));
        let (request, rest) = unread::watch(request);
        let answer = router.clone().oneshot(request);
        Box::pin(async move {
            let Ok(mut answer) = answer.await;
            rest.settle(&mut answer).await;
            drop(handling);
            Ok::<_, Infallible>(answer)
        })
    });
    let mut connection = http1::Builder::new()
        // `Paced` does this, and tells a slow head from a connection at rest.
        .header_read_timeout(None)
        .max_header_size(options.max_head_bytes)
        .max_buf_size(options.max_head_bytes.max(MIN_BUFFER))
        .max_headers(options.max_headers)
        .serve_connection(TokioIo::new(stream), service);

    let mut draining = false;
    loop {
        let served = poll_fn(|cx| connection.poll_without_shutdown(cx));
        tokio::select! {
            end = served => match end {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(%error, %peer, "a connection broke off");
                    // What cannot be parsed has been answered, and the client shall see that.
                    if error.is_parse() {
                        break;
                    }
                    return;
                }
            },
            () = turn.ended() => {}
            () = shutdown.cancelled(), if !draining => {
                draining = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
    linger(connection.into_parts().io.into_inner()).await;
}

/// Answers 503 to a connection that finds no room. Its request is not parsed, so there is no request id; but
/// it is waited for, because clients take an answer before the question for a broken connection.
pub(super) async fn turn_away(accepted: Accepted) {
    let Accepted {
        stream,
        peer,
        security,
    } = accepted;
    let Some(security) = security else {
        return refuse(stream).await;
    };
    match security.open(stream, peer, Instant::now() + LINGER).await {
        Ok(stream) if speaks_h2(&stream) => multiplexed::refuse(stream).await,
        Ok(stream) => refuse(stream).await,
        Err(_) => {}
    }
}

async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut begun = [0; 1];
    match tokio::time::timeout(LINGER, stream.read(&mut begun)).await {
        Ok(Ok(1..)) | Err(_) => {}
        Ok(Ok(0) | Err(_)) => return,
    }
    let problem = Failure::TooManyConnections.problem();
    let body = problem.to_json(None, None);
    let answer = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: {RETRY_AFTER}\r\nconnection: close\r\n\r\n{body}",
        problem.status,
        body.len(),
    );
    let written = tokio::time::timeout(LINGER, stream.write_all(answer.as_bytes())).await;
    if matches!(written, Ok(Ok(()))) {
        linger(stream).await;
    }
}

/// Says that nothing more comes, then waits for the client to close, for [`LINGER`] at most.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut discarded = [0; 4096];
    let closed = async {
        stream.shutdown().await?;
        while stream.read(&mut discarded).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, closed).await {
        tracing::trace!(%error, "a client closed first");
    }
}
