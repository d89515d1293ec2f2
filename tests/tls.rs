//! TLS of the public listener, by the real binary: who is let in, what is refused at the start, and how a new
//! certificate takes the place of one in use.

mod listener;
mod renewal;
mod sentences;

use std::path::Path;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::drain;
use crate::listener::until_closed;
use crate::support::authority::{Authority, Pair, connect};
use crate::support::exchange::{self, Answer, send, stripe_signature};
use crate::support::gateway::{Gateway, Setup};
use crate::support::{eventually, sender};

/// A gateway on `folder`'s cert.pem and key.pem.
fn setup(folder: &Path) -> Setup {
    let path = |name: &str| folder.join(name).display().to_string();
    drain::setup()
        .flag("--tls-cert", &path("cert.pem"))
        .flag("--tls-key", &path("key.pem"))
}

fn folder_with(pair: &Pair) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    pair.write(folder.path());
    folder
}

fn address(gateway: &Gateway) -> &str {
    gateway.public().trim_start_matches("http://")
}

fn webhook(client: &reqwest::Client, gateway: &Gateway, body: &str) -> reqwest::RequestBuilder {
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(sender::STRIPE_SECRET, &now, body.as_bytes());
    client
        .post(format!("https://{}/hooks/stripe", address(gateway)))
        .header("Stripe-Signature", signature)
        .body(body.to_owned())
}

async fn post(client: &reqwest::Client, gateway: &Gateway, body: &str) -> Answer {
    send(webhook(client, gateway, body)).await
}

#[tokio::test]
async fn a_webhook_comes_encrypted_and_plain_http_is_closed_without_noise() {
    let authority = Authority::new("ours");
    let folder = folder_with(&authority.pair());
    let gateway = setup(folder.path()).start().await;
    let answer = post(&authority.client(None), &gateway, r#"{"id":"a"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    let plain = exchange::connect(&gateway, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let said = exchange::rest(plain).await;
    assert!(!said.contains("HTTP"), "{said}");
    let counted = r#"signalpost_tls_handshake_failures_total{reason="not_tls"} 1"#;
    assert!(gateway.metrics().await.contains(counted));
    // The operators' listener, which has just answered, is plain all the same.
    for line in gateway.log().lines().filter(|line| line.contains("TLS")) {
        assert!(line.contains("TLS certificate loaded"), "{line}");
    }
}

#[tokio::test]
async fn both_versions_are_spoken_and_http2_is_not_promised() {
    let authority = Authority::new("ours");
    let folder = folder_with(&authority.pair());
    let gateway = setup(folder.path()).start().await;
    for version in rustls::ALL_VERSIONS {
        let connector = authority.connector(None, &[*version]);
        let stream = connect(&connector, address(&gateway)).await.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}

#[tokio::test]
async fn with_an_authority_for_clients_only_theirs_are_let_in() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let folder = folder_with(&authority.pair());
    let clients = folder.path().join("clients.pem");
    std::fs::write(&clients, authority.pem()).expect("clients.pem");
    let gateway = setup(folder.path())
        .flag("--tls-client-ca", &clients.display().to_string())
        .start()
        .await;
    let ours = authority.client(Some(&authority.pair()));
    let answer = post(&ours, &gateway, r#"{"id":"b"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for identity in [None, Some(stranger.pair())] {
        for version in rustls::ALL_VERSIONS {
            let connector = authority.connector(identity.as_ref(), &[*version]);
            let error = refusal(&connector, address(&gateway)).await;
            // The client is told why, not cut off.
            assert!(error.contains("received fatal alert"), "{error}");
        }
    }
    let refused = r#"signalpost_tls_handshake_failures_total{reason="client_certificate"} 4"#;
    eventually("four were refused", async || {
        gateway.metrics().await.contains(refused)
    })
    .await;
}

/// With TLS 1.3 a client believes to be let in until it reads.
async fn refusal(connector: &tokio_rustls::TlsConnector, address: &str) -> String {
    let refused = async {
        let mut stream = connect(connector, address).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            .await?;
        let mut byte = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await
    };
    refused.await.expect_err("a refusal").to_string()
}

#[tokio::test]
async fn a_drain_finishes_what_came_encrypted() {
    let authority = Authority::new("ours");
    let folder = folder_with(&authority.pair());
    let mut gateway = setup(folder.path())
        .flag("--drain-delay", "0s")
        .flag("--drain", "30s")
        .start()
        .await;
    let body = br#"{"id":"slow"}"#;
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(sender::STRIPE_SECRET, &now, body);
    let head = format!(
        "POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let idle = authority.connect(address(&gateway)).await.expect("TLS");
    let mut slow = authority.connect(address(&gateway)).await.expect("TLS");
    slow.write_all(head.as_bytes()).await.expect("the head");
    slow.write_all(&body[..4]).await.expect("the first half");
    slow.flush().await.expect("sent");
    // The gateway has the head once it has answered another request that came after it.
    let client = authority.client(None);
    assert_eq!(post(&client, &gateway, r#"{"id":"c"}"#).await.status, 200);

    gateway.terminate();
    // Its end is TLS's own, not a cut: reading it is no error.
    assert_eq!(until_closed(idle).await, "");
    slow.write_all(&body[4..]).await.expect("the second half");
    let answer = until_closed(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(gateway.exited().await.success());
}
