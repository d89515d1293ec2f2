//! PayPal: RSA over the transmission's id and time, the webhook's id and the CRC of the body, by a certificate that the
//! request names.
//!
//! A request may name a certificate of PayPal's hosts alone, under the one path where they stand; it counts if its chain
//! ends at a trusted authority and its name is one of PayPal's. They serve it without its chain (as
//! PayPal-Java-SDK's `ValidateCertTest` has it): the rest is fetched from the authority that it names.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;

use crate::verify::certificates::{Certificate, Certificates, Hash, Roots};
use crate::verify::given::{Fault, Given};
use crate::verify::spec::{Encoding, Unit};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest, freshness};

use super::sns::copies;

const ID: HeaderName = HeaderName::from_static("paypal-transmission-id");
const TIME: HeaderName = HeaderName::from_static("paypal-transmission-time");
const SIGNATURE: HeaderName = HeaderName::from_static("paypal-transmission-sig");
const ADDRESS: HeaderName = HeaderName::from_static("paypal-cert-url");
const ALGORITHM: HeaderName = HeaderName::from_static("paypal-auth-algo");

/// The one algorithm in use; what the header names else is refused, never obeyed.
const SHA256_RSA: &str = "SHA256withRSA";
const HOSTS: [&str; 4] = [
    "api.paypal.com",
    "api.sandbox.paypal.com",
    "api-m.paypal.com",
    "api-m.sandbox.paypal.com",
];
const PATH: &str = "/v1/notifications/certs/";
/// Where the certificates of PayPal's authority are.
const AUTHORITIES: &[&str] = &["cacerts.digicert.com"];

#[derive(Debug)]
struct PayPal {
    webhook_id: String,
    copies: HashMap<String, Arc<Certificate>>,
    fetched: Certificates,
    roots: Roots,
    authorities: &'static [&'static str],
    tolerance: Option<Duration>,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let webhook_id = given.webhook_id.clone().unwrap_or_default();
    if webhook_id.is_empty() || webhook_id.contains('|') {
        let message =
            "`webhook_id` is needed: the id of the webhook, as in the developer dashboard";
        return Err(Fault::new("webhook_id", message));
    }
    let copies = copies(given, is_ours)?;
    let (roots, authorities) = match &given.roots {
        None => (Roots::public(), AUTHORITIES),
        // Whoever says whom to trust may have the issuer itself among them.
        Some(pem) => {
            let message = "this file holds no certificates in PEM";
            let roots = Roots::from_pem(pem).ok_or_else(|| Fault::new("roots", message))?;
            (roots, [].as_slice())
        }
    };
    if let Some(fault) = incomplete(&copies, authorities) {
        return Err(fault);
    }
    Ok(Box::new(PayPal {
        webhook_id,
        copies,
        fetched: given.fetched.clone(),
        roots,
        authorities,
        tolerance: given.tolerance,
    }))
}

impl PayPal {
    fn certificate(&self, url: &str) -> Option<Arc<Certificate>> {
        self.copies
            .get(url)
            .cloned()
            .or_else(|| self.fetched.get(url))
    }
}

impl Verifier for PayPal {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let malformed = |name: HeaderName| Refusal::Malformed(name.to_string());
        let id = request.required(&ID)?;
        // Else the id could be read as the id and more of what is signed.
        if id.is_empty() || id.contains('|') {
            return Err(malformed(ID));
        }
        let time = request.required(&TIME)?;
        let at = Unit::Iso.read(time).ok_or_else(|| malformed(TIME))?;
        let signature = Encoding::Base64
            .decode("", false, request.required(&SIGNATURE)?)
            .ok_or_else(|| malformed(SIGNATURE))?;
        if request.required(&ALGORITHM)? != SHA256_RSA {
            return Err(malformed(ALGORITHM));
        }
        let url = request.required(&ADDRESS)?;
        if !is_ours(url) {
            return Err(malformed(ADDRESS));
        }
        let certificate = self.certificate(url).ok_or(Refusal::NoCertificate)?;
        let sum = crc32fast::hash(&request.body);
        let message = format!("{id}|{time}|{}|{sum}", self.webhook_id);
        if !certificate.verifies(Hash::Sha256, message.as_bytes(), &signature) {
            return Err(Refusal::BadSignature);
        }
        if !certificate.is_trusted(&self.roots, moment.now, is_paypals_name) {
            return Err(Refusal::Untrusted);
        }
        freshness::signed(at, Unit::Iso, self.tolerance, moment.retention, moment.now)?;
        Ok(Seal {
            signed_at: Some(at),
            ..Seal::default()
        })
    }

    fn sign(&self, _: Draft<'_>) -> Option<Signed> {
        None
    }

    fn wants(&self, request: &WebhookRequest) -> Option<Wanted> {
        let url = request.required(&ADDRESS).ok()?;
        if !is_ours(url) || self.certificate(url).is_some() {
            return None;
        }
        Some(Wanted::Certificate {
            url: url.to_owned(),
            kept: self.fetched.clone(),
            authorities: self.authorities,
        })
    }
}

/// A copy without its chain would never be trusted, and nothing is fetched for a copy.
fn incomplete(copies: &HashMap<String, Arc<Certificate>>, authorities: &[&str]) -> Option<Fault> {
    copies.iter().find_map(|(url, certificate)| {
        let issuer = certificate.issuer_at(authorities)?;
        let message = format!(
            "the copy of `{url}` holds the signer's certificate alone: append its issuer's, in PEM, from {issuer}"
        );
        Some(Fault::new("certificates", message))
    })
}

/// https, one of the hosts to the letter, and one plain segment under the path.
fn is_ours(url: &str) -> bool {
    let rest = url.strip_prefix("https://");
    let parts = rest.and_then(|rest| HOSTS.iter().find_map(|host| rest.strip_prefix(host)));
    let name = parts.and_then(|path| path.strip_prefix(PATH));
    name.is_some_and(|name| {
        (1..=128).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

fn is_paypals_name(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".paypal.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paypals_own_addresses_are_believed() {
        let good =
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a9c2b1f";
        assert!(is_ours(good));
        for bad in [
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
            "https://evil.example/api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
            "https://evil.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:444/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://api.paypal.com/v1/notifications/certs/../../x",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?x",
            "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
            "https://api.paypal.com/v1/notifications/certs/%2e%2e",
            "https://API.PAYPAL.COM/v1/notifications/certs/CERT-1",
            " https://api.paypal.com/v1/notifications/certs/CERT-1",
            "",
        ] {
            assert!(!is_ours(bad), "{bad}");
        }
    }
}
