//! The encrypted listener against clients that are slow, deaf, many, or cut off: the limits of the plain one hold.

use std::sync::Arc;
use std::time::Duration;

use signalpost::server::listener::Options;
use signalpost::server::tls::{ClientAuth, Paths, Tls};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::listener::{Gateway, PATIENCE, SHORT, one_answer, relaxed, start_with, until_closed};
use crate::support::authority::Authority;
use crate::support::eventually;

pub(super) async fn start(options: Options, authority: &Authority) -> Gateway {
    let folder = tempfile::tempdir().expect("a folder");
    authority.pair().write(folder.path());
    let tls = Tls::open(Paths {
        cert: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
        client_ca: None,
        client_auth: ClientAuth::default(),
    });
    start_with(options, 100, Some(Arc::new(tls.expect("a good pair")))).await
}

const PEER: &[u8] = b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn who_stalls_a_handshake_is_closed_and_holds_up_nobody() {
    let authority = Authority::new("ours");
    let options = Options {
        // Room for one good handshake on a busy machine.
        header_timeout: Duration::from_secs(5),
        ..relaxed()
    };
    let gateway = start(options, &authority).await;
    let address = gateway.address.to_string();
    let mut stalled = Vec::new();
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stalled.push(stream);
        }
    }
    let mut stream = authority.connect(&address).await.unwrap();
    stream.write_all(PEER).await.unwrap();
    let answer = one_answer(&mut stream, "127.0.0.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for stream in stalled {
        assert_eq!(until_closed(stream).await, "");
    }
}

#[tokio::test]
async fn a_stalled_handshake_gives_its_place_back() {
    let authority = Authority::new("ours");
    let options = Options {
        header_timeout: SHORT,
        max_connections: 1,
        ..relaxed()
    };
    let gateway = start(options, &authority).await;
    let address = gateway.address.to_string();
    let _silent = TcpStream::connect(&address).await.unwrap();
    eventually("the place is free", async || {
        let Ok(mut stream) = authority.connect(&address).await else {
            return false;
        };
        let request = b"GET /peer HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.is_ok()
            && until_closed(stream).await.starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn handshake_and_first_head_share_one_time() {
    let authority = Authority::new("ours");
    let options = Options {
        header_timeout: Duration::from_secs(2),
        ..relaxed()
    };
    let gateway = start(options, &authority).await;
    let mut stream = authority
        .connect(&gateway.address.to_string())
        .await
        .unwrap();
    stream.write_all(b"GET /pe").await.unwrap();
    let mut said = Vec::new();
    // Cut, not closed: the end is an error, or nothing.
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut said);
    let _end: Result<_, _> = tokio::time::timeout(PATIENCE, reading).await.expect("cut");
    assert!(said.is_empty());
}

#[tokio::test]
async fn beyond_the_connection_cap_is_answered_503_that_can_be_read() {
    let authority = Authority::new("ours");
    let options = Options {
        max_connections: 1,
        ..relaxed()
    };
    let gateway = start(options, &authority).await;
    let address = gateway.address.to_string();
    let mut first = authority.connect(&address).await.unwrap();
    first.write_all(PEER).await.unwrap();
    one_answer(&mut first, "127.0.0.1").await;
    let mut second = authority.connect(&address).await.unwrap();
    second.write_all(PEER).await.unwrap();
    let answer = until_closed(second).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains(r#""code":"SP-S002""#), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_encrypted_answer_is_cut() {
    let authority = Authority::new("ours");
    let options = Options {
        write_timeout: SHORT,
        ..relaxed()
    };
    let mut gateway = start(options, &authority).await;
    let mut deaf = authority
        .connect(&gateway.address.to_string())
        .await
        .unwrap();
    deaf.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    deaf.flush().await.unwrap();
    gateway.waiting.recv().await.unwrap();
    // Were its connection not cut, the drain would wait for it, and count it in the end.
    gateway.shutdown.cancel();
    let cut = tokio::time::timeout(PATIENCE, gateway.served)
        .await
        .unwrap();
    assert_eq!(cut.unwrap(), 0);
}

#[tokio::test]
async fn a_drain_waits_for_no_handshake() {
    let authority = Authority::new("ours");
    let mut gateway = start(relaxed(), &authority).await;
    let address = gateway.address.to_string();
    let mut half = TcpStream::connect(&address).await.unwrap();
    half.write_all(b"\x16\x03\x01").await.unwrap();
    let mut in_flight = authority.connect(&address).await.unwrap();
    in_flight
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    in_flight.flush().await.unwrap();
    gateway.waiting.recv().await.unwrap();

    gateway.shutdown.cancel();
    // Bytes that nobody read make the end a reset.
    let mut said = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut half, &mut said);
    let _end: Result<_, _> = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("closed");
    assert!(said.is_empty() && !gateway.served.is_finished());
    gateway.release.cancel();
    let answer = until_closed(in_flight).await;
    assert!(answer.ends_with("done"), "{answer}");
    assert_eq!(gateway.served.await.unwrap(), 0);
}
