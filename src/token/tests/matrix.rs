//! Each algorithm with each fault: none forgotten, none that passes.

use std::collections::HashSet;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::super::*;
use super::signers::Signer;
use super::{NOW, claims};

/// What is wrong with a token.
enum Fault {
    Nothing,
    /// A member of the header set, or gone where it is null.
    Header(&'static str, Value),
    /// The same of the claims.
    Claim(&'static str, Value),
    /// The finished token, changed.
    Text(fn(String) -> String),
    /// The header as text.
    RawHeader(fn(&str) -> String),
    /// Signed with another key of the same kind.
    OtherKey,
}

const MALFORMED: Refusal = Refusal::Malformed("");

/// Every fault with its name and what it is refused for.
#[expect(clippy::too_many_lines, reason = "a table")]
fn faults() -> Vec<(&'static str, Fault, Option<Refusal>)> {
    use Fault::{Claim, Header, Nothing, OtherKey, RawHeader, Text};
    let refused = |name, fault, refusal| (name, fault, Some(refusal));
    let good = |name, fault| (name, fault, None);
    vec![
        good("nothing", Nothing),
        good("typ JWT", Header("typ", json!("JWT"))),
        good("typ of RFC 9068", Header("typ", json!("at+jwt"))),
        good(
            "typ as a media type",
            Header("typ", json!("application/AT+JWT")),
        ),
        good("no sub", Claim("sub", json!(null))),
        good("aud in a list", Claim("aud", json!(["x", "signalpost"]))),
        good("claim typ Bearer", Claim("typ", json!("Bearer"))),
        good("expired within the leeway", Claim("exp", json!(NOW - 29))),
        good("nbf within the leeway", Claim("nbf", json!(NOW + 30))),
        refused("alg none", Header("alg", json!("none")), Refusal::Algorithm),
        refused("alg absent", Header("alg", json!(null)), Refusal::Algorithm),
        refused("alg a number", Header("alg", json!(1)), Refusal::Algorithm),
        refused("crit", Header("crit", json!(["exp"])), Refusal::Critical),
        refused("crit empty", Header("crit", json!([])), Refusal::Critical),
        refused(
            "typ of a logout token",
            Header("typ", json!("logout+jwt")),
            Refusal::Kind,
        ),
        refused(
            "typ of a proof of possession",
            Header("typ", json!("dpop+jwt")),
            Refusal::Kind,
        ),
        refused(
            "typ of a security event",
            Header("typ", json!("secevent+jwt")),
            Refusal::Kind,
        ),
        refused("typ a number", Header("typ", json!(7)), Refusal::Kind),
        refused("claim typ ID", Claim("typ", json!("ID")), Refusal::Kind),
        refused(
            "claim typ Refresh",
            Claim("typ", json!("Refresh")),
            Refusal::Kind,
        ),
        refused("kid a number", Header("kid", json!(7)), MALFORMED),
        refused(
            "a name twice in the header",
            RawHeader(|header| header.replacen('{', "{\"typ\":\"JWT\",\"typ\":\"JWT\",", 1)),
            MALFORMED,
        ),
        refused(
            "a header that is a list",
            RawHeader(|_| "[]".to_owned()),
            MALFORMED,
        ),
        refused("another key", OtherKey, Refusal::BadSignature),
        refused("no exp", Claim("exp", json!(null)), Refusal::NoExpiry),
        refused("expired", Claim("exp", json!(NOW - 30)), Refusal::Expired),
        refused("exp as text", Claim("exp", json!("soon")), MALFORMED),
        refused("not yet", Claim("nbf", json!(NOW + 31)), Refusal::NotYet),
        refused("nbf as text", Claim("nbf", json!("now")), MALFORMED),
        refused("no iss", Claim("iss", json!(null)), Refusal::WrongIssuer),
        refused(
            "another iss",
            Claim("iss", json!("https://evil.example/")),
            Refusal::WrongIssuer,
        ),
        refused(
            "iss in a list",
            Claim("iss", json!(["https://idp.example.com/"])),
            Refusal::WrongIssuer,
        ),
        refused("no aud", Claim("aud", json!(null)), Refusal::WrongAudience),
        refused(
            "another aud",
            Claim("aud", json!("x")),
            Refusal::WrongAudience,
        ),
        refused("no azp", Claim("azp", json!(null)), Refusal::WrongParty),
        refused("another azp", Claim("azp", json!("x")), Refusal::WrongParty),
        refused("sub a number", Claim("sub", json!(7)), MALFORMED),
        refused(
            "a flipped signature",
            Text(|token| swap_signature(&token, |bytes| bytes[0] ^= 1)),
            Refusal::BadSignature,
        ),
        refused(
            "a short signature",
            Text(|token| swap_signature(&token, |bytes| bytes.truncate(bytes.len() - 1))),
            Refusal::BadSignature,
        ),
        refused(
            "no signature",
            Text(|token| swap_signature(&token, Vec::clear)),
            Refusal::BadSignature,
        ),
        refused(
            "another payload",
            Text(|token| {
                let parts: Vec<&str> = token.split('.').collect();
                let payload = super::B64.encode(claims_with_admin().to_string());
                format!("{}.{payload}.{}", parts[0], parts[2])
            }),
            Refusal::BadSignature,
        ),
        refused(
            "a padded signature",
            Text(|token| format!("{token}=")),
            MALFORMED,
        ),
        refused(
            "a fourth part",
            Text(|token| format!("{token}.x")),
            MALFORMED,
        ),
        refused(
            "two parts",
            Text(|token| token.rsplit_once('.').unwrap().0.to_owned()),
            MALFORMED,
        ),
        refused(
            "too long",
            Text(|token| format!("{token}{}", "a".repeat(16 * 1024))),
            Refusal::TooLong,
        ),
    ]
}

fn claims_with_admin() -> Value {
    set(&good_claims(), "roles", &json!(["admin"]))
}

fn good_claims() -> Value {
    set(&claims(), "azp", &json!("portal"))
}

fn swap_signature(token: &str, change: impl Fn(&mut Vec<u8>)) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = super::B64.decode(signature).unwrap();
    change(&mut bytes);
    format!("{message}.{}", super::B64.encode(bytes))
}

fn set(object: &Value, name: &str, value: &Value) -> Value {
    let mut members: Map<String, Value> = object.as_object().unwrap().clone();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value.clone());
    }
    Value::Object(members)
}

