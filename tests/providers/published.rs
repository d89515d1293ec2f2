//! Vectors that vendors publish and that no preset covers yet: the data model must be able to say them.
//!
//! `tests/fixtures/providers/published.json` holds each scheme as data, with its cases.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};
use serde::Deserialize;

use signalpost::clock::Timestamp;
use signalpost::verify::scheme::Scheme;
use signalpost::verify::spec::{
    Algorithm, Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};
use signalpost::verify::{BodyRule, Proof, Source, authenticate};

#[test]
fn published_vectors_of_other_vendors_can_be_said_as_data() {
    let text = std::fs::read(super::root().join("published.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_slice(&text).unwrap();
    for vector in vectors {
        let secrets: Vec<_> = vector
            .secrets
            .iter()
            .map(|text| super::secret(text))
            .collect();
        let timestamp = vector.timestamp_spec();
        let scheme = Scheme::compile(&vector.spec(), timestamp.as_ref(), &secrets).unwrap();
        let source = Source {
            body: BodyRule::Text,
            ..super::bare(&vector.name, Proof::Signature(scheme))
        };
        for case in &vector.cases {
            let mut headers = HeaderMap::new();
            for (name, value) in &case.headers {
                headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            let body = Bytes::copy_from_slice(case.body.as_bytes());
            let request = super::request(
                &Method::POST,
                &Uri::from_static("/hooks/published"),
                headers,
                body,
            );
            let judged = authenticate(&source, &request, Timestamp::from_seconds(case.now));
            assert_eq!(
                judged.is_ok(),
                case.accepted,
                "{} {} ({}): {judged:?}",
                vector.name,
                case.label,
                case.from
            );
        }
    }
}

/// One scheme of `published.json`.
#[derive(Deserialize)]
struct Vector {
    name: String,
    header: String,
    layout: WrittenLayout,
    algorithm: String,
    encoding: String,
    prefix: String,
    signed: String,
    key_form: String,
    secrets: Vec<String>,
    timestamp: Option<WrittenTimestamp>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenLayout {
    Single(String),
    Tagged {
        separator: char,
        assign: char,
        tag: String,
        timestamp_tag: Option<String>,
    },
}

#[derive(Deserialize)]
struct WrittenTimestamp {
    header: Option<String>,
    tolerance_seconds: u64,
}

#[derive(Deserialize)]
struct Case {
    label: String,
    from: String,
    accepted: bool,
    now: i64,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Vector {
    fn spec(&self) -> SignatureSpec<'_> {
        SignatureSpec {
            header: &self.header,
            layout: match &self.layout {
                WrittenLayout::Single(word) => {
                    assert_eq!(word, "single");
                    Layout::Single
                }
                WrittenLayout::Tagged {
                    separator,
                    assign,
                    tag,
                    ..
                } => Layout::Tagged {
                    separator: *separator,
                    assign: *assign,
                    tag,
                },
            },
            copies: Copies::One,
            algorithm: Algorithm::from_name(&self.algorithm).unwrap(),
            encoding: Encoding::from_name(&self.encoding).unwrap(),
            prefix: &self.prefix,
            signed: &self.signed,
            id_header: None,
            key_form: match self.key_form.as_str() {
                "hex" => KeyForm::Hex,
                _ => KeyForm::Plain,
            },
        }
    }

    fn timestamp_spec(&self) -> Option<TimestampSpec<'_>> {
        let written = self.timestamp.as_ref()?;
        let place = match (&self.layout, &written.header) {
            (_, Some(header)) => Place::Header(header),
            (
                WrittenLayout::Tagged {
                    timestamp_tag: Some(tag),
                    ..
                },
                None,
            ) => Place::Tag(tag),
            _ => return None,
        };
        Some(TimestampSpec {
            place,
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_secs(written.tolerance_seconds)),
        })
    }
}
