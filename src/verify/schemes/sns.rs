//! Amazon SNS: RSA over certain fields of the message, by a certificate that the message names.
//!
//! A message may name a certificate of SNS's own hosts alone. They serve it without its chain: that it came from them by
//! https is what makes it theirs. Fields that are not signed (`MessageAttributes`, `UnsubscribeURL`) prove nothing.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::verify::certificates::{Certificate, Certificates, Hash};
use crate::verify::given::{Fault, Given};
use crate::verify::spec::{Encoding, Unit};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest, freshness};

#[derive(Debug)]
struct Sns {
    topics: Vec<String>,
    copies: HashMap<String, Arc<Certificate>>,
    fetched: Certificates,
    tolerance: Option<Duration>,
}

/// What of a message is signed, or says how.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Message")]
    text: String,
    #[serde(rename = "MessageId")]
    id: String,
    subject: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    timestamp: String,
    token: Option<String>,
    topic_arn: String,
    signature: String,
    signature_version: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    if given.topics.is_empty() {
        let message = "`topics` is needed: anybody may have a topic, and SNS signs for all of them";
        return Err(Fault::new("topics", message));
    }
    Ok(Box::new(Sns {
        topics: given.topics.clone(),
        copies: copies(given, is_ours)?,
        fetched: given.fetched.clone(),
        tolerance: given.tolerance,
    }))
}

/// The copies that a source gives, each of an address that the scheme allows.
pub(super) fn copies(
    given: &Given,
    allowed: fn(&str) -> bool,
) -> Result<HashMap<String, Arc<Certificate>>, Fault> {
    let copy = |(index, (url, pem)): (usize, &(String, Vec<u8>))| {
        let fault = |message| Fault::at("certificates", index, message);
        if !allowed(url) {
            let message =
                format!("`{url}` is no address from which this provider's certificates come");
            return Err(fault(message));
        }
        let certificate = Certificate::from_pem(pem)
            .map_err(|why| fault(format!("the copy of `{url}`: {why}")))?;
        Ok((url.clone(), Arc::new(certificate)))
    };
    given.certificates.iter().enumerate().map(copy).collect()
}

impl Sns {
    fn certificate(&self, url: &str) -> Option<Arc<Certificate>> {
        self.copies
            .get(url)
            .cloned()
            .or_else(|| self.fetched.get(url))
    }

    fn read(&self, request: &WebhookRequest) -> Result<Message, Refusal> {
        let malformed = |name: &str| Refusal::Malformed(name.to_owned());
        let message: Message =
            serde_json::from_slice(&request.body).map_err(|_| malformed("Signature"))?;
        if !self.topics.contains(&message.topic_arn) {
            return Err(Refusal::NotOurs("the topic is not among `topics`"));
        }
        if !is_ours(&message.signing_cert_url) {
            return Err(malformed("SigningCertURL"));
        }
        Ok(message)
    }
}

impl Verifier for Sns {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let malformed = |name: &str| Refusal::Malformed(name.to_owned());
        let message = self.read(request)?;
        let hash = match message.signature_version.as_str() {
            "1" => Hash::Sha1,
            "2" => Hash::Sha256,
            _ => return Err(malformed("SignatureVersion")),
        };
        let at = Unit::Iso
            .read(&message.timestamp)
            .ok_or_else(|| malformed("Timestamp"))?;
        let signature = Encoding::Base64
            .decode("", false, &message.signature)
            .ok_or_else(|| malformed("Signature"))?;
        let signed = message.signed().ok_or_else(|| malformed("Type"))?;
        let certificate = self
            .certificate(&message.signing_cert_url)
            .ok_or(Refusal::NoCertificate)?;
        if !certificate.verifies(hash, signed.as_bytes(), &signature) {
            return Err(Refusal::BadSignature);
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
        let url = self.read(request).ok()?.signing_cert_url;
        if self.certificate(&url).is_some() {
            return None;
        }
        let kept = self.fetched.clone();
        Some(Wanted::Certificate {
            url,
            kept,
            authorities: &[],
        })
    }
}

