//! Schemes that are code: whatever a stranger sends is no proof and no panic, and what is signed holds. What a source lacks is
//! named by its key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::super::given::Given;
use super::super::providers::{self, SchemeSpec};
use super::super::verifier::{Draft, Verifier, Wanted};
use super::*;
use crate::token::PublishedKeys;

const URL: &str = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem";
const TOPIC: &str = "arn:aws:sns:us-west-2:123456789012:Orders";
pub(super) const PAYPAL: &str =
    "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a9c2b1f";

/// The schemes judged here, and the headers that each reads.
const SCHEMES: [(&str, &[&str]); 13] = [
    ("atlassian-connect", &["authorization"]),
    ("aws-sns", &["x-amz-sns-message-type"]),
    ("azure-event-grid", &["authorization"]),
    ("cloudevents", &["authorization"]),
    ("discord", &["x-signature-ed25519", "x-signature-timestamp"]),
    ("easyship", &["x-easyship-signature"]),
    ("fusionauth", &["x-fusionauth-signature-jwt"]),
    ("google-pubsub", &["authorization"]),
    ("microsoft-graph", &["x-nothing"]),
    (
        "paypal",
        &[
            "paypal-transmission-id",
            "paypal-transmission-time",
            "paypal-transmission-sig",
            "paypal-cert-url",
            "paypal-auth-algo",
        ],
    ),
    ("plaid", &["plaid-verification"]),
    (
        "shipengine",
        &[
            "x-shipengine-rsa-sha256-signature",
            "x-shipengine-rsa-sha256-key-id",
            "x-shipengine-timestamp",
        ],
    ),
    (
        "standard-webhooks",
        &["webhook-id", "webhook-timestamp", "webhook-signature"],
    ),
];

macro_rules! fixture {
    ($path:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/providers/", $path)).as_slice()
    };
}
pub(super) use fixture;

/// Everything that the scheme could ask for.
pub(super) fn given(name: &str) -> Given {
    let keys = |document: &[u8]| {
        let keys = PublishedKeys::at(Location::Url("https://keys.example.com/".to_owned()));
        let set = KeySet::from_jwks(document).unwrap();
        keys.ring.replace(Arc::new(set));
        keys
    };
    let mut given = Given {
        secrets: vec![Secret::new(
            b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLSw0".to_vec(),
        )],
        url: Some(format!("https://hooks.example.com/hooks/{name}")),
        webhook_id: Some("1JE4291016473214C".to_owned()),
        topics: vec![TOPIC.to_owned()],
        service_account: Some("push@orders.example.com".to_owned()),
        client_key: Some("client".to_owned()),
        ..Given::default()
    };
    match name {
        "aws-sns" => {
            given.certificates =
                vec![(URL.to_owned(), fixture!("aws-sns/certificate.pem").to_vec())];
        }
        "paypal" => {
            given.certificates = vec![(
                PAYPAL.to_owned(),
                fixture!("paypal/certificate.pem").to_vec(),
            )];
            given.roots = Some(fixture!("paypal/root.pem").to_vec());
        }
        "discord" => given.public_keys = vec![hex::encode(ed25519().public_key())],
        "google-pubsub" => given.jwks = Some(keys(fixture!("google-pubsub/jwks.json"))),
        "plaid" => {
            given.jwks = Some(keys(fixture!("plaid/jwks.json")));
            given.secrets.clear();
        }
        "shipengine" => given.jwks = Some(keys(fixture!("shipengine/jwks.json"))),
        _ => {}
    }
    given
}

type Change = fn(&mut Given);

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

pub(super) fn build(
    name: &str,
    given: &Given,
) -> Result<Box<dyn Verifier>, super::super::given::Fault> {
    let SchemeSpec::Code { build, .. } = providers::find(name).unwrap().scheme else {
        panic!("{name} is data");
    };
    build(given)
}

fn judge(
    scheme: Box<dyn Verifier>,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Result<Event, Refusal> {
    let mut source = source(Proof::Scheme(scheme));
    source.body = BodyRule::Text;
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
        else {
            continue;
        };
        map.append(name, value);
    }
    let target = Uri::from_static("/hooks/stranger");
    let request = WebhookRequest::new(Method::POST, &target, map, String::new(), body.into());
    // What would be fetched is asked for too: it must not panic either, and names only what the scheme allows.
    if let Some(Wanted::Certificate { url, .. }) = keys_for(&source, &request) {
        assert!(url.starts_with("https://"), "{url}");
    }
    authenticate(&source, &request, NOW)
}

