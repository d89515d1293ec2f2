//! Clients that take their time: each kind of it ends by its own limit.

use tokio::io::AsyncWriteExt;

use super::{Options, PATIENCE, SHORT, one_answer, relaxed, start, until_closed};

#[tokio::test]
async fn a_connection_at_rest_is_closed_by_its_own_timeout() {
    let options = Options {
        idle_timeout: SHORT,
        ..relaxed()
    };
    let gateway = start(options, 10).await;
    let answer = gateway
        .exchange("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn the_header_timeout_does_not_count_rest_between_requests() {
    let options = Options {
        header_timeout: SHORT,
        ..relaxed()
    };
    let gateway = start(options, 10).await;
    let mut resting = gateway
        .connect("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    one_answer(&mut resting, "127.0.0.1").await;
    // A slow client that came later has been closed: so the header timeout has passed.
    assert_eq!(gateway.exchange("GET /peer HT").await, "");
    resting
        .write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    one_answer(&mut resting, "127.0.0.1").await;
    // The next head owes its end in time again.
    resting.write_all(b"GET /pe").await.unwrap();
    assert_eq!(until_closed(resting).await, "");
}

#[tokio::test]
async fn a_client_that_sends_nothing_or_half_a_head_is_closed() {
    let options = Options {
        header_timeout: SHORT,
        ..relaxed()
    };
    let gateway = start(options, 10).await;
    assert_eq!(gateway.exchange("").await, "");
    assert_eq!(
        gateway.exchange("GET /peer HTTP/1.1\r\nhost: a\r\n").await,
        ""
    );
}

#[tokio::test]
async fn a_slow_body_is_answered_408() {
    let gateway = start(relaxed(), 10).await;
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf";
    let answer = gateway.exchange(head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains(r#""code":"SP-R205""#), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let options = Options {
        write_timeout: SHORT,
        ..relaxed()
    };
    let mut gateway = start(options, 10).await;
    let _deaf = gateway
        .connect("GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    gateway.waiting.recv().await.unwrap();
    // Were its connection not cut, the drain would wait for it, and count it in the end.
    gateway.shutdown.cancel();
    let cut = tokio::time::timeout(PATIENCE, gateway.served)
        .await
        .unwrap();
    assert_eq!(cut.unwrap(), 0);
}
