//! Schemes that are code: no stranger's bytes are a proof, and what `sign` makes always is.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use proptest::prelude::*;

use super::credential::Credential;
use super::{keyed, stamped};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::verify::given::{Fault, Given};
use crate::verify::spec::SignatureSpec;
use crate::verify::verifier::{Draft, Moment, Seal, Verifier};
use crate::verify::{Refusal, WebhookRequest};

const NOW: Timestamp = Timestamp::from_seconds(1_785_585_600);
const MOMENT: Moment = Moment {
    now: NOW,
    retention: std::time::Duration::from_hours(24),
};
const SPEC: SignatureSpec<'static> = SignatureSpec {
    header: "x-signature",
    ..SignatureSpec::BODY
};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn given(secrets: &[&str]) -> Given {
    Given {
        secrets: secrets.iter().copied().map(secret).collect(),
        header: Some("x-token".to_owned()),
        ..Given::default()
    }
}

fn by_id() -> Given {
    Given {
        keys: vec![
            ("k1".to_owned(), secret("the first key")),
            ("k2".to_owned(), secret("the second key")),
        ],
        ..Given::default()
    }
}

fn stamped_one() -> Box<dyn Verifier> {
    stamped::build(
        &given(&["a key"]),
        &SPEC,
        "at",
        std::time::Duration::from_mins(1),
    )
    .unwrap()
}

/// One of each mechanism.
fn schemes() -> Vec<Box<dyn Verifier>> {
    let prefixed = Given {
        prefix: Some("Bearer ".to_owned()),
        ..given(&["a token"])
    };
    vec![
        Credential::token(&given(&["a token", "another"]), None).unwrap(),
        Credential::token(&prefixed, None).unwrap(),
        Credential::basic(&given(&["user:password"])).unwrap(),
        keyed::build(&by_id(), &SPEC, "x-key-id").unwrap(),
        keyed::build(&given(&["a key"]), &SPEC, "x-key-id").unwrap(),
        stamped_one(),
    ]
}

fn judge(scheme: &dyn Verifier, headers: HeaderMap, body: Vec<u8>) -> Result<Seal, Refusal> {
    let target = Uri::from_static("/hooks/stranger");
    let body = Bytes::from(body);
    let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), body);
    scheme.verify(&request, MOMENT)
}

fn header_map(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn fault(built: Result<Box<dyn Verifier>, Fault>) -> Fault {
    built.map(|_| ()).unwrap_err()
}

#[test]
fn what_can_prove_nothing_is_not_built() {
    let token = |given: &Given| fault(Credential::token(given, None));
    assert_eq!(token(&given(&[])).key, "secrets");
    for bad in ["", " a", "a ", "a\nb"] {
        let fault = token(&given(&["good", bad]));
        assert_eq!((fault.key, fault.index), ("secrets", 1), "{bad:?}");
    }
    let nowhere = Given {
        header: None,
        ..given(&["a"])
    };
    assert_eq!(token(&nowhere).key, "header");
    let odd = Given {
        header: Some("no header".to_owned()),
        ..given(&["a"])
    };
    assert_eq!(token(&odd).key, "header");
    let pair = fault(Credential::basic(&given(&["a:b", "private"])));
    assert_eq!((pair.key, pair.index), ("secrets", 1));
    assert!(!pair.message.contains("private"));
    let both = Given {
        secrets: vec![secret("a key")],
        ..by_id()
    };
    assert_eq!(fault(keyed::build(&both, &SPEC, "x-key-id")).key, "keys");
    let none = Given::default();
    assert_eq!(fault(keyed::build(&none, &SPEC, "x-key-id")).key, "secrets");
}

#[test]
fn nothing_of_a_credential_is_shown() {
    for scheme in schemes() {
        let shown = format!("{scheme:?}");
        for text in ["a token", "password", "key\"", "first key"] {
            assert!(!shown.contains(text), "{shown}");
        }
    }
}

#[test]
fn where_a_credential_travels_is_known() {
    let travels: Vec<_> = schemes()
        .iter()
        .map(|scheme| scheme.credentials().any())
        .collect();
    assert_eq!(travels, [true, true, true, false, false, false]);
}

proptest! {
    #[test]
    fn no_bytes_are_a_proof(
        values in prop::collection::vec((0..4_usize, prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "(Basic |Bearer |k1|k2|[A-Za-z0-9+/]{8}|=|:| ){0,6}".prop_map(String::into_bytes),
        ]), 0..5),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let names = ["x-token", "authorization", "x-signature", "x-key-id"];
        let mut headers = HeaderMap::new();
        for (at, value) in &values {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(HeaderName::from_static(names[*at]), value);
            }
        }
        for scheme in schemes() {
            prop_assert!(judge(&*scheme, headers.clone(), body.clone()).is_err());
        }
    }

    #[test]
    fn what_is_signed_holds(text in ".{0,32}", number in any::<i64>()) {
        let body = serde_json::json!({ "text": text, "number": number }).to_string();
        for scheme in schemes() {
            let draft = Draft { body: body.as_bytes(), id: "msg_1", now: NOW };
            let signed = scheme.sign(draft).unwrap();
            let sent = signed.body.unwrap_or_else(|| body.clone().into_bytes());
            let headers = header_map(&signed.headers);
            let seal = judge(&*scheme, headers.clone(), sent.clone()).unwrap();
            prop_assert_eq!(seal.secret, Some(0));
            if scheme.credentials().any() {
                continue;
            }
            let mut changed = sent;
            changed[0] ^= 1;
            prop_assert_eq!(judge(&*scheme, headers, changed).unwrap_err(), Refusal::BadSignature);
        }
    }
}

#[test]
fn a_time_in_the_body_counts_both_ways() {
    let scheme = stamped_one();
    let at = |millis: i64| {
        let draft = Draft {
            body: b"{}",
            id: "",
            now: Timestamp::from_millis(millis),
        };
        let signed = scheme.sign(draft).unwrap();
        judge(&*scheme, header_map(&signed.headers), signed.body.unwrap())
    };
    let now = NOW.millis();
    assert_eq!(
        at(now - 60_000).unwrap().signed_at,
        Some(Timestamp::from_millis(now - 60_000))
    );
    assert_eq!(at(now - 60_001).unwrap_err(), Refusal::Stale);
    assert!(at(now + 60_000).is_ok());
    assert_eq!(at(now + 60_001).unwrap_err(), Refusal::Future);
}