fn token(fault: &Fault, key: &Signer, other: &Signer, algorithm: Algorithm) -> String {
    let header = json!({ "alg": algorithm.name(), "kid": "k1" });
    let claims = good_claims();
    match fault {
        Fault::Nothing => key.token(&header, &claims),
        Fault::Header(name, value) => key.token(&set(&header, name, value), &claims),
        Fault::Claim(name, value) => key.token(&header, &set(&claims, name, value)),
        Fault::Text(change) => change(key.token(&header, &claims)),
        Fault::RawHeader(change) => key.token_of(&change(&header.to_string()), &claims),
        Fault::OtherKey => other.token(&header, &claims),
    }
}

#[test]
fn each_algorithm_refuses_each_fault_for_its_reason() {
    let faults = faults();
    let names: HashSet<&str> = faults.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), faults.len(), "each fault once");
    let mut judged = 0;
    for algorithm in Algorithm::ALL {
        let (key, other) = (Signer::of(algorithm), Signer::of(algorithm));
        let mut issuer = key.issuer(algorithm);
        issuer.parties = vec!["app".to_owned(), "portal".to_owned()];
        for (name, fault, expected) in &faults {
            let text = token(fault, &key, &other, algorithm);
            let refusal = verify(&text, &issuer, Timestamp::from_seconds(NOW)).err();
            let refusal = match refusal {
                Some(Refusal::Malformed(_)) => Some(MALFORMED),
                other => other,
            };
            assert_eq!(&refusal, expected, "{}: {name}", algorithm.name());
            judged += 1;
        }
    }
    assert_eq!(judged, 13 * faults.len());
}

#[test]
fn each_algorithm_is_refused_where_the_issuer_names_another() {
    for own in Algorithm::ALL {
        let key = Signer::of(own);
        let issuer = key.issuer(own);
        for other in Algorithm::ALL.into_iter().filter(|&other| other != own) {
            let token = key.token(&json!({ "alg": other.name(), "kid": "k1" }), &claims());
            let judged = verify(&token, &issuer, Timestamp::from_seconds(NOW));
            assert_eq!(judged.err(), Some(Refusal::Algorithm), "{own:?}, {other:?}");
        }
    }
}

/// The classic: the public key, taken as a shared secret.
#[test]
fn a_public_key_is_no_secret() {
    let key = Signer::of(Algorithm::ES256);
    let document = json!({ "keys": [key.jwk(Some("k1"))] }).to_string();
    let forger = Signer::Shared(document.into_bytes(), aws_lc_rs::hmac::HMAC_SHA256);
    let token = forger.token(&json!({ "alg": "HS256", "kid": "k1" }), &claims());
    let mut issuer = key.issuer(Algorithm::ES256);
    // Even where the list of algorithms would let it, which no config does.
    issuer.algorithms.push(Algorithm::HS256);
    let judged = verify(&token, &issuer, Timestamp::from_seconds(NOW));
    assert_eq!(judged.err(), Some(Refusal::BadSignature));
}
