//! Certificates that signatures are checked with: read from PEM, kept by the address they came from.
//!
//! A scheme decides which addresses it believes, and looks here; `jwks` fetches what is not here and puts it in. What an
//! address holds never changes in meaning: providers publish another certificate at another address.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::AuthorityInfoAccessSyntax;
use x509_cert::ext::pkix::name::GeneralName;

use crate::clock::Timestamp;

/// More than all providers have in use at one time.
const MAX_KEPT: usize = 64;
/// Of RFC 5280, 4.2.2.1: where the certificate of the issuer is.
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
const MAX_FILE_NAME: usize = 128;

/// What was fetched, by address. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Certificates(Arc<ArcSwap<HashMap<String, Arc<Certificate>>>>);

impl Certificates {
    #[must_use]
    pub fn get(&self, url: &str) -> Option<Arc<Certificate>> {
        self.0.load().get(url).cloned()
    }

    /// A full store is emptied first: what is in use comes back at the next request.
    pub fn put(&self, url: &str, certificate: &Arc<Certificate>) {
        self.0.rcu(|kept| {
            let mut kept = if kept.len() < MAX_KEPT {
                HashMap::clone(kept)
            } else {
                HashMap::new()
            };
            kept.insert(url.to_owned(), Arc::clone(certificate));
            kept
        });
    }
}

/// The hash under a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// What some senders still use.
    Sha1,
    Sha256,
}

/// A certificate with an RSA key, and those that came with it.
pub struct Certificate {
    leaf: CertificateDer<'static>,
    others: Vec<CertificateDer<'static>>,
    sha1: ParsedPublicKey,
    sha256: ParsedPublicKey,
}

/// Why a text is of no use as a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("no certificate in PEM")]
    NotPem,
    #[error("not a certificate of X.509, version 3")]
    Unreadable,
    #[error("its key is not RSA of 2048 bits or more")]
    Key,
}

impl Certificate {
    /// The first certificate of a PEM file is the signer's; any more are its chain.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateFault> {
        let mut all = all_of(pem).ok_or(CertificateFault::NotPem)?.into_iter();
        let leaf = all.next().ok_or(CertificateFault::NotPem)?;
        let key = EndEntityCert::try_from(&leaf)
            .map_err(|_| CertificateFault::Unreadable)?
            .subject_public_key_info();
        let read = |algorithm| {
            ParsedPublicKey::new(algorithm, key.as_ref()).map_err(|_| CertificateFault::Key)
        };
        Ok(Self {
            sha1: read(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)?,
            sha256: read(&RSA_PKCS1_2048_8192_SHA256)?,
            leaf,
            others: all.collect(),
        })
    }

    /// Where its issuer's certificate is, by https: for one that came alone, if it names a file of one of these hosts.
    #[must_use]
    pub fn issuer_at(&self, hosts: &[&str]) -> Option<String> {
        if !self.others.is_empty() {
            return None;
        }
        let read = x509_cert::Certificate::from_der(&self.leaf).ok()?;
        let access = read.tbs_certificate().get_extension();
        let (_, access) = access.ok()??;
        let AuthorityInfoAccessSyntax(places) = access;
        let mut issuers = places
            .iter()
            .filter(|place| place.access_method == CA_ISSUERS);
        issuers.find_map(|place| match &place.access_location {
            GeneralName::UniformResourceIdentifier(url) => file_at(url.as_str(), hosts),
            _ => None,
        })
    }

    /// With its issuer's certificate, in DER (as authorities publish them) or PEM. Whether it is the issuer's shows when
    /// the chain is judged.
    pub fn with_issuer(mut self, bytes: &[u8]) -> Result<Self, CertificateFault> {
        let issuer = CertificateDer::from_pem_slice(bytes)
            .unwrap_or_else(|_| CertificateDer::from(bytes.to_vec()));
        anchor_from_trusted_cert(&issuer).map_err(|_| CertificateFault::Unreadable)?;
        self.others.push(issuer.into_owned());
        Ok(self)
    }

    /// RSA, PKCS#1 v1.5.
    #[must_use]
    pub fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let key = match hash {
            Hash::Sha1 => &self.sha1,
            Hash::Sha256 => &self.sha256,
        };
        key.verify_sig(message, signature).is_ok()
    }

    /// Valid now, for a name that `fits`, by a chain of valid certificates that ends at one of the roots.
    #[must_use]
    pub fn is_trusted(&self, roots: &Roots, now: Timestamp, fits: impl Fn(&str) -> bool) -> bool {
        let Ok(seconds) = u64::try_from(now.seconds()) else {
            return false;
        };
        let Ok(leaf) = EndEntityCert::try_from(&self.leaf) else {
            return false;
        };
        let path = leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &roots.0,
            &self.others,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::server_auth(),
            None,
            None,
        );
        path.is_ok() && leaf.valid_dns_names().any(fits)
    }
}

/// A certificate is public, and long.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(…)")
    }
}

/// The authorities that a chain may end at.
#[derive(Debug)]
pub struct Roots(Cow<'static, [TrustAnchor<'static>]>);

impl Roots {
    /// Those that browsers trust.
    #[must_use]
    pub fn public() -> Self {
        Self(Cow::Borrowed(webpki_roots::TLS_SERVER_ROOTS))
    }

    /// At least one certificate, every one of them readable.
    #[must_use]
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let anchors = all_of(pem)?
            .iter()
            .map(|certificate| Some(anchor_from_trusted_cert(certificate).ok()?.to_owned()))
            .collect::<Option<Vec<_>>>()?;
        (!anchors.is_empty()).then_some(Self(Cow::Owned(anchors)))
    }
}

/// The address by https of a plain file at the top of one of these hosts. Certificates name theirs by http; what comes is
/// believed for the signatures on it, and is the same by either.
fn file_at(named: &str, hosts: &[&str]) -> Option<String> {
    let rest = named
        .strip_prefix("http://")
        .or_else(|| named.strip_prefix("https://"))?;
    let (host, file) = rest.split_once('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=MAX_FILE_NAME).contains(&file.len()) && file.bytes().all(plain);
    (fits && hosts.contains(&host)).then(|| format!("https://{host}/{file}"))
}

fn all_of(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()
}
