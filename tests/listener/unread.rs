//! Requests that are answered before their body has been read: the connection goes on, or the answer says that it ends.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Gateway, one_answer, relaxed, start, until_closed};

const NEXT: &str = "GET /peer HTTP/1.1\r\nhost: a\r\n\r\n";

/// Nobody reads the body of a POST here.
fn post(fields: &str) -> String {
    format!("POST /nowhere HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n")
}

/// The head of the next answer.
async fn head(stream: &mut TcpStream) -> String {
    one_answer(stream, "\r\n\r\n").await
}

async fn goes_on(gateway: &Gateway, bytes: &str, expected: &str) {
    let mut stream = gateway.connect(bytes).await;
    let answer = one_answer(&mut stream, expected).await;
    assert!(!answer.contains("connection:"), "{answer}");
    stream.write_all(NEXT.as_bytes()).await.unwrap();
    let answer = one_answer(&mut stream, "127.0.0.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_small_body_that_nobody_reads_leaves_the_connection_usable() {
    let gateway = start(relaxed(), 10).await;
    let small = format!("{}{}", post("content-length: 65536"), "x".repeat(65_536));
    goes_on(&gateway, &small, "\r\n\r\n").await;
    let chunked = post("transfer-encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n";
    goes_on(&gateway, &chunked, "\r\n\r\n").await;
    // Read up to its cap, and no further.
    let over = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 17\r\n\r\n12345678901234567";
    goes_on(&gateway, over, "\"}").await;
    let within = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nfour";
    goes_on(&gateway, within, "four").await;
    goes_on(&gateway, &post("x: y"), "\r\n\r\n").await;
}

#[tokio::test]
async fn a_body_that_comes_after_its_head_leaves_the_connection_usable() {
    let gateway = start(relaxed(), 10).await;
    let mut stream = gateway.connect(&post("content-length: 4")).await;
    stream.write_all(b"four").await.unwrap();
    assert!(!head(&mut stream).await.contains("connection:"));
    stream.write_all(NEXT.as_bytes()).await.unwrap();
    one_answer(&mut stream, "127.0.0.1").await;
}

#[tokio::test]
async fn an_answer_before_a_large_body_says_that_the_connection_ends() {
    let gateway = start(relaxed(), 10).await;
    let endless = "transfer-encoding: chunked";
    let flood = format!("{}20000\r\n{}", post(endless), "x".repeat(0x20000));
    for request in [
        post("content-length: 65537"),
        // What is announced does not come, or not in time.
        post("content-length: 10") + "half",
        post(endless),
        flood,
        // Whoever asks first is not told to send.
        post("content-length: 10\r\nexpect: 100-continue"),
    ] {
        let mut stream = gateway.connect(&request).await;
        let answer = head(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert_eq!(until_closed(stream).await, "");
    }
}

#[tokio::test]
async fn a_413_says_that_the_connection_ends_and_a_client_of_1_0_is_not_told_that_it_goes_on() {
    let gateway = start(relaxed(), 10).await;
    let fields = "host: a\r\nconnection: keep-alive\r\ncontent-length: 1000000\r\n\r\n";
    let answer = gateway
        .exchange(&format!("POST /echo HTTP/1.1\r\n{fields}"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    let answer = gateway
        .exchange(&format!("POST /echo HTTP/1.0\r\n{fields}"))
        .await;
    assert!(answer.starts_with("HTTP/1.0 413 "), "{answer}");
    assert!(!answer.contains("keep-alive"), "{answer}");
}

#[tokio::test]
async fn two_requests_sent_at_once_are_both_answered_though_nobody_reads_the_first_body() {
    let gateway = start(relaxed(), 10).await;
    let both = format!("{}four{NEXT}", post("content-length: 4"));
    let mut stream = gateway.connect(&both).await;
    let answers = one_answer(&mut stream, "127.0.0.1").await;
    assert!(answers.contains("HTTP/1.1 404 "), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK\r\n"), "{answers}");
}
