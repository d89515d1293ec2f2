//! From PEM files to a configuration of rustls: certificate and key, and whose clients are let in.
//!
//! Everything that clients would trip over later is found here: a key of another certificate, one that
//! is encrypted, a certificate out of its time. An error names the file and what to do, never what
//! stands in it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::config::Files;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The server's own certificate first, then those between it and the root.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Given: clients are asked for a certificate of one of these authorities.
    pub client_ca: Option<PathBuf>,
    pub client_auth: ClientAuth,
}

/// Whether clients that are asked for a certificate must have one. A bad one is refused by either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    #[default]
    Required,
    Optional,
}

impl FromStr for ClientAuth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            _ => Err("allowed is required or optional"),
        }
    }
}

/// Why the files cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{flag} {path} cannot be read: {source}")]
    Unreadable {
        flag: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{flag} {path} holds no readable certificate; it must be PEM, `-----BEGIN CERTIFICATE-----`"
    )]
    NoCertificate { flag: &'static str, path: PathBuf },
    #[error("{flag} {path} holds a certificate that cannot be used: {source}")]
    BadCertificate {
        flag: &'static str,
        path: PathBuf,
        source: rustls::Error,
    },
    #[error(
        "--tls-key {0} holds no readable private key; it must be PEM, `-----BEGIN PRIVATE KEY-----`"
    )]
    NoKey(PathBuf),
    #[error(
        "--tls-key {0} is encrypted, and nobody is there to type its password; decrypt it \
         (openssl pkey -in KEY -out KEY.pem) and let only the gateway read it"
    )]
    EncryptedKey(PathBuf),
    #[error(
        "--tls-key {0} holds a key that cannot be used; RSA from 2048 bits, ECDSA on P-256, P-384 \
         or P-521, and Ed25519 can"
    )]
    UnusableKey(PathBuf),
    #[error(
        "--tls-key {key} is not the key of --tls-cert {cert}; its first certificate must be the \
         server's own"
    )]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("the certificate of --tls-cert {path} expired at {not_after}; renew it")]
    Expired { path: PathBuf, not_after: Timestamp },
    #[error(
        "the certificate of --tls-cert {path} is not valid before {not_before}; wait, or set this \
         machine's clock right"
    )]
    NotYet {
        path: PathBuf,
        not_before: Timestamp,
    },
    #[error("TLS cannot be set up: {0}")]
    Other(rustls::Error),
}

pub(super) struct Pair {
    pub(super) config: Arc<ServerConfig>,
    /// From then on clients refuse the certificate.
    pub(super) not_after: Timestamp,
}

pub(super) const HTTP_2: &[u8] = b"h2";
const CERT: &str = "--tls-cert";
const CLIENT_CA: &str = "--tls-client-ca";

/// Reads all of it; `files` remembers what was found, also where it is refused.
pub(super) fn load(paths: &Paths, files: &mut Files, now: Timestamp) -> Result<Pair, Error> {
    let chain = read(files, CERT, &paths.cert);
    let key = read(files, "--tls-key", &paths.key);
    let client_ca = paths
        .client_ca
        .as_ref()
        .map(|path| (path, read(files, CLIENT_CA, path)));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = certificates(CERT, &paths.cert, &chain?)?;
    let not_after = valid_until(&paths.cert, &chain, now)?;
    let certified = certified(paths, chain, &key?, &provider)?;
    let clients: Arc<dyn ClientCertVerifier> = match client_ca {
        None => Arc::new(NoClientAuth),
        Some((path, pem)) => clients_of(path, &pem?, paths.client_auth, &provider)?,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Other)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    // In the order of our liking; who names neither is HTTP/1.1.
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(Pair {
        config: Arc::new(config),
        not_after,
    })
}

type Pem = Zeroizing<Vec<u8>>;

fn read(files: &mut Files, flag: &'static str, path: &Path) -> Result<Pem, Error> {
    let read = files.read(path).map_err(|source| Error::Unreadable {
        flag,
        path: path.to_owned(),
        source,
    });
    read.map(Zeroizing::new)
}

/// All of a file's certificates, at least one.
fn certificates(
    flag: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    // The parser's errors may repeat a line of the file.
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(Error::NoCertificate {
            flag,
            path: path.to_owned(),
        }),
    }
}

fn certified(
    paths: &Paths,
    chain: Vec<CertificateDer<'static>>,
    pem: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let key = || paths.key.clone();
    if is_encrypted(pem) {
        return Err(Error::EncryptedKey(key()));
    }
    let private = PrivateKeyDer::from_pem_slice(pem).map_err(|_| Error::NoKey(key()))?;
    let private = provider
        .key_provider
        .load_private_key(private)
        .map_err(|_| Error::UnusableKey(key()))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        // Not to be known is no fault.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(_) => Err(Error::Mismatch {
            cert: paths.cert.clone(),
            key: key(),
        }),
    }
}

/// The labels of PKCS #8, and of OpenSSL's older form.
fn is_encrypted(pem: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
        b"Proc-Type: 4,ENCRYPTED",
    ];
    let has = |mark: &&[u8]| pem.windows(mark.len()).any(|window| window == *mark);
    marks.iter().any(has)
}

fn clients_of(
    path: &Path,
    pem: &[u8],
    auth: ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(CLIENT_CA, path, pem)? {
        authorities
            .add(certificate)
            .map_err(|source| Error::BadCertificate {
                flag: CLIENT_CA,
                path: path.to_owned(),
                source,
            })?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(provider));
    let builder = match auth {
        ClientAuth::Required => builder,
        ClientAuth::Optional => builder.allow_unauthenticated(),
    };
    builder
        .build()
        .map_err(|error| Error::Other(rustls::Error::General(error.to_string())))
}

/// When the server's own certificate expires, if it is valid now.
fn valid_until(
    path: &Path,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Timestamp, Error> {
    let bad = |source| Error::BadCertificate {
        flag: CERT,
        path: path.to_owned(),
        source,
    };
    let path = path.to_owned();
    let own = chain.first().ok_or_else(|| Error::NoCertificate {
        flag: CERT,
        path: path.clone(),
    })?;
    let own = ParsedCertificate::try_from(own).map_err(bad)?;
    // A certificate's times are shown in their refusal alone: so it is judged at the ends of time.
    let not_before = match judged(&own, 0) {
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        }) => timestamp(not_before),
        _ => Timestamp::default(),
    };
    let not_after = match judged(&own, u64::MAX) {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after, ..
        }) => timestamp(not_after),
        other => return Err(bad(other)),
    };
    if now > not_after {
        return Err(Error::Expired { path, not_after });
    }
    if now < not_before {
        return Err(Error::NotYet { path, not_before });
    }
    Ok(not_after)
}

/// Why nobody who trusts no authority takes this certificate at that second; its times come first.
fn judged(certificate: &ParsedCertificate<'_>, second: u64) -> rustls::Error {
    let at = UnixTime::since_unix_epoch(Duration::from_secs(second));
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(certificate, &nobody, &[], at, &[]) {
        Err(error) => error,
        Ok(()) => rustls::Error::General("trusted by nobody, and yet believed".to_owned()),
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
