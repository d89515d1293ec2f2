//! The end of a listener: nothing new, and what is in flight within its time.

use tokio::net::TcpStream;

use super::{Options, PATIENCE, SHORT, one_answer, relaxed, start, until_closed};

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_takes_nothing_new() {
    let mut gateway = start(relaxed(), 10).await;
    let mut idle = gateway
        .connect("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    one_answer(&mut idle, "127.0.0.1").await;
    let silent = gateway.connect("").await;
    let in_flight = gateway
        .connect("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    gateway.waiting.recv().await.unwrap();

    gateway.shutdown.cancel();
    // Those that wait for nothing are closed at once, though `in_flight` still runs.
    assert_eq!(until_closed(idle).await, "");
    assert_eq!(until_closed(silent).await, "");
    assert!(TcpStream::connect(gateway.address).await.is_err());
    assert!(!gateway.served.is_finished());

    gateway.release.cancel();
    let answer = until_closed(in_flight).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("done"),
        "{answer}"
    );
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(gateway.served.await.unwrap(), 0);
}

#[tokio::test]
async fn a_drain_cuts_what_does_not_finish_in_time() {
    let options = Options {
        drain: SHORT,
        ..relaxed()
    };
    let mut gateway = start(options, 10).await;
    let _stuck = gateway
        .connect("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    gateway.waiting.recv().await.unwrap();
    gateway.shutdown.cancel();
    let cut = tokio::time::timeout(PATIENCE, gateway.served)
        .await
        .unwrap();
    assert_eq!(cut.unwrap(), 1);
}
