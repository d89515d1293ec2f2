//! HTTP/2 against clients that are slow, deaf, greedy or rude: what holds for HTTP/1.1 holds for each of many requests.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::{ResponseFuture, SendRequest};
use http::{Method, Request, StatusCode};
use signalpost::server::listener::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::listener::start;
use crate::listener::{Gateway, PATIENCE, SHORT, one_answer, relaxed, start_with, until_closed};
use crate::support::authority::Authority;

pub(super) struct Client {
    send: SendRequest<Bytes>,
    /// How the connection ended, and how many streams it was allowed.
    ended: JoinHandle<(Result<(), h2::Error>, usize)>,
}

impl Client {
    pub(super) async fn to(gateway: &Gateway, authority: &Authority) -> Self {
        let address = gateway.address.to_string();
        let stream = authority.connect_offering(&address, &["h2"]).await;
        let (send, mut connection) = h2::client::handshake(stream.unwrap()).await.unwrap();
        let ended = tokio::spawn(async move {
            let end = (&mut connection).await;
            (end, connection.max_concurrent_send_streams())
        });
        Self { send, ended }
    }

    pub(super) async fn ask(&mut self, request: Request<()>) -> ResponseFuture {
        let mut ready = self.send.clone().ready().await.unwrap();
        let (answer, _) = ready.send_request(request, true).unwrap();
        answer
    }

    async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let answer = self.ask(request(Method::GET, path)).await;
        read(answer).await
    }

    /// Waits for the end; the client itself holds nothing open.
    async fn end(self) -> (Result<(), h2::Error>, usize) {
        let ended = tokio::time::timeout(PATIENCE, self.ended).await;
        ended.expect("the connection ends").unwrap()
    }
}

pub(super) fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("https://a.example{path}");
    let request = Request::builder().method(method).uri(uri);
    request.body(()).unwrap()
}

