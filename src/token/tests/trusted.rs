//! Several issuers and API keys under one trust, and shared secrets while they rotate.

use serde_json::json;

use super::super::*;
use super::signers::Signer;
use super::{NOW, claims};
use crate::expr::Scope;
use crate::secret::Secret;
use api_keys::{ApiKey, KeyTable};

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn issuer_of(key: &Signer, name: &str, iss: &str) -> Arc<Issuer> {
    let roles = Expr::compile("claims.roles", Scope::CLAIMS).unwrap();
    Arc::new(Issuer {
        name: name.into(),
        issuer: iss.to_owned(),
        roles: Some(roles),
        ..key.issuer(Algorithm::EdDSA)
    })
}

fn api_key(name: &str, expires: Option<i64>) -> (String, (api_keys::KeyHash, ApiKey)) {
    let mut random = [0; api_keys::RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let text = api_keys::format(&random);
    let key = ApiKey {
        name: name.into(),
        roles: vec!["deploy".to_owned()],
        expires: expires.map(Timestamp::from_seconds),
    };
    (text.clone(), (api_keys::hash(&text), key))
}

#[test]
fn a_token_is_judged_by_the_issuer_that_it_names() {
    let keys = [Signer::of(Algorithm::EdDSA), Signer::of(Algorithm::EdDSA)];
    let issuers = [
        issuer_of(&keys[0], "a", "https://a.example/"),
        issuer_of(&keys[1], "b", "https://b.example/"),
    ];
    let trust = Trust {
        issuers: &issuers,
        keys: None,
    };
    let token = |key: &Signer, iss: &str| {
        let mut claims = claims();
        claims["iss"] = json!(iss);
        claims["roles"] = json!(["ops"]);
        key.token(&json!({ "alg": "EdDSA", "kid": "k1" }), &claims)
    };
    for (key, issuer) in keys.iter().zip(&issuers) {
        let good = trust.verify(&token(key, &issuer.issuer), now()).unwrap();
        assert_eq!((&good.issuer, &good.iss), (&issuer.name, &issuer.issuer));
        assert_eq!(good.roles, ["ops"]);
        let speaker = trust.speaker(&good.claims).unwrap();
        assert_eq!(speaker.to_string(), format!("{}:ada", issuer.name));
        assert_eq!(speaker.roles, ["ops"]);
    }
    let crossed = trust.verify(&token(&keys[0], "https://b.example/"), now());
    assert_eq!(crossed.err(), Some(Refusal::BadSignature));
    let stranger = trust.verify(&token(&keys[0], "https://c.example/"), now());
    assert_eq!(stranger.err(), Some(Refusal::WrongIssuer));
    assert_eq!(trust.keys_for("nonsense"), None);
    assert_eq!(trust.speaker(&json!({ "iss": "https://c.example/" })), None);
    assert_eq!(trust.speaker(&json!({ "sub": "ci" })), None);
}

#[test]
fn an_api_key_speaks_for_its_name_until_it_expires() {
    let (good, entry) = api_key("ci", Some(NOW + 1));
    let (old, expired) = api_key("old", Some(NOW));
    let table = KeyTable::new([entry, expired]);
    let trust = Trust {
        issuers: &[],
        keys: Some(&table),
    };
    let token = trust.verify(&good, now()).unwrap();
    assert_eq!(
        (&*token.issuer, &*token.iss, &*token.subject),
        ("keys", "", "ci")
    );
    assert_eq!(token.roles, ["deploy"]);
    assert_eq!(token.claims, json!({ "sub": "ci" }));
    assert_eq!(trust.speaker(&token.claims).unwrap().roles, ["deploy"]);

    assert_eq!(trust.verify(&old, now()).err(), Some(Refusal::Expired));
    let (unknown, _) = api_key("nobody", None);
    for text in [&*unknown, "spk_", "", "a.b.c"] {
        let judged = trust.verify(text, now()).err();
        assert_eq!(judged, Some(Refusal::UnknownApiKey), "{text}");
    }
    assert_eq!(trust.keys_for(&good), None, "nobody is asked for keys");
}

#[test]
fn an_api_key_is_nothing_where_none_are_taken() {
    let key = Signer::of(Algorithm::EdDSA);
    let issuers = [issuer_of(&key, "a", "https://a.example/")];
    let (good, _) = api_key("ci", None);
    let trust = Trust {
        issuers: &issuers,
        keys: None,
    };
    assert_eq!(
        trust.verify(&good, now()).err(),
        Some(Refusal::UnknownApiKey)
    );
    assert_eq!(trust.keys_for(&good), None);
}

#[test]
fn shared_secrets_rotate() {
    let secrets = [vec![1; 64], vec![2; 64], vec![3; 64]];
    let held: Vec<Secret> = secrets.iter().take(2).cloned().map(Secret::new).collect();
    let issuer = Signer::of(Algorithm::HS512).issuer(Algorithm::HS512);
    let set = KeySet::from_secrets(&held, &issuer.algorithms);
    let shown = format!("{set:?} {issuer:?}");
    assert!(
        !shown.contains("1, 1") && !shown.contains("0101"),
        "{shown}"
    );
    issuer.ring.replace(Arc::new(set));
    for (index, secret) in secrets.into_iter().enumerate() {
        let signer = Signer::Shared(secret, aws_lc_rs::hmac::HMAC_SHA512);
        let header = json!({ "alg": "HS512", "kid": "whatever" });
        let judged = verify(&signer.token(&header, &claims()), &issuer, now());
        assert_eq!(judged.is_ok(), index < 2, "{index}");
    }
}
