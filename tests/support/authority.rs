//! A certificate authority of one test: server and client certificates, and clients that trust it alone.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Pair {
    /// As `cert.pem` and `key.pem`.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), &self.cert).expect("cert.pem");
        std::fs::write(folder.join("key.pem"), &self.key).expect("key.pem");
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self {
            certificate: params.self_signed(&key).expect("a certificate"),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// For localhost and 127.0.0.1, valid for a long time.
    pub(crate) fn pair(&self) -> Pair {
        self.pair_within((2020, 1, 1), (2120, 1, 1))
    }

    /// The same within these days: year, month, day.
    pub(crate) fn pair_within(&self, from: (i32, u8, u8), to: (i32, u8, u8)) -> Pair {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Pair {
            cert: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Trusts this authority alone; shows `identity` to whoever asks.
    pub(crate) fn client(&self, identity: Option<&Pair>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.pem().as_bytes()).expect("a root");
        let mut builder = reqwest::Client::builder().tls_certs_only([root]);
        if let Some(Pair { cert, key }) = identity {
            let pem = format!("{key}{cert}");
            let identity = reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity");
            builder = builder.identity(identity);
        }
        builder.build().expect("a client")
    }

    /// For single connections, with these versions of TLS.
    pub(crate) fn connector(
        &self,
        identity: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Pair { cert, key }) => {
                let chain = CertificateDer::pem_slice_iter(cert.as_bytes());
                let chain = chain.collect::<Result<_, _>>().expect("certificates");
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
        };
        // They write HTTP/1.1 by hand.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// One encrypted connection, by the newest version.
    pub(crate) async fn connect(&self, address: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = self.connector(None, rustls::ALL_VERSIONS);
        connect(&connector, address).await
    }

    /// The same for a client that offers these protocols, the best one first.
    pub(crate) async fn connect_offering(
        &self,
        address: &str,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = self.connector(None, rustls::ALL_VERSIONS);
        let mut config = ClientConfig::clone(connector.config());
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        connect(&TlsConnector::from(Arc::new(config)), address).await
    }
}

pub(crate) async fn connect(
    connector: &TlsConnector,
    address: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    connector.connect(name, stream).await
}
