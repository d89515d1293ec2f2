//! The listener against raw TCP clients: slow, greedy, many, and cut off in the middle.

mod drains;
mod timeouts;
mod unread;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use signalpost::server::error::Failure;
use signalpost::server::limits::{self, InFlight};
use signalpost::server::listener::{Listener, Options};
use signalpost::server::tls::Tls;
use signalpost::server::{body, request_id};
use signalpost::telemetry::Telemetry;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SHORT: Duration = Duration::from_millis(150);
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Long limits all round; each test shortens the one it is about.
pub(crate) fn relaxed() -> Options {
    Options {
        header_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        write_timeout: PATIENCE,
        drain: PATIENCE,
        ..Options::default()
    }
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<usize>,
    /// One for each request that has reached `/wait` or `/large`.
    pub(crate) waiting: mpsc::Receiver<()>,
    /// Lets the requests at `/wait` go on.
    pub(crate) release: CancellationToken,
}

async fn echo(request: axum::extract::Request) -> Result<Vec<u8>, Failure> {
    let options = body::Options {
        max_bytes: 16,
        timeout: SHORT,
    };
    body::read(request.into_body(), options)
        .await
        .map(|bytes| bytes.to_vec())
        .map_err(|error| Failure::of_webhook_body(&error))
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    peer.ip().to_string().into_response()
}

async fn panicking() -> Response {
    panic!("on purpose")
}

async fn start(options: Options, max_in_flight: usize) -> Gateway {
    start_with(options, max_in_flight, None).await
}

/// The same, encrypted if there is something to do it with.
pub(crate) async fn start_with(
    options: Options,
    max_in_flight: usize,
    tls: Option<Arc<Tls>>,
) -> Gateway {
    let (arrived, waiting) = mpsc::channel(16);
    let release = CancellationToken::new();
    let go_on = release.clone();
    let large_arrived = arrived.clone();
    let large = async move || {
        large_arrived.send(()).await.unwrap();
        vec![b'x'; 32 << 20]
    };
    let wait = async move || {
        arrived.send(()).await.unwrap();
        go_on.cancelled().await;
        "done"
    };
    let router = Router::new()
        .route("/echo", post(echo))
        .route("/peer", get(peer))
        .route("/wait", get(wait))
        .route("/large", get(large))
        .route("/panic", get(panicking))
        .layer(from_fn_with_state(
            InFlight::new(max_in_flight, Telemetry::new()),
            limits::in_flight,
        ))
        .layer(from_fn(request_id::assign));
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), "--listen")
        .await
        .unwrap()
        .secured(tls, Telemetry::new());
    let address = listener.local_addr();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(listener.serve(router, options, shutdown.clone()));
    Gateway {
        address,
        shutdown,
        served,
        waiting,
        release,
    }
}

impl Gateway {
    async fn connect(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// Sends, then reads until the gateway closes.
    async fn exchange(&self, bytes: &str) -> String {
        until_closed(self.connect(bytes).await).await
    }
}

pub(crate) async fn until_closed(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the gateway closes the connection")
        .unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads one answer of a connection that stays open, to the end of a body that is known.
pub(crate) async fn one_answer(stream: &mut (impl AsyncRead + Unpin), body: &str) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(body.as_bytes()) {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut answer)).await;
        assert!(read.unwrap().unwrap() > 0, "closed after {answer:?}");
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let gateway = start(relaxed(), 10).await;
    let mut stream = gateway.connect("").await;
    for _ in 0..3 {
        stream
            .write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let answer = one_answer(&mut stream, "127.0.0.1").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_large_body_is_answered_413_announced_or_not() {
    let gateway = start(relaxed(), 10).await;
    let announced = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
    let chunked = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                   8\r\n12345678\r\n9\r\n123456789\r\n";
    for head in [announced, chunked] {
        let answer = gateway.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains(r#""code":"SP-R204""#), "{answer}");
    }
}

#[tokio::test]
async fn the_413_reaches_a_client_that_is_still_sending() {
    let gateway = start(relaxed(), 10).await;
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
    let (mut reader, mut writer) = gateway.connect(head).await.into_split();
    // The gateway stops taking bytes in the end: how many it took is not the point.
    let sending = tokio::spawn(async move { writer.write_all(&vec![b'x'; 1_000_000]).await.ok() });
    let mut answer = [0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    sending.await.unwrap();
}

#[tokio::test]
async fn a_head_too_long_or_of_too_many_fields_is_answered_431() {
    let gateway = start(relaxed(), 10).await;
    let long = format!("x: {}\r\n", "y".repeat(70_000));
    for fields in [long, "x: y\r\n".repeat(129)] {
        let answer = gateway
            .exchange(&format!("GET /peer HTTP/1.1\r\nhost: a\r\n{fields}\r\n"))
            .await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn beyond_the_connection_cap_is_answered_503_until_one_closes() {
    let options = Options {
        max_connections: 1,
        ..relaxed()
    };
    let gateway = start(options, 10).await;
    let mut first = gateway
        .connect("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    one_answer(&mut first, "127.0.0.1").await;
    let answer = gateway
        .exchange("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(answer.contains(r#""code":"SP-S002""#), "{answer}");
    drop(first);
    // Its place is free once the gateway has seen the end.
    let request = "GET /peer HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let served = async { while !gateway.exchange(request).await.starts_with("HTTP/1.1 200") {} };
    tokio::time::timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn beyond_the_requests_in_flight_is_answered_503_with_its_id() {
    let mut gateway = start(relaxed(), 1).await;
    let mut first = gateway
        .connect("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    gateway.waiting.recv().await.unwrap();
    let request =
        "GET /peer HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\nconnection: close\r\n\r\n";
    let answer = gateway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/problem+json\r\n"),
        "{answer}"
    );
    let (_, id) = answer.split_once("x-request-id: ").unwrap();
    let id = id.get(..32).unwrap();
    assert_ne!(id, "mine");
    assert!(
        answer.contains(&format!(r#""request":"{id}"}}"#)),
        "{answer}"
    );
    gateway.release.cancel();
    one_answer(&mut first, "done").await;
}

#[tokio::test]
async fn a_panic_is_answered_500_and_the_connection_goes_on() {
    let gateway = start(relaxed(), 10).await;
    let mut stream = gateway
        .connect("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    let answer = one_answer(&mut stream, "\"}").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains(r#""code":"SP-S006""#), "{answer}");
    stream
        .write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    one_answer(&mut stream, "127.0.0.1").await;
}

#[tokio::test]
async fn a_taken_port_is_one_sentence() {
    let first = Listener::bind(([127, 0, 0, 1], 0).into(), "--listen")
        .await
        .unwrap();
    let address = first.local_addr();
    let error = Listener::bind(address, "--listen").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{address} is taken; stop the other process or choose another with --listen")
    );
}