/// Text that looks like what the schemes read, well-formed or nearly.
fn value() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "1785585600",
        "2026-08-01T12:00:00Z",
        "SHA256withRSA",
        PAYPAL,
        "se-2026",
        "v1,MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLSw0MfKQ9r8GKYo= v1a,AA==",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJub25lIn0.e30.",
        "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImctMiJ9.e30.AAAA",
        "JWT eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "Bearer x",
        "",
    ]);
    prop_oneof![
        known.prop_map(str::to_owned),
        "[ -~]{0,90}",
        "[0-9a-f]{128}",
        "[A-Za-z0-9+/]{342}==",
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let message = (any::<String>(), "[A-Za-z0-9+/]{342}==", "[12]").prop_map(|(text, signature, version)| {
        json!({"Type": "Notification", "MessageId": text, "TopicArn": TOPIC, "Message": text,
            "Timestamp": "2026-08-01T12:00:00Z", "SignatureVersion": version, "Signature": signature, "SigningCertURL": URL})
        .to_string()
        .into_bytes()
    });
    let states = prop::collection::vec(any::<Option<String>>(), 0..4).prop_map(|states| {
        let items: Vec<_> = states
            .iter()
            .map(|state| json!({ "clientState": state }))
            .collect();
        json!({ "value": items }).to_string().into_bytes()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), message, states]
}

proptest! {
    #[test]
    fn nothing_that_a_stranger_sends_is_a_proof(
        (name, headers) in prop::sample::select(SCHEMES.to_vec()),
        values in prop::collection::vec(value(), 0..7),
        body in body(),
    ) {
        let headers: Vec<_> = values
            .into_iter()
            .enumerate()
            .map(|(at, value)| (headers[at % headers.len()].to_owned(), value))
            .collect();
        let scheme = build(name, &given(name)).unwrap();
        prop_assert!(judge(scheme, &headers, body).is_err());
    }

    #[test]
    fn what_is_signed_holds(
        name in prop::sample::select(vec![
            "atlassian-connect", "azure-event-grid", "cloudevents", "easyship", "fusionauth", "microsoft-graph", "standard-webhooks",
        ]),
        text in any::<String>(),
    ) {
        let body = json!({ "value": [{ "text": text }] }).to_string().into_bytes();
        let given = given(name);
        let scheme = build(name, &given).unwrap();
        let signed = scheme.sign(Draft { body: &body, id: "msg_1", now: NOW }).unwrap();
        let sent = signed.body.unwrap_or(body);
        prop_assert!(judge(scheme, &signed.headers, sent.clone()).is_ok());
        if providers::find(name).unwrap().binds_body {
            let other = [sent.as_slice(), b" "].concat();
            let scheme = build(name, &given).unwrap();
            prop_assert_eq!(judge(scheme, &signed.headers, other).unwrap_err(), Refusal::BadSignature);
        }
    }

    #[test]
    fn a_signature_by_a_private_key_holds_for_its_bytes_alone(
        body in prop::collection::vec(any::<u8>(), 1..64),
        flip in any::<prop::sample::Index>(),
    ) {
        let time = NOW.seconds().to_string();
        let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let key = ecdsa.public_key();
        let discord = [time.as_bytes(), &body].concat();
        let standard = [b"msg_1.", time.as_bytes(), b".", &body].concat();
        let mut changed = body.clone();
        changed[flip.index(body.len())] ^= 1;
        for (name, public, headers) in [
            ("discord", hex::encode(ed25519().public_key()), vec![
                ("x-signature-timestamp", time.clone()),
                ("x-signature-ed25519", hex::encode(ed25519().sign(&discord))),
            ]),
            ("standard-webhooks", format!("whpk_{}", STANDARD.encode(ed25519().public_key())), vec![
                ("webhook-id", "msg_1".to_owned()),
                ("webhook-timestamp", time.clone()),
                ("webhook-signature", format!("v1a,{}", STANDARD.encode(ed25519().sign(&standard)))),
            ]),
            ("sendgrid", STANDARD.encode(spki(key.as_ref())), vec![
                ("x-twilio-email-event-webhook-timestamp", time.clone()),
                ("x-twilio-email-event-webhook-signature", STANDARD.encode(ecdsa.sign(&SystemRandom::new(), &discord).unwrap())),
            ]),
        ] {
            let given = Given { public_keys: vec![public], ..Given::default() };
            let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            prop_assert!(judge(build(name, &given).unwrap(), &headers, body.clone()).is_ok(), "{}", name);
            let judged = judge(build(name, &given).unwrap(), &headers, changed.clone());
            prop_assert_eq!(judged.unwrap_err(), Refusal::BadSignature);
        }
    }
}

