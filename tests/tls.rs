//! TLS of the public listener, by the real binary: who is let in, what is refused at the start, and how a new
//! certificate takes the place of one in use.

mod departures;
mod heads;
mod listener;
mod multiplexed;
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
async fn both_versions_of_tls_are_spoken_and_the_best_protocol_that_is_offered() {
    let authority = Authority::new("ours");
    let folder = folder_with(&authority.pair());
    let gateway = setup(folder.path()).start().await;
    for version in rustls::ALL_VERSIONS {
        let connector = authority.connector(None, &[*version]);
        let stream = connect(&connector, address(&gateway)).await.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    for (offered, agreed) in [
        (&["http/1.1", "h2"][..], Some(&b"h2"[..])),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = authority.connect_offering(address(&gateway), offered).await;
        let stream = stream.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed, "{offered:?}");
    }
    let other = authority.connect_offering(address(&gateway), &["h3"]).await;
    assert!(other.is_err(), "nothing in common");
}

#[tokio::test]
async fn over_http2_a_webhook_is_proven_kept_once_and_counted_like_any_other() {
    let authority = Authority::new("ours");
    let folder = folder_with(&authority.pair());
    let gateway = setup(folder.path()).start().await;
    let client = authority.client(None);
    // Not to be normalised on the way: the signature covers these bytes.
    let body = "{ \"id\" :\t\"h2\", \"n\": 1.0 }\n";
    let sent = webhook(&client, &gateway, body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.version(), reqwest::Version::HTTP_2);
    assert!(sent.headers().contains_key("x-request-id"));
    let text = sent.text().await.expect("a body");
    let first: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(first["status"], "accepted");
    let again = post(&client, &gateway, body).await;
    assert_eq!(again.body["status"], "duplicate", "{}", again.text);
    let forged = webhook(&client, &gateway, body).body(format!("{body} "));
    assert_eq!(send(forged).await.status, 401);
    let (_, event) = gateway
        .get(&format!(
            "/v1/events/{}?body=true",
            first["event"].as_str().expect("an id")
        ))
        .await;
    assert_eq!(event["body"], body);
    let hosts = event["headers"].as_array().expect("headers").iter();
    let hosts: Vec<_> = hosts.filter(|header| header[0] == "host").collect();
    assert_eq!(hosts.len(), 1, "as over HTTP/1.1: {event}");
    assert_eq!(hosts[0][1], address(&gateway));
    let metrics = gateway.metrics().await;
    for (outcome, count) in [("accepted", 1), ("duplicate", 1), ("refused", 1)] {
        let line =
            format!("signalpost_webhooks_total{{source=\"stripe\",outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn over_http2_a_signed_address_is_the_one_that_is_registered() {
    let fixture = include_str!("fixtures/providers/twilio/valid.http");
    let (head, body) = fixture.split_once("\n\n").expect("head and body");
    let signature = head
        .split_once("X-Twilio-Signature: ")
        .expect("a signature")
        .1;
    let routes = "[sources.twilio]\nprovider = \"twilio\"\nsecrets = [\"env:SECRET\"]\n";
    let authority = Authority::new("ours");
    let folder = folder_with(&authority.pair());
    let mut setup = setup(folder.path())
        .flag("--public-url", "https://hooks.example.com")
        .env("SECRET", "0b7f3c9d2e5a48416f9b1c7d8e2a5f30");
    routes.clone_into(&mut setup.routes);
    let gateway = setup.start().await;
    let client = authority.client(None);
    let signed = |query: &str| {
        client
            .post(format!("https://{}/hooks/twilio{query}", address(&gateway)))
            .header("X-Twilio-Signature", signature)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
    };
    let answer = signed("").send().await.expect("an answer");
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.status(), 200);
    assert_eq!(send(signed("?a=1")).await.status, 401);
}

#[tokio::test]
async fn over_http2_whom_a_proxy_speaks_for_is_believed_of_a_trusted_one_alone() {
    let authority = Authority::new("ours");
    for (trusted, status) in [("127.0.0.1", 200), ("192.0.2.1", 403)] {
        let folder = folder_with(&authority.pair());
        let mut setup = setup(folder.path()).flag("--trusted-proxies", trusted);
        setup.routes = setup
            .routes
            .replace("[[routes]]", "allow_ips = [\"192.0.2.7\"]\n\n[[routes]]");
        let gateway = setup.start().await;
        let request = webhook(&authority.client(None), &gateway, r#"{"id":"p"}"#)
            .header("X-Forwarded-For", "198.51.100.1")
            .header("X-Forwarded-For", "192.0.2.7");
        assert_eq!(send(request).await.status, status, "{trusted}");
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

#[tokio::test]
async fn clients_may_be_let_in_without_a_certificate_and_never_with_a_bad_one() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let folder = folder_with(&authority.pair());
    let clients = folder.path().join("clients.pem");
    std::fs::write(&clients, authority.pem()).expect("clients.pem");
    let gateway = setup(folder.path())
        .flag("--tls-client-ca", &clients.display().to_string())
        .flag("--tls-client-auth", "optional")
        .start()
        .await;
    for identity in [None, Some(authority.pair())] {
        let client = authority.client(identity.as_ref());
        assert_eq!(post(&client, &gateway, r#"{"id":"o"}"#).await.status, 200);
    }
    let expired = authority.pair_within((2020, 1, 1), (2021, 1, 1));
    for identity in [stranger.pair(), expired] {
        let connector = authority.connector(Some(&identity), rustls::ALL_VERSIONS);
        let error = refusal(&connector, address(&gateway)).await;
        assert!(error.contains("received fatal alert"), "{error}");
    }
    eventually("all four are counted", async || {
        let metrics = gateway.metrics().await;
        [
            r#"signalpost_tls_clients_total{certificate="shown"} 1"#,
            r#"signalpost_tls_clients_total{certificate="none"} 1"#,
            r#"signalpost_tls_handshake_failures_total{reason="client_certificate"} 2"#,
        ]
        .iter()
        .all(|line| metrics.contains(line))
    })
    .await;
    let log = gateway.log();
    assert!(!log.contains("handshake"), "told at debug alone: {log}");
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
