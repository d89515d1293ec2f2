//! Every parser that a stranger's bytes or an operator's text reach, as functions over bytes: for the tests
//! and fuzz targets that feed them whatever there is.
//!
//! Each comes back, whatever it is given, in time and space bounded by its input. Not meant for anything else.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::certificates::{Certificate, Hash, Roots};
use super::given::{Fault, Given};
use super::layout::{self, Entries};
use super::schemes::{Adyen, Braintree, HttpSignatures, Mailgun, Twilio, adyen_text, form_fields};
use super::schemes::{graph, sns};
use super::spec::{Encoding, Layout};
use super::template::Template;
use super::verifier::{Moment, Verifier};
use super::{BodyRule, MAX_ITEMS, WebhookRequest, body, providers, xml};
use crate::clock::Timestamp;
use crate::expr::{self, Expr, Scope, Variables, json};
use crate::secret::Secret;
use crate::token::{self, Algorithm, Issuer, KeyRing, KeySet};

pub type Parser = fn(&[u8]);

/// By name.
pub const ALL: [(&str, Parser); 10] = [
    ("certificates", certificates),
    ("expressions", expressions),
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

/// X.509 in PEM, alone and as authorities, each against the other.
pub fn certificates(data: &[u8]) {
    let roots = Roots::from_pem(data).unwrap_or_else(Roots::public);
    if let Ok(certificate) = Certificate::from_pem(data) {
        std::hint::black_box((
            certificate.verifies(Hash::Sha256, data, data),
            certificate.is_trusted(&roots, NOW, |name| !name.is_empty()),
            certificate.issuer_at(&["cacerts.digicert.com"]),
            certificate.with_issuer(data).is_ok(),
        ));
    }
}

/// What the catalogue asks of a body: the list of its events, their keys and types, over JSON, a form and text.
pub fn expressions(data: &[u8]) {
    static ASKED: LazyLock<Vec<Expr>> = LazyLock::new(|| {
        let presets = providers::ALL.iter();
        let texts = presets.flat_map(|preset| {
            let batch = preset.batch.iter();
            let batch = batch.flat_map(|batch| [Some(batch.each), batch.key, batch.kind]);
            batch.chain([preset.key, preset.kind])
        });
        let compiled = texts
            .flatten()
            .map(|text| Expr::compile(text, Scope::SOURCE));
        compiled.filter_map(Result::ok).collect()
    });
    let bytes = Bytes::copy_from_slice(data);
    for rule in [
        BodyRule::ByContent,
        BodyRule::JsonLines,
        BodyRule::Form,
        BodyRule::Text,
    ] {
        let Ok(content) = body::read(&HeaderMap::new(), &bytes, rule) else {
            continue;
        };
        let vars = Variables {
            body: Some(expr::Body {
                content: &content,
                raw: data,
            }),
            ..Variables::default()
        };
        for expr in ASKED.iter() {
            drop(expr.text(&vars));
            drop(expr.items(&vars, MAX_ITEMS));
        }
    }
}

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
    for build in [Adyen::build, Mailgun::build, sns::build, graph::build] {
        judge(build, headers.clone(), "/", data);
    }
    drop(json::read(data));
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
        topics: vec!["arn:aws:sns:us-west-2:123456789012:Orders".to_owned()],
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
