//! A small https server on loopback, which counts how often it is asked.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Answers until the test ends; its authority is trusted by the client that comes with it.
pub(super) struct Site {
    asked: Arc<AtomicUsize>,
    pub(super) address: String,
    authority: reqwest::Certificate,
}

/// Status, more header lines, body. None: nothing ever comes.
pub(super) type Page = Option<(&'static str, &'static str, String)>;
/// By path and body.
type Pages = Arc<dyn Fn(&str, &str) -> Page + Send + Sync>;

impl Site {
    pub(super) async fn start(pages: impl Fn(&str, &str) -> Page + Send + Sync + 'static) -> Self {
        let pages: Pages = Arc::new(pages);
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
                let (pages, counted) = (Arc::clone(&pages), Arc::clone(&counted));
                tokio::spawn(answer(acceptor.clone(), stream, pages, counted));
            }
        });
        Self {
            asked,
            address: format!("https://localhost:{port}"),
            authority: reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap(),
        }
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn keeper(&self, trusted: bool, options: Options) -> Jwks {
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

async fn answer(
    acceptor: TlsAcceptor,
    stream: tokio::net::TcpStream,
    pages: Pages,
    asked: Arc<AtomicUsize>,
) {
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
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    asked.fetch_add(1, Ordering::SeqCst);
    let path = head.split(' ').nth(1).unwrap();
    let Some((status, extra, body)) = pages(path, std::str::from_utf8(&body).unwrap()) else {
        return std::future::pending().await;
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{extra}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}
