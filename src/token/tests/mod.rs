//! Tokens made here with keys made here, each wrong in one way.

mod matrix;
mod signers;
mod trusted;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

use super::*;
use signers::{Signer, issuer};

const NOW: i64 = 1_785_585_600;

fn claims() -> Value {
    json!({"iss": "https://idp.example.com/", "aud": "signalpost", "sub": "ada", "exp": NOW + 60})
}

fn judge(token: &str, issuer: &Issuer) -> Result<String, Refusal> {
    verify(token, issuer, Timestamp::from_seconds(NOW)).map(|token| token.subject)
}

/// An issuer with one P-256 key `k1`, and a way to make tokens with it.
struct Corp {
    issuer: Issuer,
    key: Signer,
}

impl Corp {
    fn new() -> Self {
        let key = Signer::ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let issuer = issuer(&[key.jwk(Some("k1"))]);
        Self { issuer, key }
    }

    fn header(&self, header: &Value) -> Result<String, Refusal> {
        judge(&self.key.token(header, &claims()), &self.issuer)
    }

    /// The good claims with one of them changed, or gone where it is null.
    fn claim(&self, name: &str, value: Value) -> Result<String, Refusal> {
        let mut changed = claims();
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(name);
        } else {
            changed[name] = value;
        }
        let header = json!({"alg": "ES256", "kid": "k1"});
        judge(&self.key.token(&header, &changed), &self.issuer)
    }
}

#[test]
fn the_algorithm_is_the_issuers_choice() {
    let mut corp = Corp::new();
    for name in ["none", "None", "HS1", "es256", "ES256K", ""] {
        let judged = corp.header(&json!({"alg": name, "kid": "k1"}));
        assert_eq!(judged, Err(Refusal::Algorithm), "{name}");
    }
    for name in ["RS256", "ES384"] {
        assert_eq!(
            corp.header(&json!({"alg": name, "kid": "k1"})),
            Err(Refusal::UnfitKey)
        );
    }
    corp.issuer.algorithms = vec![Algorithm::RS256];
    assert_eq!(
        corp.header(&json!({"alg": "ES256", "kid": "k1"})),
        Err(Refusal::Algorithm)
    );
}

#[test]
fn keys_come_from_the_set_alone() {
    let corp = Corp::new();
    let stranger = Signer::ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let embedded = json!({"alg": "ES256", "kid": "k1", "jwk": stranger.jwk(None), "jku": "https://evil.example/", "x5u": "https://evil.example/"});
    assert_eq!(
        judge(&stranger.token(&embedded, &claims()), &corp.issuer),
        Err(Refusal::BadSignature)
    );
    assert_eq!(
        corp.header(&json!({"alg": "ES256", "kid": "k2"})),
        Err(Refusal::UnknownKey("k2".to_owned()))
    );
    assert_eq!(
        corp.header(&json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]})),
        Err(Refusal::Critical)
    );
}

#[test]
fn without_a_kid_the_only_fitting_key_is_meant() {
    let corp = Corp::new();
    assert_eq!(corp.header(&json!({"alg": "ES256"})), Ok("ada".to_owned()));
    let second = Signer::ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let both = issuer(&[corp.key.jwk(Some("k1")), second.jwk(Some("k2"))]);
    let token = corp.key.token(&json!({"alg": "ES256"}), &claims());
    assert_eq!(judge(&token, &both), Err(Refusal::NoKid));
}

#[test]
fn times_hold_within_thirty_seconds() {
    let corp = Corp::new();
    let good = Ok("ada".to_owned());
    assert_eq!(corp.claim("exp", json!(NOW - 29)), good);
    assert_eq!(corp.claim("exp", json!(NOW - 30)), Err(Refusal::Expired));
    assert_eq!(corp.claim("exp", json!(1_785_585_571.5)), good);
    assert_eq!(corp.claim("exp", json!(-1e300)), Err(Refusal::Expired));
    assert_eq!(corp.claim("exp", json!(u64::MAX)), good);
    assert_eq!(corp.claim("exp", Value::Null), Err(Refusal::NoExpiry));
    assert!(matches!(
        corp.claim("exp", json!("1785585660")),
        Err(Refusal::Malformed(_))
    ));
    assert_eq!(corp.claim("nbf", json!(NOW + 30)), good);
    assert_eq!(corp.claim("nbf", json!(NOW + 31)), Err(Refusal::NotYet));
}

