//! HTTP/2 clients that do not go when they are asked to: they are ended, and none in the middle of an answer.

use std::time::Duration;

use http::Method;
use signalpost::server::listener::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::listener::start;
use super::multiplexed::{Client, GET, HEADERS, PREFACE, SETTINGS, frame, request};
use crate::listener::{Gateway, PATIENCE, SHORT, relaxed};
use crate::support::authority::Authority;

/// Never acknowledges anything: asks once, and then again and again if it is `eager`, until the gateway ends it.
async fn deaf(gateway: Gateway, authority: &Authority, eager: bool) -> usize {
    let address = gateway.address.to_string();
    let stream = authority.connect_offering(&address, &["h2"]).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let start = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, 5, 1, GET),
    ]
    .concat();
    writer.write_all(&start).await.unwrap();
    writer.flush().await.unwrap();
    let mut said = Vec::new();
    // The settings, their acknowledgement, and the answer.
    let answered = |it: &[u8]| matches!(it, [HEADERS, 4 | 5, 0, 0, 0, 1]);
    while !said.windows(6).any(answered) {
        assert!(reader.read_buf(&mut said).await.unwrap() > 0);
    }
    gateway.shutdown.cancel();
    let asking = async {
        let mut streams = (3..).step_by(2);
        while let Some(stream) = streams.next().filter(|_| eager) {
            if writer
                .write_all(&frame(HEADERS, 5, stream, GET))
                .await
                .is_err()
                || writer.flush().await.is_err()
            {
                break;
            }
            tokio::time::sleep(SHORT / 5).await;
        }
        std::future::pending::<()>().await;
    };
    let ending = async {
        while matches!(reader.read(&mut [0; 4096]).await, Ok(1..)) {}
        gateway.served.await.unwrap()
    };
    tokio::select! {
        cut = ending => cut,
        () = asking => unreachable!("it waits"),
        () = tokio::time::sleep(PATIENCE * 2) => panic!("it lives on"),
    }
}

#[tokio::test]
async fn a_client_that_never_acknowledges_is_ended_before_the_drain_is_over() {
    let authority = Authority::new("ours");
    let options = Options {
        drain: PATIENCE * 2,
        write_timeout: SHORT,
        ..relaxed()
    };
    for eager in [false, true] {
        let gateway = start(options.clone(), &authority).await;
        assert_eq!(deaf(gateway, &authority, eager).await, 0, "eager: {eager}");
    }
}

#[tokio::test]
async fn an_answer_on_its_way_is_waited_for_when_a_connection_is_asked_to_go() {
    let authority = Authority::new("ours");
    let mut gateway = start(relaxed(), &authority).await;
    let mut slow = Client::to(&gateway, &authority).await;
    let answer = slow.ask(request(Method::GET, "/large")).await;
    gateway.waiting.recv().await.unwrap();
    let answer = answer.await.unwrap();
    gateway.shutdown.cancel();
    // Longer than a connection lingers that has nothing to do.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut body = answer.into_body();
    let mut read = 0;
    while let Some(bytes) = body.data().await {
        let length = bytes.expect("not cut").len();
        body.flow_control().release_capacity(length).unwrap();
        read += length;
    }
    assert_eq!(read, 32 << 20);
}