async fn read(answer: ResponseFuture) -> (StatusCode, String) {
    let reading = async {
        let (head, mut body) = answer.await.unwrap().into_parts();
        let mut text = Vec::new();
        while let Some(Ok(bytes)) = body.data().await {
            body.flow_control().release_capacity(bytes.len()).unwrap();
            text.extend_from_slice(&bytes);
        }
        (head.status, String::from_utf8(text).unwrap())
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    read.expect("an answer")
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_beside_each_other() {
    let authority = Authority::new("ours");
    let mut gateway = start(relaxed(), &authority).await;
    let mut client = Client::to(&gateway, &authority).await;
    let waiting = client.ask(request(Method::GET, "/wait")).await;
    gateway.waiting.recv().await.unwrap();
    let (status, peer) = client.get("/peer").await;
    assert_eq!((status, &*peer), (StatusCode::OK, "127.0.0.1"));
    let (status, text) = client.get("/panic").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text.contains("SP-S006"), "{text}");
    gateway.release.cancel();
    assert_eq!(read(waiting).await.1, "done");
    gateway.shutdown.cancel();
    let (end, streams) = client.end().await;
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(streams, 100);
}

#[tokio::test]
async fn a_head_too_long_or_of_too_many_fields_is_answered_431() {
    let authority = Authority::new("ours");
    let gateway = start(relaxed(), &authority).await;
    let mut client = Client::to(&gateway, &authority).await;
    let mut many = request(Method::GET, "/peer");
    for _ in 0..129 {
        many.headers_mut().append("x", "y".parse().unwrap());
    }
    let mut long = request(Method::GET, "/peer");
    long.headers_mut()
        .insert("x", "y".repeat(70_000).parse().unwrap());
    for request in [many, long] {
        let answer = client.ask(request).await;
        assert_eq!(
            read(answer).await.0,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
    }
    assert_eq!(client.get("/peer").await.0, StatusCode::OK, "it goes on");
}

#[tokio::test]
async fn hosts_that_contradict_each_other_and_tunnels_are_refused() {
    let authority = Authority::new("ours");
    let gateway = start(relaxed(), &authority).await;
    let mut client = Client::to(&gateway, &authority).await;
    let mut two = request(Method::GET, "/peer");
    two.headers_mut()
        .insert("host", "b.example".parse().unwrap());
    let answer = client.ask(two).await;
    assert_eq!(read(answer).await.0, StatusCode::BAD_REQUEST);
    let tunnel = Request::builder()
        .method(Method::CONNECT)
        .uri("b.example:443");
    let answer = client.ask(tunnel.body(()).unwrap()).await;
    assert!(read(answer).await.0.is_client_error());
    assert_eq!(client.get("/peer").await.0, StatusCode::OK, "it goes on");
}

#[tokio::test]
async fn a_large_body_is_answered_413_and_a_slow_one_408_and_neither_stops_the_others() {
    let authority = Authority::new("ours");
    let gateway = start(relaxed(), &authority).await;
    let mut client = Client::to(&gateway, &authority).await;
    for (bytes, code) in [(&b"half"[..], "SP-R205"), (&[b'x'; 17], "SP-R204")] {
        let (answer, mut body) = client
            .send
            .clone()
            .ready()
            .await
            .unwrap()
            .send_request(request(Method::POST, "/echo"), false)
            .unwrap();
        body.send_data(Bytes::copy_from_slice(bytes), false)
            .unwrap();
        let (status, text) = read(answer).await;
        assert!(text.contains(code), "{status} {text}");
    }
    assert_eq!(client.get("/peer").await.0, StatusCode::OK);
}

#[tokio::test]
async fn beyond_the_connection_cap_is_answered_503() {
    let authority = Authority::new("ours");
    let options = Options {
        max_connections: 1,
        ..relaxed()
    };
    let gateway = start(options, &authority).await;
    let mut first = Client::to(&gateway, &authority).await;
    assert_eq!(first.get("/peer").await.0, StatusCode::OK);
    let mut second = Client::to(&gateway, &authority).await;
    let (status, text) = second.get("/peer").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("SP-S002"), "{text}");
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_says_that_nothing_new_is_taken() {
    let authority = Authority::new("ours");
    let mut gateway = start(relaxed(), &authority).await;
    let mut client = Client::to(&gateway, &authority).await;
    let mut idle = Client::to(&gateway, &authority).await;
    assert_eq!(idle.get("/peer").await.0, StatusCode::OK);
    let waiting = client.ask(request(Method::GET, "/wait")).await;
    gateway.waiting.recv().await.unwrap();
    gateway.shutdown.cancel();
    let (end, _) = idle.end().await;
    assert!(end.is_ok(), "{end:?}");
    // Until the client has heard of it, what it sends is dropped unheard, and it knows that.
    let refused = async {
        loop {
            let Ok(mut ready) = client.send.clone().ready().await else {
                return;
            };
            let Ok((answer, _)) = ready.send_request(request(Method::GET, "/peer"), true) else {
                return;
            };
            if let Err(error) = answer.await {
                assert!(error.is_go_away() || error.is_io(), "{error}");
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("refused");
    assert!(!gateway.served.is_finished());
    gateway.release.cancel();
    assert_eq!(read(waiting).await, (StatusCode::OK, "done".to_owned()));
    let (end, _) = client.end().await;
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(gateway.served.await.unwrap(), 0);
}

#[tokio::test]
async fn a_drain_cuts_what_does_not_finish_in_time() {
    let authority = Authority::new("ours");
    let options = Options {
        drain: SHORT,
        ..relaxed()
    };
    let mut gateway = start(options, &authority).await;
    let mut client = Client::to(&gateway, &authority).await;
    let _stuck = client.ask(request(Method::GET, "/wait")).await;
    gateway.waiting.recv().await.unwrap();
    gateway.shutdown.cancel();
    let cut = tokio::time::timeout(PATIENCE, gateway.served)
        .await
        .unwrap();
    assert_eq!(cut.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_at_rest_or_of_a_certain_age_is_asked_to_go() {
    let authority = Authority::new("ours");
    let at_rest = Options {
        idle_timeout: SHORT,
        ..relaxed()
    };
    let old = Options {
        max_age: SHORT,
        ..relaxed()
    };
    for options in [at_rest, old] {
        let mut gateway = start(options, &authority).await;
        let mut client = Client::to(&gateway, &authority).await;
        let waiting = client.ask(request(Method::GET, "/wait")).await;
        gateway.waiting.recv().await.unwrap();
        // It is never asked in the middle of a request: that is no rest, and its answer comes.
        tokio::time::sleep(SHORT * 2).await;
        gateway.release.cancel();
        assert_eq!(read(waiting).await.1, "done");
        let (end, _) = client.end().await;
        assert!(end.is_ok(), "told, not cut: {end:?}");
    }
}

#[tokio::test]
async fn a_client_that_asks_for_nothing_is_closed() {
    let authority = Authority::new("ours");
    let options = Options {
        header_timeout: Duration::from_secs(2),
        ..relaxed()
    };
    let gateway = start(options, &authority).await;
    let client = Client::to(&gateway, &authority).await;
    client.end().await.0.ok();
}

#[tokio::test]
async fn a_client_that_gives_no_room_for_its_answer_is_cut() {
    let authority = Authority::new("ours");
    let options = Options {
        idle_timeout: SHORT,
        ..relaxed()
    };
    let mut gateway = start(options, &authority).await;
    let mut deaf = Client::to(&gateway, &authority).await;
    let answer = deaf.ask(request(Method::GET, "/large")).await;
    gateway.waiting.recv().await.unwrap();
    let answer = answer.await.unwrap();
    // Were its connection not cut, the drain would wait for it, and count it in the end.
    gateway.shutdown.cancel();
    let cut = tokio::time::timeout(PATIENCE, gateway.served)
        .await
        .unwrap();
    assert_eq!(cut.unwrap(), 0);
    drop(answer);
}

/// A frame of HTTP/2: type, flags, stream, payload.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const HEADERS: u8 = 1;
const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;
/// `GET https://a/` in HPACK.
pub(super) const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 0x01, b'a'];

/// Sends these bytes after a preface; the reason for which the gateway goes away.
async fn reason(gateway: &Gateway, authority: &Authority, bytes: &[u8]) -> Option<u32> {
    let address = gateway.address.to_string();
    let stream = authority.connect_offering(&address, &["h2"]).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let all = [PREFACE, &frame(SETTINGS, 0, 0, &[]), bytes].concat();
    // It need not take all of it.
    let sending = tokio::spawn(async move {
        writer.write_all(&all).await.ok();
        writer.flush().await.ok();
        writer
    });
    let mut said = Vec::new();
    let reading = reader.read_to_end(&mut said);
    let ended = tokio::time::timeout(PATIENCE, reading).await;
    assert!(ended.is_ok(), "the gateway goes away");
    drop(sending.await.unwrap());
    let mut rest = &said[..];
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        if rest[3] == GOAWAY {
            return Some(u32::from_be_bytes(rest[13..17].try_into().unwrap()));
        }
        rest = &rest[9 + length..];
    }
    None
}

#[tokio::test]
async fn a_flood_of_requests_taken_back_ends_its_connection_and_no_other() {
    let authority = Authority::new("ours");
    let gateway = start(relaxed(), &authority).await;
    let mut other = Client::to(&gateway, &authority).await;
    let cancel = u32::from(Reason::CANCEL).to_be_bytes();
    let flood: Vec<u8> = (0..2_000_u32)
        .flat_map(|number| {
            let stream = number * 2 + 1;
            [
                frame(HEADERS, 5, stream, GET),
                frame(RESET, 0, stream, &cancel),
            ]
            .concat()
        })
        .collect();
    let reason = reason(&gateway, &authority, &flood).await;
    assert_eq!(reason, Some(u32::from(Reason::ENHANCE_YOUR_CALM)));
    assert_eq!(other.get("/peer").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let authority = Authority::new("ours");
    let gateway = start(relaxed(), &authority).await;
    // Each goes on with the head, none has an end.
    let mut flood = frame(HEADERS, 0, 1, GET);
    for _ in 0..10_000 {
        flood.extend(frame(CONTINUATION, 0, 1, &[]));
    }
    assert!(reason(&gateway, &authority, &flood).await.is_some());
}

#[tokio::test]
async fn in_clear_there_is_http_1_1_alone() {
    let gateway = start_with(relaxed(), 10, None).await;
    let mut known = TcpStream::connect(gateway.address).await.unwrap();
    known.write_all(PREFACE).await.unwrap();
    let answer = until_closed(known).await;
    assert!(!answer.contains("200"), "{answer}");
    let mut upgrade = TcpStream::connect(gateway.address).await.unwrap();
    upgrade
        .write_all(
            b"GET /peer HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n\
              upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
        )
        .await
        .unwrap();
    let answer = one_answer(&mut upgrade, "127.0.0.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
