//! What a proof gives an event: its key, its claims, what is kept of its headers. Presets and their
//! schemes are judged by `tests/providers.rs`.

mod code_schemes;
mod copies;
mod crc;
mod paypal;
mod schemes;
mod strangers;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use http::HeaderValue;
use serde_json::json;

use super::scheme::{Scheme, SchemeFault};
use super::spec::{KeyForm, Place, SignatureSpec, TimestampSpec, Unit};
use super::template::TemplateFault;
use super::*;
use crate::secret::Secret;
use crate::token::{self, KeyRing, KeySet, Location};

const NOW: Timestamp = Timestamp::from_seconds(1_785_585_600);
const DAY: Duration = Duration::from_hours(24);

/// As routes.toml of the documentation has it.
fn spec() -> SignatureSpec<'static> {
    SignatureSpec {
        header: "X-Carrier-Signature",
        prefix: "sha256=",
        signed: "{timestamp}.{body}",
        ..SignatureSpec::BODY
    }
}

fn time(tolerance: Option<Duration>) -> TimestampSpec<'static> {
    TimestampSpec {
        place: Place::Header("X-Carrier-Timestamp"),
        unit: Unit::Seconds,
        tolerance,
    }
}

fn secrets() -> Vec<Secret> {
    vec![Secret::new(b"a secret of the carrier".to_vec())]
}

fn source(proof: Proof) -> Source {
    Source {
        name: "carrier".into(),
        proof,
        body: BodyRule::ByMediaType,
        key: None,
        kind: None,
        time: None,
        each: None,
        dedup: DAY,
        refuse_unrouted: false,
        rate: None,
        allow_ips: None,
        max_body: None,
        silence: None,
        preset: None,
        handshake: None,
        answers: Answers::DEFAULT,
        recipe: None,
    }
}

fn request(headers: &[(String, String)], query: &str, body: &'static str) -> WebhookRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    let target = format!("/hooks/carrier?{query}").parse().unwrap();
    let peer = "192.0.2.7".to_owned();
    WebhookRequest::new(Method::POST, &target, map, peer, body.into())
}

fn carrier(tolerance: Option<Duration>) -> Scheme {
    Scheme::compile(&spec(), Some(&time(tolerance)), &secrets()).unwrap()
}

/// A request of the carrier signed at one time and judged at another.
fn judge(scheme: Scheme, signed: Timestamp, now: Timestamp) -> Result<Event, Refusal> {
    let headers = scheme.sign(b"{}", "", signed);
    authenticate(
        &source(Proof::Signature(scheme)),
        &request(&headers, "", "{}"),
        now,
    )
}

