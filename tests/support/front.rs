//! What stands before a Temporal that is not open to everybody: ends TLS, asks for certificates, hands the bytes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Pair};

/// Ends with all of its connections when dropped.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    server: String,
    own: Pair,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    /// The certificates of those let in, in their order.
    shown: Arc<Mutex<Vec<CertificateDer<'static>>>>,
    accepting: JoinHandle<()>,
}

impl Front {
    /// With a certificate of `authority`; `clients`: lets in only those who have one of that authority.
    pub(crate) async fn to(
        server: &str,
        authority: &Authority,
        clients: Option<&Authority>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let own = authority.pair();
        let config = Arc::new(Mutex::new(config(&own, clients)));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (settings, seen) = (Arc::clone(&config), Arc::clone(&shown));
        let accepting = accept(listener, server.to_owned(), settings, seen);
        Self {
            address,
            server: server.to_owned(),
            own,
            config,
            shown,
            accepting: tokio::spawn(accepting),
        }
    }

    /// Breaks every connection and takes none, until [`Self::open`].
    pub(crate) async fn close(&mut self) {
        self.accepting.abort();
        let ended = (&mut self.accepting).await;
        assert!(ended.is_err(), "it accepts until it is told to stop");
    }

    /// At the same address again.
    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("still free");
        let (config, shown) = (Arc::clone(&self.config), Arc::clone(&self.shown));
        let accepting = accept(listener, self.server.clone(), config, shown);
        self.accepting = tokio::spawn(accepting);
    }

    /// From now on new connections need a certificate of this authority.
    pub(crate) fn demand(&self, clients: &Authority) {
        *self.config.lock().unwrap() = config(&self.own, Some(clients));
    }

    pub(crate) fn has_seen(&self, pair: &Pair) -> bool {
        let own = CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("a certificate");
        self.shown.lock().unwrap().contains(&own)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn config(own: &Pair, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(clients.pem().as_bytes());
            roots.add(root.expect("a certificate")).expect("a root");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let chain = CertificateDer::pem_slice_iter(own.cert.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
    let mut config = builder
        .with_single_cert(chain.expect("certificates"), key)
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

async fn accept(
    listener: TcpListener,
    server: String,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    shown: Arc<Mutex<Vec<CertificateDer<'static>>>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = TlsAcceptor::from(Arc::clone(&config.lock().unwrap()));
        let (shown, server) = (Arc::clone(&shown), server.clone());
        connections.spawn(async move {
            let Ok(mut client) = acceptor.accept(client).await else {
                return;
            };
            if let Some([own, ..]) = client.get_ref().1.peer_certificates() {
                shown.lock().unwrap().push(own.clone().into_owned());
            }
            if let Ok(mut server) = TcpStream::connect(server).await {
                copy_bidirectional(&mut client, &mut server).await.ok();
            }
        });
    }
}
