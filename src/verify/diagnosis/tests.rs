//! Each fault planted, on three schemes, and its diagnosis found; nothing secret in any of them.

mod called;
mod coded;
mod plant;

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::verify::authenticate;
use crate::verify::spec::{Algorithm, Encoding, KeyForm, Place, Unit};
use plant::{NOW, OTHER, Plant, SECRET, hmac, shapes, source};

type Fault = (&'static str, fn(&mut Plant));

/// On every scheme.
const FAULTS: &[Fault] = &[
    ("no_match", |it| it.key = b"c29tZXRoaW5nLWVsc2U=".to_vec()),
    ("secret_of_another_source", |it| it.key = OTHER.into()),
    ("body_newline_added", |it| it.sent.push(b'\n')),
    ("body_newline_added", |it| it.sent.extend(b"\r\n")),
    ("body_newline_removed", |it| it.signed.push(b'\n')),
    ("body_whitespace", |it| {
        it.sent.splice(0..0, *b"  ").for_each(drop);
    }),
    ("body_bom", |it| {
        it.sent.splice(0..0, *b"\xEF\xBB\xBF").for_each(drop);
    }),
    ("body_crlf", |it| {
        (it.signed, it.sent) = (b"a\nb".into(), b"a\r\nb".into());
    }),
    ("body_lf", |it| {
        (it.signed, it.sent) = (b"a\r\nb".into(), b"a\nb".into());
    }),
    ("body_charset", |it| {
        (it.signed, it.sent) = (b"\xE9".into(), "é".into());
    }),
    ("body_charset", |it| {
        (it.signed, it.sent) = ("é".into(), b"\xE9".into());
    }),
    ("body_gzip", |it| it.sent = gzip(&it.signed)),
    ("body_gzip", |it| it.sent = zlib(&it.signed)),
    ("no_match", |it| {
        it.signed = gzip(&it.sent);
        it.edit = says_gzip;
    }),
    ("body_encoded", |it| {
        it.signed = gzip(&it.signed);
        it.sent = it.signed.clone();
        it.edit = says_gzip;
    }),
    ("body_encoding_header", |it| it.edit = says_gzip),
    ("body_form", |it| {
        (it.signed, it.sent) = (b"a=1+2&b=%C3%A9".into(), "a=1%202&b=é".into());
    }),
    ("body_form_decoded", |it| {
        (it.signed, it.sent) = ("a=1 2&b=é".into(), b"a=1+2&b=%C3%A9".into());
    }),
    ("body_form_field", |it| {
        (it.signed, it.sent) = (b"{\"a\": 1}".into(), b"payload=%7B%22a%22%3A+1%7D".into());
    }),
    ("body_rewritten", |it| {
        it.signed = b"{\"id\": \"e/1\", \"b\": [1.0, 2], \"a\": \"\xC3\xA9\"}".into();
    }),
    ("body_rewritten", |it| {
        it.signed = b"{\"id\":\"e\\/1\",\"b\":[1.0,2],\"a\":\"\xC3\xA9\"}".into();
    }),
    ("body_rewritten", |it| {
        it.signed = b"{\"id\": \"e/1\", \"b\": [1.0, 2], \"a\": \"\\u00e9\"}".into();
    }),
    ("body_rewritten", |it| {
        it.signed = b"{\"a\":\"\xC3\xA9\",\"b\":[1.0,2],\"id\":\"e/1\"}".into();
    }),
    ("body_rewritten", |it| {
        it.signed =
            "{\n  \"id\": \"e/1\",\n  \"b\": [\n    1.0,\n    2\n  ],\n  \"a\": \"é\"\n}".into();
    }),
    ("body_rewritten", |it| {
        it.sent = "{\n    \"id\" : \"e/1\", \"b\": [1.0, 2],\n \"a\": \"é\"\n}".into();
    }),
    ("body_signed_empty", |it| it.signed = Vec::new()),
    ("body_empty", |it| it.sent = Vec::new()),
    ("secret_newline", |it| it.secret.push(b'\n')),
    ("secret_spaces", |it| {
        it.secret.splice(0..0, *b"  ").for_each(drop);
    }),
    ("secret_quotes", |it| {
        it.secret = format!("\"{SECRET}\"").into();
    }),
    ("timestamp_old", |it| {
        it.signed_at = NOW.minus(Duration::from_mins(7));
    }),
    ("timestamp_future", |it| {
        it.signed_at = NOW.plus(Duration::from_hours(2));
    }),
    ("timestamp_unit", |it| {
        it.signer.time.as_mut().unwrap().unit = Unit::Millis;
    }),
    ("signature_algorithm", |it| {
        it.signer.spec.algorithm = Algorithm::Sha512;
    }),
    ("signature_algorithm", |it| {
        it.signer.spec.algorithm = Algorithm::Sha1;
    }),
    ("header_missing", |it| {
        it.edit = |headers, shape| drop(headers.remove(shape.spec.header));
    }),
    ("header_renamed", |it| {
        it.edit = |headers, shape| {
            let value = headers.remove(shape.spec.header).unwrap();
            let name = shape.spec.header.replace('-', "_");
            headers.insert(name.parse::<HeaderName>().unwrap(), value);
        };
    }),
    ("header_of_another_source", |it| {
        it.edit = |headers, shape| {
            let value = headers.remove(shape.spec.header).unwrap();
            headers.insert("x-hub-signature-256", value);
        };
    }),
    ("header_of_another_provider", |it| {
        it.edit = |headers, shape| {
            let value = headers.remove(shape.spec.header).unwrap();
            headers.insert("x-slack-signature", value);
        };
    }),
];

/// On the one scheme that can have them.
const OF_HMAC: &[Fault] = &[
    ("signature_encoding", |it| {
        it.signer.spec.encoding = Encoding::Base64;
    }),
    ("signature_prefix_missing", |it| {
        it.signer.spec.prefix = "";
    }),
    ("signature_prefix_case", |it| {
        it.signer.spec.prefix = "SHA256=";
    }),
    ("signature_prefix", |it| {
        it.signer.spec.prefix = "hmac=";
    }),
    ("signed_otherwise", |it| {
        it.signer.spec.signed = "{timestamp}:{body}";
    }),
    ("signed_otherwise", |it| {
        it.signer.spec.signed = "{timestamp}{body}";
    }),
    ("timestamp_missing", |it| {
        it.edit = |headers, _| drop(headers.remove("x-carrier-timestamp"));
    }),
    ("timestamp_elsewhere", |it| {
        it.signer.time.as_mut().unwrap().place = Place::Header("x-sent-at");
    }),
    ("timestamp_form", |it| {
        it.edit = |headers, _| {
            drop(headers.insert(
                "x-carrier-timestamp",
                HeaderValue::from_static("2026-08-01T12:00:00Z"),
            ));
        };
    }),
    ("secret_base64", |it| {
        it.key = STANDARD.decode(SECRET).unwrap();
    }),
    ("secret_hex", |it| {
        it.secret = hex::encode("sixteen or more.").into();
        it.key = b"sixteen or more.".to_vec();
    }),
    ("secret_whsec", |it| {
        it.secret = format!("whsec_{SECRET}").into();
        it.key = STANDARD.decode(SECRET).unwrap();
    }),
    ("secret_prefix", |it| {
        it.secret = format!("whsec_{SECRET}").into();
    }),
    ("secret_newline_missing", |it| it.key.push(b'\n')),
    ("header_twice", |it| {
        it.edit = |headers, _| {
            headers.append("x-carrier-signature", HeaderValue::from_static("x"));
        };
    }),
];

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn says_gzip(headers: &mut HeaderMap, _: &plant::Shape) {
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
}

/// A body that was packed, signed and unpacked cannot be packed again to the byte: that is a guess, and said as one.
#[test]
fn a_packing_that_was_undone_is_named_as_a_possibility() {
    for shape in shapes() {
        let mut plant = Plant::new(&shape);
        plant.signed = gzip(&plant.sent);
        plant.edit = says_gzip;
        let (_, advice) = plant.diagnose(&shape);
        let causes: Vec<_> = advice.iter().map(|advice| advice.cause).collect();
        assert_eq!(causes, ["no_match", "body_unpacked"], "{advice:?}");
    }
}

#[test]
fn each_planted_fault_is_named() {
    for shape in shapes() {
        let own: &[Fault] = if shape.name == "hmac" { OF_HMAC } else { &[] };
        for (number, (cause, fault)) in FAULTS.iter().chain(own).enumerate() {
            let mut plant = Plant::new(&shape);
            fault(&mut plant);
            let (refusal, advice) = plant.diagnose(&shape);
            let what = format!("{} {number} {cause}: {refusal:?} {advice:?}", shape.name);
            let causes: Vec<_> = advice.iter().map(|advice| advice.cause).collect();
            assert_eq!(causes.first(), Some(cause), "{what}");
            for secret in [SECRET, OTHER] {
                assert!(!what.contains(secret), "{what}");
            }
        }
        let (refusal, _) = Plant::new(&shape).diagnose(&shape);
        assert_eq!(
            refusal, None,
            "{}: nothing is wrong without a fault",
            shape.name
        );
    }
}

/// The scheme decodes the secret, and the provider signs with its text.
#[test]
fn a_secret_that_should_not_be_decoded_is_named() {
    let [_, standard, _] = shapes();
    let mut plant = Plant::new(&standard);
    plant.signer.spec.key_form = KeyForm::Plain;
    let (_, advice) = plant.diagnose(&standard);
    assert_eq!(advice[0].cause, "secret_text", "{advice:?}");
}

/// A preset has no `prefix` to set: a space in its list is not one either.
#[test]
fn a_list_that_is_written_otherwise_is_no_matter_of_a_prefix() {
    let [stripe, ..] = shapes();
    let mut plant = Plant::new(&stripe);
    for (cause, from, to) in [
        ("signature_form", ",v1=", ", v1="),
        ("header_malformed", ",v1=", ",v1"),
    ] {
        plant.rewrite = Some((from, to));
        let (_, advice) = plant.diagnose(&stripe);
        assert_eq!(advice[0].cause, cause, "{advice:?}");
    }
}

#[test]
fn two_faults_in_one_request_are_both_named() {
    let shape = hmac();
    let mut plant = Plant::new(&shape);
    plant.sent.push(b'\n');
    plant.signer.spec.encoding = Encoding::Base64;
    let (_, advice) = plant.diagnose(&shape);
    let causes: Vec<_> = advice.iter().map(|advice| advice.cause).collect();
    assert_eq!(causes, ["body_newline_added", "signature_encoding"]);
}

proptest! {
    /// Whatever a stranger sends, there is an answer, and no panic.
    #[test]
    fn any_request_is_diagnosed(
        body in prop::collection::vec(any::<u8>(), 0..80),
        signature in "[ -~]{0,90}",
        time in "[0-9.TZ:-]{0,20}",
    ) {
        for shape in shapes() {
            let source = source("shop", &shape, SECRET.as_bytes());
            let mut headers = HeaderMap::new();
            headers.insert(
                shape.spec.header.parse::<HeaderName>().unwrap(),
                signature.parse().unwrap(),
            );
            for name in ["x-carrier-timestamp", "webhook-timestamp"] {
                headers.insert(name, time.parse().unwrap());
            }
            let target = http::Uri::from_static("/hooks/shop");
            let sent = body.clone().into();
            let request = WebhookRequest::new(http::Method::POST, &target, headers, String::new(), sent);
            let secrets = [Candidate {
                source: "shop".to_owned(),
                reference: "env:SHOP".to_owned(),
                secret: Secret::new(SECRET.into()),
            }];
            let known = Known { sources: &[&source], secrets: &secrets, called: "" };
            if let Err(refusal) = authenticate(&source, &request, NOW) {
                let advice = diagnose(&source, &request, &refusal, known, NOW);
                prop_assert!(!advice.is_empty());
                prop_assert!(advice.iter().all(|advice| !advice.text.contains(SECRET)));
            }
        }
    }
}
