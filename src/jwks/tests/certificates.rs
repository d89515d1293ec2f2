//! Against a small https server on loopback, which counts how often it is asked.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::verify::certificates::Certificates;

/// One that a test authority signed; it is looked at by nobody here.
const PEM: &str = include_str!("../../../tests/fixtures/providers/aws-sns/certificate.pem");

/// Serves a page by its path until the test ends; its authority is trusted by the client that comes with it.
struct Site {
    asked: Arc<AtomicUsize>,
    address: String,
    authority: reqwest::Certificate,
}

impl Site {
    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&own, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream, Arc::clone(&counted)));
            }
        });
        Self {
            asked,
            address: format!("https://localhost:{port}"),
            authority: reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn keeper(&self, trusted: bool, options: Options) -> Jwks {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = if trusted {
            builder.tls_certs_only([self.authority.clone()])
        } else {
            builder
        };
        Jwks {
            client: client.build().unwrap(),
            ..Jwks::new(options).unwrap()
        }
    }
}

async fn answer(acceptor: TlsAcceptor, stream: tokio::net::TcpStream, asked: Arc<AtomicUsize>) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let (status, extra, body) = match path.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "/good" => ("200 OK", "", PEM.to_owned()),
        "/moved" => ("302 Found", "location: /good\r\n", String::new()),
        "/huge" => ("200 OK", "", "x".repeat(64 * 1024 + 1)),
        "/page" => ("200 OK", "", "<html>".to_owned()),
        // Nothing more ever comes.
        "/slow" => return std::future::pending().await,
        _ => ("404 Not Found", "", String::new()),
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{extra}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

fn at(site: &Site, path: &str) -> String {
    format!("{}{path}", site.address)
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_kept() {
    let site = Site::start().await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    let url = at(&site, "/good");
    assert!(kept.get(&url).is_none());
    let (a, b, c) = tokio::join!(
        jwks.certificate(&url, &kept),
        jwks.certificate(&url, &kept),
        jwks.certificate(&url, &kept)
    );
    assert!(a && b && c);
    assert!(kept.get(&url).is_some());
    assert_eq!(site.asked(), 1);
}

#[tokio::test]
async fn what_is_no_certificate_is_not_kept_and_not_asked_for_again_at_once() {
    let site = Site::start().await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    for (asked, path) in ["/moved", "/huge", "/page", "/absent"].iter().enumerate() {
        let url = at(&site, path);
        for _ in 0..3 {
            assert!(!jwks.certificate(&url, &kept).await, "{path}");
            assert!(kept.get(&url).is_none(), "{path}");
        }
        assert_eq!(site.asked(), asked + 1, "{path}");
    }
    let plain = at(&site, "/good").replace("https", "http");
    assert!(!jwks.certificate(&plain, &kept).await);
}

#[tokio::test]
async fn a_host_that_cannot_prove_its_name_is_not_believed() {
    let site = Site::start().await;
    let (jwks, kept) = (
        site.keeper(false, Options::default()),
        Certificates::default(),
    );
    assert!(!jwks.certificate(&at(&site, "/good"), &kept).await);
    let (jwks, other) = (site.keeper(true, Options::default()), "127.0.0.1");
    let url = at(&site, "/good").replace("localhost", other);
    assert!(
        !jwks.certificate(&url, &kept).await,
        "a certificate for another host"
    );
    assert_eq!(site.asked(), 0);
}

#[tokio::test]
async fn a_silent_host_is_given_up_and_only_so_many_are_asked() {
    let site = Site::start().await;
    let options = Options {
        timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let (jwks, kept) = (
        Arc::new(site.keeper(true, options)),
        Certificates::default(),
    );
    let mut waiting = JoinSet::new();
    for number in 0..20 {
        let (jwks, kept, url) = (
            Arc::clone(&jwks),
            kept.clone(),
            at(&site, &format!("/slow{number}")),
        );
        waiting.spawn(async move { jwks.certificate(&url, &kept).await });
    }
    while let Some(ended) = waiting.join_next().await {
        assert!(!ended.unwrap());
    }
    assert!(site.asked() <= 4, "few at one time: {}", site.asked());
    // A failed fetch frees its place.
    assert!(jwks.certificate(&at(&site, "/good"), &kept).await);
}

#[tokio::test]
async fn addresses_without_end_are_not_all_asked() {
    let site = Site::start().await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    for number in 0..80 {
        jwks.certificate(&at(&site, &format!("/absent{number}")), &kept)
            .await;
    }
    assert_eq!(site.asked(), 64);
}