impl Message {
    /// Names and values, a line each, as this type of message has them; none where a field is missing, or has a line
    /// break by which it could pass for two.
    fn signed(&self) -> Option<String> {
        let mut text = format!("Message\n{}\n", self.text);
        let (subject, url, token) = match self.kind.as_str() {
            "Notification" => (self.subject.as_ref(), None, None),
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                let url = Some(self.subscribe_url.as_ref()?);
                (None, url, Some(self.token.as_ref()?))
            }
            _ => return None,
        };
        for (name, value) in [
            ("MessageId", Some(&self.id)),
            ("Subject", subject),
            ("SubscribeURL", url),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", token),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(&self.kind)),
        ] {
            let Some(value) = value else { continue };
            if value.contains('\n') {
                return None;
            }
            write!(text, "{name}\n{value}\n").ok()?;
        }
        Some(text)
    }
}

/// `sns.REGION.amazonaws.com`, with `.cn` behind it in China; `sns.REGION.amazonaws.eu` in the European Sovereign Cloud.
///
/// A region is `eu-west-1`, `us-gov-east-1` or the like, and only that: under `sns.s3-us-west-2.amazonaws.com` stands
/// whatever somebody put into a bucket named `sns`.
pub(in crate::verify) fn is_host(host: &str) -> bool {
    let rest = host.strip_prefix("sns.").unwrap_or_default();
    let Some((region, domain)) = rest.split_once('.') else {
        return false;
    };
    let mut parts = region.split('-');
    let (area, number) = (parts.next().unwrap_or_default(), parts.next_back());
    let expected = match area {
        "cn" => "amazonaws.com.cn",
        "eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    let letters =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let one_digit = number.is_some_and(|part| matches!(part.as_bytes(), [b'0'..=b'9']));
    let names: Vec<&str> = parts.collect();
    domain == expected
        && (area.len() == 2 || area == "eusc")
        && letters(area)
        && (1..=3).contains(&names.len())
        && names.iter().all(|name| letters(name) && name.len() <= 16)
        && one_digit
}

/// `https://sns.REGION.amazonaws.com/NAME.pem`, or at the other domains of `is_host`.
fn is_ours(url: &str) -> bool {
    let rest = url.strip_prefix("https://");
    let Some((host, path)) = rest.and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let name = path.strip_suffix(".pem").unwrap_or_default();
    is_host(host) && (1..=128).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_sns_are_believed() {
        for good in [
            "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem",
            "https://sns.us-gov-east-1.amazonaws.com/a.pem",
            "https://sns.ap-southeast-7.amazonaws.com/a.pem",
            "https://sns.us-iso-east-1.amazonaws.com/a.pem",
            "https://sns.eusc-de-east-1.amazonaws.eu/a.pem",
        ] {
            assert!(is_ours(good), "{good}");
        }
        for bad in [
            "http://sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com@evil.example/a.pem",
            "https://sns.evil.example/.amazonaws.com/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com:444/a.pem",
            "https://sns.us-west-2.amazonaws.com/a.pem?x",
            "https://sns.us-west-2.amazonaws.com/../a.pem",
            "https://sns.us-west-2.amazonaws.com/.pem",
            "https://sns.us-west-2.amazonaws.com/a.crt",
            "https://sns.s3.amazonaws.com/a.pem",
            // Buckets by the name of `sns`.
            "https://sns.s3-us-west-2.amazonaws.com/a.pem",
            "https://sns.s3-eu-west-1.amazonaws.com/a.pem",
            "https://sns.us-west-2-s3.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com.cn/a.pem",
            "https://sns.cn-north-1.amazonaws.com/a.pem",
            "https://sns.eusc-de-east-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.eu/a.pem",
            "https://sns.s3-eusc-de-east-1.amazonaws.eu/a.pem",
            "https://sns.US-WEST-2.amazonaws.com/a.pem",
            "https://sns.us--2.amazonaws.com/a.pem",
            "https://s3.amazonaws.com/a.pem",
            "",
        ] {
            assert!(!is_ours(bad), "{bad}");
        }
    }
}
