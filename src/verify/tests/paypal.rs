//! PayPal's certificates: asked for where they are not at hand, and completed where they come alone.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::certificates::{Certificate, Roots};
use super::super::verifier::Wanted;
use super::code_schemes::{PAYPAL, build, fixture, given};
use super::*;

#[test]
fn a_certificate_is_asked_for_once_the_rest_of_the_request_is_well_formed() {
    let mut given = given("paypal");
    given.certificates.clear();
    let source = source(Proof::Scheme(build("paypal", &given).unwrap()));
    let wants = |url: &str| {
        let headers = [("paypal-cert-url".to_owned(), url.to_owned())];
        keys_for(&source, &request(&headers, "", "{}"))
    };
    let Some(Wanted::Certificate {
        url,
        kept,
        authorities,
    }) = wants(PAYPAL)
    else {
        panic!("a certificate is wanted");
    };
    assert_eq!(url, PAYPAL);
    assert!(authorities.is_empty(), "`roots` says whom to trust");
    let pem = fixture!("paypal/certificate.pem");
    let certificate = Certificate::from_pem(pem).unwrap();
    kept.put(&url, &Arc::new(certificate));
    assert!(wants(PAYPAL).is_none(), "it is there now");
    assert!(wants("https://evil.example/v1/notifications/certs/CERT-1").is_none());
}

/// What PayPal serves: a certificate alone, in PEM.
#[test]
fn paypals_certificate_comes_without_its_chain_and_is_completed() {
    let alone = fixture!("paypal/alone.pem");
    let mut given = given("paypal");
    given.roots = None;
    given.certificates.clear();
    let paypal = source(Proof::Scheme(build("paypal", &given).unwrap()));
    let headers = [("paypal-cert-url".to_owned(), PAYPAL.to_owned())];
    let wanted = keys_for(&paypal, &request(&headers, "", "{}"));
    let Some(Wanted::Certificate { authorities, .. }) = wanted else {
        panic!("a certificate is wanted");
    };
    let signer = Certificate::from_pem(alone).unwrap();
    assert_eq!(
        signer.issuer_at(authorities).as_deref(),
        Some("https://cacerts.digicert.com/SignalpostTestsCA-1.crt")
    );
    assert_eq!(signer.issuer_at(&["digicert.com", "com"]), None);
    let roots = Roots::from_pem(fixture!("paypal/alone-root.pem")).unwrap();
    let at = Timestamp::from_seconds(1_785_585_600);
    let name = |name: &str| name == "messageverificationcerts.sandbox.paypal.com";
    assert!(!signer.is_trusted(&roots, at, name));
    let pem = fixture!("paypal/alone-issuer.pem");
    let der = CertificateDer::from_pem_slice(pem).unwrap();
    let whole = signer.with_issuer(&der).unwrap();
    assert!(whole.is_trusted(&roots, at, name));
    assert!(!whole.is_trusted(&Roots::public(), at, |_| false));
    assert_eq!(whole.issuer_at(authorities), None, "it is whole");
    let signer = Certificate::from_pem(alone).unwrap();
    assert!(signer.with_issuer(b"<html>").is_err());

    given.certificates = vec![(PAYPAL.to_owned(), alone.to_vec())];
    let fault = build("paypal", &given).unwrap_err();
    assert_eq!(fault.key, "certificates");
    assert!(
        fault.message.contains("SignalpostTestsCA-1.crt"),
        "{}",
        fault.message
    );
}
