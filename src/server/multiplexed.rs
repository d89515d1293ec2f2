//! HTTP/2 on one encrypted connection: many requests at once, under the limits that hold for one.
//!
//! Behind this module nothing knows the difference: a request has its `Host`, one `Cookie` field and no more fields
//! than over HTTP/1.1. What HTTP/2 lets a client hold beyond a request is bounded here: streams, windows, resets, and
//! how long a connection lives, also with a client that does not hear that it shall go. A head has its time as over
//! HTTP/1.1, from its frame's beginning to its end (`heads`).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http::header::{COOKIE, HOST, HeaderMap};
use http::{HeaderValue, StatusCode, Uri};
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::connection::{LINGER, Served};
use super::error::Failure;
use super::listener::Options;
use super::pace::{Answering, Paced, Turn};

/// Requests of one connection at once: what RFC 9113 advises at least, and a tenth of what the process takes by
/// default. More are refused in a way that says that nothing was done with them.
const MAX_STREAMS: u32 = 100;
/// What may come of one body, and of all bodies of a connection, before a handler takes it up.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is kept of one answer before the client has room for it.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// Streams that were reset before we came to them, at once; then it is an attack, and the connection ends.
const MAX_PENDING_RESETS: usize = 20;
/// A peer that is gone shows by this.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Ends when the client ends, rests for too long, or a drain has let its requests finish.
pub(super) async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, served: Served) {
    let Served {
        peer,
        due,
        router,
        options,
        shutdown,
    } = served;
    let (stream, turn) = Paced::new(stream, due, &options);
    let stream = stream.multiplexed(LINGER);
    let over = Arc::new(AtomicBool::new(false));
    let (turn_of_service, max_headers) = (turn.clone(), options.max_headers);
    let over_for_service = Arc::clone(&over);
    let service = service_fn(move |request| {
        let (router, turn) = (router.clone(), turn_of_service.clone());
        let over = over_for_service.load(Ordering::Acquire);
        Box::pin(async move {
            if over {
                return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
            }
            answer(request, peer, router, &turn, max_headers).await
        })
    });
    let mut connection = pin!(builder(&options).serve_connection(TokioIo::new(stream), service));

    let mut rest = pin!(sleep(options.idle_timeout));
    let mut age = pin!(sleep(options.max_age));
    // The first of these lets what is in work finish. What comes is taken still, until the client has acknowledged that
    // it shall go: one that never does has `LINGER` after its last answer, and no answer to anything new in the end.
    let mut closing = false;
    let mut linger = pin!(sleep(LINGER));
    let mut last = pin!(sleep(options.write_timeout));
    loop {
        let is_over = over.load(Ordering::Acquire);
        let is_done = || !turn.is_busy() && (is_over || !turn.is_answering());
        tokio::select! {
            end = &mut connection => {
                if let Err(error) = end {
                    tracing::debug!(%error, %peer, "a connection broke off");
                }
                return;
            }
            () = turn.ended() => {
                rest.set(sleep(options.idle_timeout));
                linger.set(sleep(LINGER));
                continue;
            }
            () = &mut linger, if closing && is_done() => {
                // A request may have come since the arm was looked at; its end leads here again.
                if !is_done() {
                    continue;
                }
                tracing::debug!(%peer, "a connection did not go when it was asked to");
                return;
            }
            () = &mut last, if closing && !is_over => {
                over.store(true, Ordering::Release);
                continue;
            }
            () = &mut rest, if !closing && !turn.is_busy() => {}
            () = &mut age, if !closing => {}
            () = shutdown.cancelled(), if !closing => {}
        }
        closing = true;
        linger.set(sleep(LINGER));
        last.set(sleep(options.write_timeout));
        connection.as_mut().graceful_shutdown();
    }
}

fn builder(options: &Options) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.max_head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    turn: &Turn,
    max_headers: usize,
) -> Result<Response, Infallible> {
    let _handling = turn.handling();
    let (mut parts, body) = request.into_parts();
    if parts.headers.len() > max_headers {
        return Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response());
    }
    if !name_host(&parts.uri, &mut parts.headers) {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    }
    join_cookies(&mut parts.headers);
    parts.extensions.insert(ConnectInfo(peer));
    let request = Request::from_parts(parts, Body::new(body));
    let answer = router.oneshot(request).await?;
    let answering = turn.answering();
    Ok(answer.map(|body| {
        Body::new(Answered {
            body,
            rest: Bytes::new(),
            _answering: answering,
        })
    }))
}

/// The body of an answer, and that it is on its way: in pieces, for what is handed over is out of sight.
struct Answered {
    body: Body,
    rest: Bytes,
    _answering: Answering,
}

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(MAX_SEND_BUFFER);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    /// Asked for the head alone, when there is no rest.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// `:authority` becomes the `Host` that HTTP/1.1 has in its place. False where the two contradict each other, or
/// there is more than one: then nobody knows which of them was signed.
fn name_host(uri: &Uri, headers: &mut HeaderMap) -> bool {
    let mut given = headers.get_all(HOST).iter();
    let (host, another) = (given.next(), given.next());
    if another.is_some() {
        return false;
    }
    let Some(authority) = uri.authority().map(http::uri::Authority::as_str) else {
        return true;
    };
    if authority.contains('@') {
        return false;
    }
    if let Some(host) = host {
        return host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
    }
    let Ok(value) = HeaderValue::from_str(authority) else {
        return false;
    };
    headers.insert(HOST, value);
    true
}

/// Clients of HTTP/2 may cut `Cookie` into several fields; it is one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, whole);
    }
}

/// Answers 503 to a connection that finds no room, whatever it asks for.
pub(super) async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(|_: Request<Incoming>| async {
        let mut response = Failure::TooManyConnections.into_response();
        let body = Failure::TooManyConnections.problem().to_json(None, None);
        *response.body_mut() = body.into();
        Ok::<_, Infallible>(response)
    });
    let http = builder(&Options::default());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    if timeout(LINGER, &mut connection).await.is_err() {
        connection.as_mut().graceful_shutdown();
        // Gone, or cut: it was told.
        timeout(LINGER, connection).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(uri: &str, hosts: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        name_host(&uri.parse().unwrap(), &mut headers).then(|| {
            let host = headers.get(HOST).map(|host| host.to_str().unwrap());
            host.unwrap_or_default().to_owned()
        })
    }

    #[test]
    fn the_authority_is_the_host() {
        let host = |uri, hosts: &[&'static str]| named(uri, hosts);
        assert_eq!(host("https://a.example:8/x", &[]).unwrap(), "a.example:8");
        assert_eq!(host("https://a/x", &["A"]).unwrap(), "A");
        assert_eq!(host("/x", &["a"]).unwrap(), "a");
        assert_eq!(host("/x", &[]).unwrap(), "");
    }

    #[test]
    fn two_hosts_that_differ_are_refused() {
        assert_eq!(named("https://a/x", &["b"]), None);
        assert_eq!(named("https://a/x", &["a", "a"]), None);
        assert_eq!(named("https://u@a/x", &[]), None);
    }

    #[test]
    fn crumbs_become_one_cookie() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2", "c=3"] {
            headers.append(COOKIE, HeaderValue::from_static(crumb));
        }
        join_cookies(&mut headers);
        let all: Vec<_> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(all, ["a=1; b=2; c=3"]);
    }
}