#[test]
fn a_scheme_of_ones_own_signs_and_verifies() {
    let event = judge(carrier(Some(Duration::from_mins(5))), NOW, NOW).unwrap();
    assert_eq!(event.secret, Some(0));
    assert_eq!(event.content, crate::event::Content::Json(json!({})));
    assert_eq!(event.received_at, NOW);
    assert_eq!(event.kind, "");
    assert!(event.key.digest && !event.key.strict);
    assert_eq!(event.key.retention, DAY);
    // SHA-256 of the body.
    assert_eq!(
        event.key.text,
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}

#[test]
fn no_tolerance_lets_a_repeat_outlive_its_key() {
    let later = NOW.plus(DAY);
    for tolerance in [None, Some(DAY * 30)] {
        assert!(judge(carrier(tolerance), NOW, later).is_ok());
        let after = later.plus(Duration::from_secs(1));
        assert_eq!(
            judge(carrier(tolerance), NOW, after).unwrap_err(),
            Refusal::Stale
        );
    }
    let ahead = Duration::from_mins(4);
    let event = judge(carrier(None), NOW.plus(ahead), NOW).unwrap();
    assert_eq!(event.key.retention, DAY + ahead);
}

#[test]
fn a_scheme_that_proves_too_little_does_not_compile() {
    let compile = |change: fn(&mut SignatureSpec), timed: bool| {
        let mut spec = spec();
        change(&mut spec);
        let time = time(None);
        Scheme::compile(&spec, timed.then_some(&time), &secrets()).unwrap_err()
    };
    let body_only = |spec: &mut SignatureSpec| spec.signed = "{body}";
    assert_eq!(compile(|_| {}, false), SchemeFault::NoTimestamp);
    assert_eq!(compile(body_only, true), SchemeFault::UnsignedTimestamp);
    assert_eq!(
        compile(|spec| spec.signed = "{timestamp}", true),
        SchemeFault::Signed(TemplateFault::NoBody)
    );
    assert_eq!(
        compile(|spec| spec.signed = "{id}.{timestamp}.{body}", true),
        SchemeFault::NoId
    );
    assert_eq!(
        compile(|spec| spec.header = "no header", true),
        SchemeFault::HeaderName("no header".to_owned())
    );
}

#[test]
fn a_faulty_secret_is_named_by_its_position() {
    let fault = |form, texts: &[&str]| {
        let secrets: Vec<_> = texts
            .iter()
            .map(|text| Secret::new(text.as_bytes().to_vec()))
            .collect();
        let spec = SignatureSpec {
            key_form: form,
            signed: "{body}",
            ..spec()
        };
        Scheme::compile(&spec, None, &secrets).unwrap_err()
    };
    assert_eq!(fault(KeyForm::Plain, &[]), SchemeFault::NoSecret);
    assert_eq!(
        fault(KeyForm::Plain, &["good", ""]),
        SchemeFault::EmptySecret { index: 1 }
    );
    assert_eq!(
        fault(KeyForm::Whsec, &["whsec_"]),
        SchemeFault::EmptySecret { index: 0 }
    );
    for (form, text) in [
        (KeyForm::Hex, "private"),
        (KeyForm::Base64, "private!"),
        (KeyForm::Whsec, "whsec_private!"),
    ] {
        let text = fault(form, &[text]).to_string();
        assert!(text.starts_with("secret 0 is not "), "{text}");
        assert!(!text.contains("private"), "{text}");
    }
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let shown = format!("{:?}", source(Proof::Signature(carrier(None))));
    assert!(shown.contains("Key(***)"));
    assert!(!shown.contains("carrier's") && !shown.contains("a secret"));
}

fn by_token(issuer: Issuer) -> Proof {
    Proof::Token {
        issuers: vec![Arc::new(issuer)],
        keys: None,
    }
}

/// An issuer with one Ed25519 key, and its `Authorization` header for a caller.
fn corp() -> (Issuer, impl Fn(&str) -> (String, String)) {
    let key = Ed25519KeyPair::generate().unwrap();
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": B64.encode(key.public_key())});
    let ring = KeyRing::default();
    let document = json!({ "keys": [jwk] }).to_string();
    ring.replace(Arc::new(KeySet::from_jwks(document.as_bytes()).unwrap()));
    let issuer = Issuer {
        name: "corp".into(),
        issuer: "https://idp.example.com/".to_owned(),
        audience: vec!["signalpost".to_owned()],
        parties: Vec::new(),
        algorithms: vec![token::Algorithm::EdDSA],
        keys: Some(Location::Url("https://idp.example.com/jwks".to_owned())),
        ring,
        roles: None,
    };
    let bearer = move |subject: &str| {
        let claims = json!({"iss": "https://idp.example.com/", "aud": "signalpost", "sub": subject, "exp": NOW.seconds() + 60});
        let header = json!({"alg": "EdDSA", "kid": "k1"});
        let message = format!(
            "{}.{}",
            B64.encode(header.to_string()),
            B64.encode(claims.to_string())
        );
        let signature = B64.encode(key.sign(message.as_bytes()));
        (
            "Authorization".to_owned(),
            format!("bearer {message}.{signature}"),
        )
    };
    (issuer, bearer)
}

#[test]
fn a_token_gives_claims_and_a_key_of_caller_and_content() {
    let (issuer, bearer) = corp();
    let source = source(by_token(issuer));
    let key = |subject: &str, query: &str, body| {
        let event = authenticate(&source, &request(&[bearer(subject)], query, body), NOW).unwrap();
        assert_eq!(event.claims.unwrap()["sub"], subject);
        assert_eq!(event.secret, None);
        let (_, kept) = event.headers.first().cloned().unwrap();
        assert_eq!(kept.len(), 8, "only a fingerprint of the token is kept");
        assert!(event.key.digest && !event.key.strict);
        event.key.text
    };
    let first = key("ada", "a=1", "{}");
    assert_eq!(first, key("ada", "a=1", "{}"));
    for other in [
        key("bob", "a=1", "{}"),
        key("ada", "a=2", "{}"),
        key("ada", "a=1", "{ }"),
    ] {
        assert_ne!(first, other);
    }
}

#[test]
fn an_idempotency_key_counts_per_caller_and_is_strict() {
    let (issuer, bearer) = corp();
    let source = source(by_token(issuer));
    let judge = |subject: &str, keys: &[&str], body| {
        let mut headers = vec![bearer(subject)];
        headers.extend(
            keys.iter()
                .map(|key| ("Idempotency-Key".to_owned(), (*key).to_owned())),
        );
        authenticate(&source, &request(&headers, "", body), NOW).map(|event| event.key)
    };
    let first = judge("ada", &["k"], "{}").unwrap();
    assert!(first.strict && !first.digest);
    assert_eq!(judge("ada", &["k"], "[]").unwrap(), first);
    assert_ne!(judge("bob", &["k"], "{}").unwrap().text, first.text);
    assert_ne!(judge("ada", &["l"], "{}").unwrap().text, first.text);
    for keys in [&["k", "k"][..], &[""], &[" "]] {
        let refusal = judge("ada", keys, "{}").unwrap_err();
        assert_eq!(
            (refusal.reason(), refusal.class()),
            ("no_key", Class::BadRequest)
        );
    }
}

#[test]
fn a_token_is_read_from_one_bearer_header() {
    let (issuer, bearer) = corp();
    let source = source(by_token(issuer));
    let (name, value) = bearer("ada");
    let reason = |headers: &[(String, String)], query: &str| {
        let refusal = authenticate(&source, &request(headers, query, "{}"), NOW).unwrap_err();
        assert_eq!(refusal.class(), Class::Unauthorized);
        refusal.reason()
    };
    let token = value.strip_prefix("bearer ").unwrap();
    assert_eq!(
        reason(&[], &format!("access_token={token}")),
        "missing_header"
    );
    assert_eq!(
        reason(&[bearer("ada"), bearer("ada")], ""),
        "duplicate_header"
    );
    assert_eq!(reason(&[(name.clone(), token.to_owned())], ""), "malformed");
    assert_eq!(
        reason(&[(name.clone(), format!("Basic {token}"))], ""),
        "malformed"
    );
    assert_eq!(
        reason(&[(name, format!("Bearer  {token}"))], ""),
        "bad_token"
    );
}

#[test]
fn keys_that_are_not_there_are_not_the_callers_fault() {
    let (mut issuer, bearer) = corp();
    issuer.ring = KeyRing::default();
    let source = source(by_token(issuer));
    let refusal = authenticate(&source, &request(&[bearer("ada")], "", "{}"), NOW).unwrap_err();
    assert_eq!(refusal.class(), Class::Unavailable);
    assert!(refusal.wants_keys());
}

fn expression(text: &str) -> Expr {
    Expr::compile(text, crate::expr::Scope::SOURCE).unwrap()
}

#[test]
fn a_given_key_must_be_there() {
    let keyed = |key| Source {
        key: Some(expression(key)),
        kind: Some(expression("body.event")),
        ..source(Proof::None)
    };
    let judge = |key, body| authenticate(&keyed(key), &request(&[], "id=7", body), NOW);
    let event = judge("body.id", r#"{"id":12345678901234567890,"event":"moved"}"#).unwrap();
    assert_eq!(event.key.text, "12345678901234567890");
    assert!(!event.key.digest && !event.key.strict);
    assert_eq!(event.kind, "moved");
    let event = judge("query.id", "{}").unwrap();
    assert_eq!((event.key.text.as_str(), event.kind.as_str()), ("7", ""));
    for body in [
        r"{}",
        r#"{"id":""}"#,
        r#"{"id":null}"#,
        r#"{"id":[1]}"#,
        "text",
    ] {
        let refusal = judge("body.id", body).unwrap_err();
        assert_eq!(
            (refusal.reason(), refusal.class()),
            ("no_key", Class::BadRequest),
            "{body}"
        );
    }
}

#[test]
fn an_event_older_than_its_key_would_live_is_stale() {
    let timed = Source {
        time: Some(expression("body.at")),
        ..source(Proof::None)
    };
    let judge = |body| authenticate(&timed, &request(&[], "", body), NOW);
    assert!(judge(r#"{"at":1785499200}"#).is_ok(), "a day ago, exactly");
    assert!(judge(r#"{"at":"2026-07-31T14:00:00+02:00"}"#).is_ok());
    for body in [
        r#"{"at":1785499199}"#,
        r#"{"at":1785499199999}"#,
        r#"{"at":"2026-07-31T11:59:59Z"}"#,
    ] {
        assert_eq!(judge(body).unwrap_err(), Refusal::Stale, "{body}");
    }
    let refusal = judge("{}").unwrap_err();
    assert_eq!(
        (refusal.reason(), refusal.class()),
        ("no_time", Class::BadRequest)
    );
}
