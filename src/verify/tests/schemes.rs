//! The schemes that are code, as `strangers` has it for those that are data: no bytes of a stranger are a proof, what is
//! signed always is one, and what a change leaves good is the same event.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::super::given::Given;
use super::super::providers::{self, Preset, SchemeSpec};
use super::*;

/// Hex, base64 and text at once, and 64 letters.
const SECRET: &str = "74f490dd33f7327baecc88b2947c011fc02d014a473aaa33a8ec93e4dc069174";

const NAMES: [&str; 8] = [
    "adyen",
    "braintree",
    "contentful",
    "http-signatures",
    "hubspot",
    "mailgun",
    "square",
    "twilio",
];

fn preset() -> impl Strategy<Value = &'static Preset> {
    let ours = |preset: &&Preset| {
        let named = NAMES.iter().any(|name| preset.name.starts_with(name));
        named && matches!(preset.scheme, SchemeSpec::Code { .. })
    };
    prop::sample::select(providers::ALL.into_iter().filter(ours).collect::<Vec<_>>())
}

fn code(preset: &Preset) -> Source {
    let secret = Secret::new(SECRET.into());
    let given = Given {
        secrets: vec![secret.clone()],
        url: Some("https://hooks.example.com/hooks/stranger".to_owned()),
        public_key_id: Some("ours".to_owned()),
        algorithm: Some("hmac-sha256".to_owned()),
        keys: vec![("ours".to_owned(), secret)],
        ..Given::default()
    };
    let SchemeSpec::Code { build, .. } = preset.scheme else {
        panic!("{} is data", preset.name);
    };
    source(Proof::Scheme(build(&given).unwrap()))
}

/// What the provider would send, as a request.
fn signed(source: &Source, body: &[u8]) -> (HeaderMap, Uri, Vec<u8>) {
    let draft = Draft {
        body,
        id: "msg_1",
        now: NOW,
    };
    let signed = sign(source, draft).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in signed.headers {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let query = signed.query.unwrap_or_default();
    let target = format!("/hooks/stranger?{query}").parse().unwrap();
    (headers, target, signed.body.unwrap_or(body.to_vec()))
}

/// The event key of a request that holds, where nothing names another.
fn prove(
    source: &Source,
    headers: HeaderMap,
    target: &Uri,
    body: Vec<u8>,
) -> Result<[u8; 32], Refusal> {
    let Proof::Scheme(scheme) = &source.proof else {
        panic!("{} is no code", source.name);
    };
    let whole = Sha256::digest(&body).into();
    let request = WebhookRequest::new(Method::POST, target, headers, String::new(), body.into());
    let moment = Moment {
        now: NOW,
        retention: DAY,
    };
    Ok(scheme.verify(&request, moment)?.digest.unwrap_or(whole))
}

/// Bodies that the scheme can sign.
fn body_for(preset: &Preset) -> BoxedStrategy<Vec<u8>> {
    if preset.name != "adyen" {
        return prop::collection::vec(any::<u8>(), 0..200).boxed();
    }
    let item = ("[^:]{0,8}", ".{0,12}", any::<i64>(), "[A-Z_]{0,12}").prop_map(
        |(psp, reference, value, code)| {
            json!({"NotificationRequestItem": {
                "pspReference": psp, "merchantReference": reference, "eventCode": code,
                "amount": {"value": value, "currency": "EUR"}, "success": "true", "reason": reference
            }})
        },
    );
    prop::collection::vec(item, 1..4)
        .prop_map(|items| {
            json!({ "notificationItems": items })
                .to_string()
                .into_bytes()
        })
        .boxed()
}

/// Bytes of any kind, and text that looks like one of these schemes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let pieces = "(1785585600000|1785585600|sig1=|\\(\"@method\" \"@path\"\\)|;created=|;keyid=\"ours\"|:[A-Za-z0-9+/]{43}=:|\
        sha-256=|[A-Za-z0-9+/]{43}=|[0-9a-f]{64}|algorithm=HMAC_SHA256|x-contentful-timestamp|x-contentful-signed-headers|,| |\n|\
        signature|timestamp|token|bt_payload=|bt_signature=ours%7C|&|\\{|\\}|\\[|\\]|\"|:){0,12}";
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        pieces.prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_bytes_of_a_stranger_are_a_proof(
        preset in preset(),
        values in prop::collection::vec((0..8_usize, value()), 0..6),
        query in "[a-zA-Z0-9=&%+?]{0,40}",
        body in value(),
    ) {
        let source = code(preset);
        let mut names: Vec<HeaderName> = signed(&source, b"{}").0.keys().cloned().collect();
        names.push(http::header::CONTENT_TYPE);
        let mut headers = HeaderMap::new();
        for (at, value) in &values {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(names[at % names.len()].clone(), value);
            }
        }
        let target: Uri = format!("/hooks/stranger?{query}").parse().unwrap();
        prop_assert!(prove(&source, headers, &target, body).is_err());
    }

    #[test]
    fn what_is_signed_always_holds_and_a_change_is_refused_or_the_same_event(
        (preset, body) in preset().prop_flat_map(|preset| (Just(preset), body_for(preset))),
        flip in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let source = code(preset);
        let (headers, target, body) = signed(&source, &body);
        let key = prove(&source, headers.clone(), &target, body.clone());
        prop_assert!(key.is_ok(), "{}: {:?}", preset.name, key.err());
        // Mailgun binds nothing of the event: its token is the key, where this source has none.
        if body.is_empty() || preset.name == "mailgun" {
            return Ok(());
        }
        let mut changed = body.clone();
        changed[flip.index(body.len())] ^= 1 << bit;
        if let Ok(again) = prove(&source, headers, &target, changed) {
            prop_assert!(!preset.binds_body || preset.body != BodyRule::Json, "{}", preset.name);
            prop_assert_eq!(again, key.unwrap(), "{}", preset.name);
        }
    }
}

/// What a source of this preset gives each of two requests as their key.
fn keys(name: &str, signed_body: &[u8], change: impl Fn(&str) -> String) -> [[u8; 32]; 2] {
    let source = code(providers::find(name).unwrap());
    let (headers, target, body) = signed(&source, signed_body);
    let changed = change(std::str::from_utf8(&body).unwrap()).into_bytes();
    assert_ne!(changed, body, "{name}");
    [body, changed].map(|body| prove(&source, headers.clone(), &target, body).unwrap())
}

#[test]
fn a_captured_request_written_differently_is_the_same_event() {
    let [first, again] = keys("twilio", b"Body=a+b&From=%2B1", |body| {
        body.replace("Body=a+b&From=%2B1", "From=%2b1&Body=a%20b")
    });
    assert_eq!(first, again, "other escapes, another order");
    let [first, again] = keys("twilio", b"Digits=12&From=3", |body| {
        body.replace("Digits=12", "Digits1=2")
    });
    assert_eq!(first, again, "a name and its value cut elsewhere");
    let item =
        json!({"pspReference": "P1", "eventCode": "REFUND", "success": "true", "reason": "a"});
    let body = json!({"notificationItems": [{ "NotificationRequestItem": item }]}).to_string();
    let [first, again] = keys("adyen", body.as_bytes(), |body| {
        body.replace(r#""reason":"a""#, r#""reason":"b""#)
    });
    assert_eq!(first, again, "a field that nothing signs");
    let [first, again] = keys("braintree", b"<n><kind>check</kind></n>", |body| {
        body.trim_end_matches("%0A").to_owned()
    });
    assert_eq!(first, again, "without the line feed at the end");
}