/// SubjectPublicKeyInfo of a point of P-256 (RFC 5480).
fn spki(point: &[u8]) -> Vec<u8> {
    let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    [hex::decode(head).unwrap(), point.to_vec()].concat()
}

/// Plaid's keys by its own endpoint.
fn asked(given: &mut Given, environment: &str) {
    given.jwks = None;
    given.client_id = Some(Secret::new(b"client".to_vec()));
    given.secrets = vec![Secret::new(b"secret".to_vec())];
    given.environment = Some(environment.to_owned());
}

#[test]
fn plaid_is_asked_at_its_own_addresses_or_on_this_machine() {
    let url = |environment: &str| {
        let mut given = given("plaid");
        asked(&mut given, environment);
        let scheme = build("plaid", &given).ok()?;
        let source = source(Proof::Scheme(scheme));
        let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.e30.AAAA";
        let headers = [("plaid-verification".to_owned(), token.to_owned())];
        match keys_for(&source, &request(&headers, "", "{}")) {
            Some(Wanted::Key { service, kid }) if kid == "k1" => Some(service.url),
            other => panic!("{other:?}"),
        }
    };
    let path = "webhook_verification_key/get";
    for (environment, base) in [
        ("production", "https://production.plaid.com"),
        ("sandbox", "https://sandbox.plaid.com"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9"),
        ("https://localhost:9/plaid", "https://localhost:9/plaid"),
    ] {
        assert_eq!(url(environment), Some(format!("{base}/{path}")));
    }
    for bad in [
        "",
        "Production",
        "development",
        "https://plaid.com",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:9/?x",
        "file:/etc/keys",
    ] {
        assert_eq!(url(bad), None, "{bad}");
    }
}

#[test]
fn what_a_source_lacks_is_named_by_its_key() {
    for (name, key) in [
        ("atlassian-connect", "client_key"),
        ("aws-sns", "topics"),
        ("azure-event-grid", "secrets"),
        ("discord", "public_keys"),
        ("easyship", "secrets"),
        ("fusionauth", "jwks"),
        ("google-pubsub", "audience"),
        ("microsoft-graph", "secrets"),
        ("paypal", "webhook_id"),
        ("plaid", "client_id"),
        ("sendgrid", "public_keys"),
        ("standard-webhooks", "secrets"),
        ("wise", "public_keys"),
    ] {
        assert_eq!(
            build(name, &Given::default()).unwrap_err().key,
            key,
            "{name}"
        );
    }
    let cases: [(&str, &str, Change); 13] = [
        ("atlassian-connect", "public_url", |given| given.url = None),
        ("google-pubsub", "service_account", |given| {
            given.service_account = None;
        }),
        ("paypal", "webhook_id", |given| {
            given.webhook_id = Some("a|b".to_owned());
        }),
        ("paypal", "roots", |given| {
            given.roots = Some(b"no PEM".to_vec());
        }),
        ("paypal", "certificates", |given| {
            given.certificates[0].0 = URL.to_owned();
        }),
        ("aws-sns", "certificates", |given| {
            given.certificates[0].1 = b"<html>".to_vec();
        }),
        ("discord", "public_keys", |given| {
            given.public_keys[0].push_str("00");
        }),
        ("plaid", "jwks", |given| {
            given.client_id = Some(Secret::new(b"client".to_vec()));
        }),
        ("plaid", "jwks", |given| {
            given.environment = Some("sandbox".to_owned());
        }),
        ("plaid", "secrets", |given| {
            given.jwks = None;
            given.client_id = Some(Secret::new(b"client".to_vec()));
        }),
        ("plaid", "secrets", |given| {
            asked(given, "sandbox");
            given.secrets.push(Secret::new(vec![0xff]));
        }),
        ("plaid", "environment", |given| {
            asked(given, "https://plaid.example");
        }),
        ("fusionauth", "jwks", |given| {
            given.jwks = Some(PublishedKeys::at(Location::Url(
                "https://a.example/".to_owned(),
            )));
        }),
    ];
    for (name, key, change) in cases {
        let mut given = given(name);
        change(&mut given);
        assert_eq!(build(name, &given).unwrap_err().key, key, "{name}");
    }
}
