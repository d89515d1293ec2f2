//! HTTP/2 clients that begin a head and do not end it: each has the time of a head, whatever else the connection does.

use std::time::Duration;

use http::Method;
use signalpost::server::listener::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::listener::start;
use super::multiplexed::{CONTINUATION, Client, GET, HEADERS, PREFACE, SETTINGS, frame, request};
use crate::listener::{PATIENCE, relaxed};
use crate::support::authority::Authority;

/// `GET https://a/wait` in HPACK.
const WAIT: &[u8] = b"\x82\x87\x04\x05/wait\x41\x01a";

/// A head may take this; a connection rests for longer than the test waits for its end.
fn hasty() -> Options {
    Options {
        header_timeout: Duration::from_secs(2),
        idle_timeout: PATIENCE * 10,
        ..relaxed()
    }
}

#[tokio::test]
async fn half_a_head_after_the_first_request_does_not_hold_the_connection_for_its_rest() {
    let authority = Authority::new("ours");
    let mut gateway = start(hasty(), &authority).await;
    let address = gateway.address.to_string();
    let mut at_rest = Client::to(&gateway, &authority).await;
    at_rest
        .ask(request(Method::GET, "/peer"))
        .await
        .await
        .unwrap();
    // Once while a request is in work, and once at rest.
    for first in [WAIT, GET] {
        let stream = authority.connect_offering(&address, &["h2"]).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (settings, first) = (frame(SETTINGS, 0, 0, &[]), frame(HEADERS, 5, 1, first));
        let start = [PREFACE, &settings, &first].concat();
        writer.write_all(&start).await.unwrap();
        writer.flush().await.unwrap();
        if first.ends_with(WAIT) {
            gateway.waiting.recv().await.unwrap();
        } else {
            let mut said = Vec::new();
            let answered = |it: &[u8]| matches!(it, [HEADERS, 4 | 5, 0, 0, 0, 1]);
            while !said.windows(6).any(answered) {
                assert!(reader.read_buf(&mut said).await.unwrap() > 0);
            }
        }
        // What goes on and on with a head gives it no new time.
        let half = [frame(HEADERS, 0, 3, GET), frame(CONTINUATION, 0, 3, &[])].concat();
        writer.write_all(&half).await.unwrap();
        writer.flush().await.unwrap();
        let ending = async { while matches!(reader.read(&mut [0; 4096]).await, Ok(1..)) {} };
        let ended = tokio::time::timeout(PATIENCE, ending).await;
        assert!(ended.is_ok(), "half a head is waited for");
    }
    // So the time of a head has passed, and a rest is none.
    let answer = at_rest.ask(request(Method::GET, "/peer")).await.await;
    assert!(answer.is_ok());
}
