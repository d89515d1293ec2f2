//! Every parser that a stranger's bytes or an operator's text reach, as functions over bytes: for the tests
//! and fuzz targets that feed them whatever there is.
//!
//! Each comes back, whatever it is given, in time and space bounded by its input. Not meant for anything else.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::given::{Fault, Given};
use super::layout::{self, Entries};
use super::schemes::{Adyen, Braintree, HttpSignatures, Mailgun, Twilio, adyen_text, form_fields};
use super::spec::{Encoding, Layout};
use super::template::Template;
use super::verifier::{Moment, Verifier};
use super::{BodyRule, WebhookRequest, body, xml};
use crate::clock::Timestamp;
use crate::expr::{self, Scope};
use crate::secret::Secret;
use crate::token::{self, Algorithm, Issuer, KeyRing, KeySet};

pub type Parser = fn(&[u8]);

/// By name.
pub const ALL: [(&str, Parser); 8] = [
    ("forms", forms),
    ("header_lists", header_lists),
    ("http_signatures", http_signatures),
    ("json_bodies", json_bodies),
    ("structured_fields", structured_fields),
    ("templates", templates),
    ("tokens", tokens),
    ("xml", xml_documents),
];

const NOW: Timestamp = Timestamp::from_seconds(1_785_585_600);
/// Bytes in hex, and so a key in every form.
const SECRET: &str = "6b6579206f6620746869727479207477206f2062797465732c206e6f206d6f7265";

/// Signatures in their header: lists of tags, hex and base64.
pub fn header_lists(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for (separator, assign) in [(',', '='), (' ', ','), (';', '=')] {
        let tagged = Entries::of(Layout::Tagged {
            separator,
            assign,
            tag: "v1",
        });
        let found = layout::read(tagged.as_ref(), Some("t"), text).unwrap_or_default();
        for signature in found.signatures {
            Encoding::Hex.decode("", false, signature);
            Encoding::Base64.decode("sha256=", false, signature);
        }
    }
    layout::base64_lines(text);
}

/// Forms, as fields and as what Twilio, Mailgun and Braintree sign of them.
pub fn forms(data: &[u8]) {
    form_fields(data);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    for rule in [BodyRule::Form, BodyRule::Braintree] {
        drop(body::read(&HeaderMap::new(), &data.to_vec().into(), rule));
    }
    let zeros = HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let headers = [
        (http::header::CONTENT_TYPE, form),
        (HeaderName::from_static("x-twilio-signature"), zeros),
    ];
    for build in [Twilio::build, Mailgun::build, Braintree::build] {
        judge(build, headers.clone().into_iter().collect(), "/", data);
    }
}

/// JSON whose signature stands in it.
pub fn json_bodies(data: &[u8]) {
    let json = HeaderValue::from_static("application/json");
    let headers: HeaderMap = [(http::header::CONTENT_TYPE, json)].into_iter().collect();
    for build in [Adyen::build, Mailgun::build] {
        judge(build, headers.clone(), "/", data);
    }
    if let Ok(item) = serde_json::from_slice(data) {
        drop(adyen_text(&item));
    }
}

/// RFC 9421: a line of `Signature-Input`, one of `Signature`, one of `Content-Digest`, one of the query; then the body.
pub fn http_signatures(data: &[u8]) {
    let mut lines = data.splitn(5, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in ["signature-input", "signature", "content-digest"] {
        let line = lines.next().unwrap_or_default();
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let body = lines.next().unwrap_or_default();
    judge(HttpSignatures::build, headers, &format!("/?{query}"), body);
}

/// Structured fields (RFC 9651), each written again as it was read.
pub fn structured_fields(data: &[u8]) {
    use sfv::{Dictionary, FieldType as _, Item, List};

    if let Ok(read) = sfv::Parser::new(data).parse::<Dictionary>() {
        drop(read.serialize());
    }
    if let Ok(read) = sfv::Parser::new(data).parse::<List>() {
        drop(read.serialize());
    }
    if let Ok(read) = sfv::Parser::new(data).parse::<Item>() {
        drop(read.serialize());
    }
}

/// A bearer token, with and without a header around it.
pub fn tokens(data: &[u8]) {
    let ring = KeyRing::default();
    let secrets = [Secret::new(SECRET.into())];
    let algorithms = vec![Algorithm::HS256];
    ring.replace(Arc::new(KeySet::from_secrets(&secrets, &algorithms)));
    let issuer = Issuer {
        name: "fuzz".into(),
        issuer: "https://idp.example.com/".to_owned(),
        audience: vec!["signalpost".to_owned()],
        parties: Vec::new(),
        algorithms,
        keys: None,
        ring,
        roles: None,
    };
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let headers: HeaderMap = [(http::header::AUTHORIZATION, value)].into_iter().collect();
        if let Ok(token) = token::bearer(&headers) {
            drop(token::verify(token, &issuer, NOW));
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        drop(token::verify(text, &issuer, NOW));
    }
    drop(KeySet::from_jwks(data));
}

/// What is signed, as routes.toml writes it; and texts with CEL in them.
pub fn templates(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    drop(Template::compile(text));
    drop(expr::template::Template::compile(text, Scope::SOURCE));
}

/// Braintree's payload, decoded.
pub fn xml_documents(data: &[u8]) {
    xml::read(data);
}

/// One request with these bytes, against a source that holds a key of its own.
fn judge(
    build: fn(&Given) -> Result<Box<dyn Verifier>, Fault>,
    headers: HeaderMap,
    target: &str,
    data: &[u8],
) {
    let secret = Secret::new(SECRET.into());
    let given = Given {
        secrets: vec![secret.clone()],
        url: Some("https://hooks.example.com/hooks/fuzz".to_owned()),
        public_key_id: Some("ours".to_owned()),
        algorithm: Some("hmac-sha256".to_owned()),
        keys: vec![("ours".to_owned(), secret)],
        ..Given::default()
    };
    let (Ok(scheme), Ok(target)) = (build(&given), target.parse::<Uri>()) else {
        return;
    };
    let body = data.to_vec().into();
    let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), body);
    let moment = Moment {
        now: NOW,
        retention: std::time::Duration::from_hours(24),
    };
    drop(scheme.verify(&request, moment));
}
