//! Against a small https server on loopback, which counts how often it is asked.

use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair};
use rcgen::{PKCS_RSA_SHA256, RsaKeySize};
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::Ia5String;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax};

use super::site::{Page, Site};
use super::*;
use crate::clock::Timestamp;
use crate::verify::certificates::{Certificates, Roots};

/// One that a test authority signed; it is looked at by nobody here.
const PEM: &str = include_str!("../../../tests/fixtures/providers/aws-sns/certificate.pem");

fn page(path: &str) -> Page {
    match path.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "/good" => Some(("200 OK", "", PEM.to_owned())),
        "/moved" => Some(("302 Found", "location: /good\r\n", String::new())),
        "/huge" => Some(("200 OK", "", "x".repeat(64 * 1024 + 1))),
        "/page" => Some(("200 OK", "", "<html>".to_owned())),
        "/slow" => None,
        _ => Some(("404 Not Found", "", String::new())),
    }
}

fn at(site: &Site, path: &str) -> String {
    format!("{}{path}", site.address)
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_kept() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    let url = at(&site, "/good");
    assert!(kept.get(&url).is_none());
    let (a, b, c) = tokio::join!(
        jwks.certificate(&url, &kept, &[]),
        jwks.certificate(&url, &kept, &[]),
        jwks.certificate(&url, &kept, &[])
    );
    assert!(a && b && c);
    assert!(kept.get(&url).is_some());
    assert_eq!(site.asked(), 1);
}

#[tokio::test]
async fn what_is_no_certificate_is_not_kept_and_not_asked_for_again_at_once() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    for (asked, path) in ["/moved", "/huge", "/page", "/absent"].iter().enumerate() {
        let url = at(&site, path);
        for _ in 0..3 {
            assert!(!jwks.certificate(&url, &kept, &[]).await, "{path}");
            assert!(kept.get(&url).is_none(), "{path}");
        }
        assert_eq!(site.asked(), asked + 1, "{path}");
    }
    let plain = at(&site, "/good").replace("https", "http");
    assert!(!jwks.certificate(&plain, &kept, &[]).await);
}

#[tokio::test]
async fn a_host_that_cannot_prove_its_name_is_not_believed() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(false, Options::default()),
        Certificates::default(),
    );
    assert!(!jwks.certificate(&at(&site, "/good"), &kept, &[]).await);
    let (jwks, other) = (site.keeper(true, Options::default()), "127.0.0.1");
    let url = at(&site, "/good").replace("localhost", other);
    assert!(
        !jwks.certificate(&url, &kept, &[]).await,
        "a certificate for another host"
    );
    assert_eq!(site.asked(), 0);
}

#[tokio::test]
async fn a_silent_host_is_given_up_and_only_so_many_are_asked() {
    let site = Site::start(|path, _| page(path)).await;
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
        waiting.spawn(async move { jwks.certificate(&url, &kept, &[]).await });
    }
    while let Some(ended) = waiting.join_next().await {
        assert!(!ended.unwrap());
    }
    assert!(site.asked() <= 4, "few at one time: {}", site.asked());
    // A failed fetch frees its place.
    assert!(jwks.certificate(&at(&site, "/good"), &kept, &[]).await);
}

#[tokio::test]
async fn addresses_without_end_are_not_all_asked() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    for number in 0..80 {
        jwks.certificate(&at(&site, &format!("/absent{number}")), &kept, &[])
            .await;
    }
    assert_eq!(site.asked(), 64);
}

/// What an authority publishes, in PEM: a signer's certificate that says where its issuer's is, and that one.
struct Authority {
    root: String,
    issuer: String,
    signer: String,
}

impl Authority {
    fn new(issuer_at: &str) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            (params, KeyPair::generate().unwrap())
        };
        let (params, key) = authority("root");
        let root = params.self_signed(&key).unwrap().pem();
        let above = Issuer::new(params, key);
        let (params, key) = authority("issuer");
        let issuer = params.signed_by(&key, &above).unwrap().pem();
        let above = Issuer::new(params, key);
        let mut params = CertificateParams::new(vec!["signer.example.com".to_owned()]).unwrap();
        let access = AuthorityInfoAccessSyntax(vec![AccessDescription {
            access_method: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2"),
            access_location: GeneralName::UniformResourceIdentifier(
                Ia5String::new(issuer_at).unwrap(),
            ),
        }]);
        let access = access.to_der().unwrap();
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, access)];
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let signer = params.signed_by(&key, &above).unwrap().pem();
        Self {
            root,
            issuer,
            signer,
        }
    }
}

/// PayPal's address holds the signer's certificate and nothing else.
#[tokio::test]
async fn one_that_comes_alone_is_completed_from_its_authority_and_from_no_other_host() {
    let published = Arc::new(OnceLock::<Authority>::new());
    let pages = Arc::clone(&published);
    let site = Site::start(move |path, _| {
        let published = pages.get().unwrap();
        match path {
            "/signer" => Some(("200 OK", "", published.signer.clone())),
            "/issuer.crt" => Some(("200 OK", "", published.issuer.clone())),
            _ => Some(("404 Not Found", "", String::new())),
        }
    })
    .await;
    let host = site.address.trim_start_matches("https://").to_owned();
    let authority = Authority::new(&format!("http://{host}/issuer.crt"));
    let roots = Roots::from_pem(authority.root.as_bytes()).unwrap();
    published.set(authority).ok();
    let jwks = site.keeper(true, Options::default());
    let url = at(&site, "/signer");
    let now = Timestamp::from_seconds(1_785_585_600);
    let trusted = |kept: &Certificates| {
        let name = |name: &str| name == "signer.example.com";
        kept.get(&url).unwrap().is_trusted(&roots, now, name)
    };

    let kept = Certificates::default();
    let hosts: &'static [&'static str] = vec![&*host.leak()].leak();
    assert!(jwks.certificate(&url, &kept, hosts).await);
    assert!(trusted(&kept));
    assert_eq!(site.asked(), 2);

    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    let others: &[&str] = &["localhost", "cacerts.example.com"];
    assert!(jwks.certificate(&url, &kept, others).await);
    assert!(!trusted(&kept), "as it came");
    assert_eq!(site.asked(), 3);
}

#[tokio::test]
async fn one_whose_issuer_cannot_be_had_is_not_kept() {
    let published = Arc::new(OnceLock::<Authority>::new());
    let pages = Arc::clone(&published);
    let site = Site::start(move |path, _| match path {
        "/signer" => Some(("200 OK", "", pages.get().unwrap().signer.clone())),
        "/page.crt" => Some(("200 OK", "", "<html>".to_owned())),
        _ => Some(("404 Not Found", "", String::new())),
    })
    .await;
    let host = site.address.trim_start_matches("https://").to_owned();
    published
        .set(Authority::new(&format!("http://{host}/page.crt")))
        .ok();
    let hosts: &'static [&'static str] = vec![&*host.leak()].leak();
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    let url = at(&site, "/signer");
    assert!(!jwks.certificate(&url, &kept, hosts).await);
    assert!(kept.get(&url).is_none());
    assert_eq!(site.asked(), 2);
}
