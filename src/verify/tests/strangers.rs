//! Whatever a stranger sends: never a panic, never a yes. Whatever the provider signs: always one.

use proptest::prelude::*;

use super::super::providers::{self, Preset, SchemeSpec};
use super::*;

/// Hex, and base64 too, and so a key in every form that a preset asks for.
const SECRET: &str = "3f9a1c7be2d84056a9c1e5f7b2d408363f9a1c7be2d84056";

fn preset() -> impl Strategy<Value = &'static Preset> {
    let data = |preset: &&Preset| matches!(preset.scheme, SchemeSpec::Signature { .. });
    prop::sample::select(providers::ALL.into_iter().filter(data).collect::<Vec<_>>())
}

fn scheme(preset: &Preset) -> Scheme {
    let secrets = [Secret::new(SECRET.into())];
    let SchemeSpec::Signature {
        signature,
        timestamp,
    } = preset.scheme
    else {
        panic!("{} is code", preset.name);
    };
    Scheme::compile(&signature, timestamp.as_ref(), &secrets).unwrap()
}

fn prove(preset: &Preset, headers: HeaderMap, body: Vec<u8>) -> Result<Event, Refusal> {
    let mut source = source(Proof::Signature(scheme(preset)));
    source.body = BodyRule::Text;
    let target = Uri::from_static("/hooks/stranger");
    let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), body.into());
    authenticate(&source, &request, NOW)
}

/// The headers that the scheme reads, each as often and with whatever bytes a request may have.
fn headers(preset: &Preset, values: &[(usize, Vec<u8>)]) -> HeaderMap {
    let names: Vec<HeaderName> = scheme(preset)
        .sign(b"", "id", NOW)
        .iter()
        .map(|(name, _)| name.parse().unwrap())
        .collect();
    let mut headers = HeaderMap::new();
    for (at, value) in values {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(names[at % names.len()].clone(), value);
        }
    }
    headers
}

/// Bytes of any kind, and text that looks like a signature's header.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "(t=1785585600|v1|v1=|v1,|sha256=|[0-9a-f]{64}|[A-Za-z0-9+/]{43}=|,| |=){0,8}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_bytes_in_a_header_are_a_proof(
        preset in preset(),
        values in prop::collection::vec((0..4_usize, value()), 0..5),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let headers = headers(preset, &values);
        prop_assert!(prove(preset, headers, body).is_err());
    }

    #[test]
    fn what_is_signed_holds_and_nothing_else_does(
        preset in preset(),
        body in prop::collection::vec(any::<u8>(), 1..64),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in scheme(preset).sign(&body, "msg_1", NOW) {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        prop_assert!(prove(preset, headers.clone(), body.clone()).is_ok());
        let mut changed = body.clone();
        changed[flip.index(body.len())] ^= 1;
        prop_assert_eq!(prove(preset, headers, changed).unwrap_err(), Refusal::BadSignature);
    }

    /// By the source that it came to: so that two equal routing files never differ over it.
    #[test]
    fn a_stored_event_reads_as_it_did_when_it_came(
        media in prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "text/plain", ""]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..32),
            "\\{\"id\":(1|\"a\"|null),\"kind\":(\"k\"|2|\\[\\])\\}".prop_map(String::into_bytes),
            "(id=[a-z]?&?|kind=b&?){0,3}".prop_map(String::into_bytes),
        ],
        keyed in any::<bool>(),
    ) {
        let read = |text: &str| Expr::compile(text, crate::expr::Scope::SOURCE).unwrap();
        let source = Source {
            key: keyed.then(|| read("body.id")),
            kind: Some(read("body.kind")),
            ..source(Proof::None)
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", media.parse().unwrap());
        headers.insert("authorization", "Basic YTpi".parse().unwrap());
        let target = Uri::from_static("/hooks/stranger?a=1");
        let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), body.into());
        if let Ok(event) = authenticate(&source, &request, NOW) {
            let again = source.reread(&event).unwrap();
            prop_assert_eq!(&again.content, &event.content);
            prop_assert_eq!((&again.kind, &again.key.text), (&event.kind, &event.key.text));
        }
    }
}