#[test]
fn issuer_and_audience_are_exact() {
    let corp = Corp::new();
    let good = Ok("ada".to_owned());
    assert_eq!(corp.claim("aud", json!(["other", "signalpost"])), good);
    for aud in [json!("Signalpost"), json!([]), json!(7), Value::Null] {
        assert_eq!(corp.claim("aud", aud), Err(Refusal::WrongAudience));
    }
    for iss in [json!("https://idp.example.com"), Value::Null] {
        assert_eq!(corp.claim("iss", iss), Err(Refusal::WrongIssuer));
    }
    assert_eq!(corp.claim("sub", Value::Null), Ok(String::new()));
}

#[test]
fn what_is_not_a_token_is_refused() {
    let corp = Corp::new();
    let good = corp
        .key
        .token(&json!({"alg": "ES256", "kid": "k1"}), &claims());
    for text in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "e30.e30.",
        &format!("{good}.x"),
    ] {
        assert!(judge(text, &corp.issuer).is_err(), "{text:?}");
    }
    assert!(judge(&format!("{good}="), &corp.issuer).is_err());
    let long = "a".repeat(16 * 1024 + 1);
    assert_eq!(judge(&long, &corp.issuer), Err(Refusal::TooLong));
}

#[test]
fn an_ecdsa_signature_has_the_fixed_form() {
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let pkcs8 = pkcs8.unwrap();
    let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let der = Signer::Ec(der);
    let issuer = issuer(&[der.jwk(Some("k1"))]);
    let header = json!({"alg": "ES256", "kid": "k1"});
    let token = der.token(&header, &claims());
    assert_eq!(judge(&token, &issuer), Err(Refusal::BadSignature));
    let (message, _) = token.rsplit_once('.').unwrap();
    let zero = format!("{message}.{}", B64.encode([0; 64]));
    assert_eq!(judge(&zero, &issuer), Err(Refusal::BadSignature));
}

#[test]
fn no_keys_yet_is_told_apart() {
    let mut corp = Corp::new();
    corp.issuer.ring = KeyRing::default();
    assert_eq!(
        corp.header(&json!({"alg": "ES256", "kid": "k1"})),
        Err(Refusal::NoKeys)
    );
}

#[test]
fn a_key_set_takes_what_it_can_use() {
    let key = Signer::ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let mut encryption = key.jwk(Some("enc"));
    encryption["use"] = json!("enc");
    let document = json!({"keys": [
        key.jwk(Some("k1")), encryption, {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "secp256k1", "x": "", "y": ""},
        {"kty": "RSA", "kid": 7}, "junk",
    ]});
    let set = KeySet::from_jwks(document.to_string().as_bytes()).unwrap();
    assert_eq!(set.count(), 1);
    let fault = |text: &str| KeySet::from_jwks(text.as_bytes()).unwrap_err();
    assert_eq!(fault("<html>"), keys::KeySetFault::NotJwks);
    assert_eq!(fault("{\"keys\":{}}"), keys::KeySetFault::NotJwks);
    assert_eq!(fault("{\"keys\":[]}"), keys::KeySetFault::NothingUsable);
}

#[test]
fn a_weak_or_malformed_key_is_none() {
    let x = B64.encode([1; 32]);
    let modulus = B64.encode([0xff; 128]);
    for key in [
        json!({"kty": "RSA", "n": modulus, "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": x}),
        json!({"kty": "EC", "crv": "P-521", "x": x, "y": x}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": B64.encode([1; 31])}),
        json!({"kty": "OKP", "crv": "X25519", "x": x}),
        json!({"kty": "oct", "k": x, "alg": "HS256"}),
    ] {
        let document = json!({ "keys": [key] }).to_string();
        let read = KeySet::from_jwks(document.as_bytes());
        assert!(
            matches!(read, Err(keys::KeySetFault::NothingUsable)),
            "{document}"
        );
    }
}

#[test]
fn a_key_pinned_to_an_algorithm_serves_no_other() {
    let key = Signer::of(Algorithm::PS256);
    let mut pinned = key.jwk(Some("k1"));
    pinned["alg"] = json!("RS256");
    let token = key.token(&json!({"alg": "PS256", "kid": "k1"}), &claims());
    assert_eq!(judge(&token, &issuer(&[pinned])), Err(Refusal::UnfitKey));
    let free = issuer(&[key.jwk(Some("k1"))]);
    assert_eq!(judge(&token, &free), Ok("ada".to_owned()));
}
