//! A token for a case that says whose it would be: signed with a secret that is thrown away, and an issuer or a key
//! that takes it, in the place of the source's own.
//!
//! So the case goes the way of every request, through `verify::authenticate`. The roles are read as the true issuer
//! reads them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::cases::Caller;
use crate::secret::Secret;
use crate::token::{API_KEYS, Algorithm, ApiKey, Issuer, KeyRing, KeySet, KeyTable, api_keys};
use crate::verify::{Proof, Source};

const GOOD_FOR: Duration = Duration::from_hours(1);

/// What proves the case, the `Authorization` that it is sent with, and the sender's roles.
pub(super) type Equipped = (Proof, HeaderValue, Vec<String>);

pub(super) fn token(source: &Source, caller: &Caller, now: Timestamp) -> Result<Equipped, String> {
    let Proof::Token { issuers, keys } = &source.proof else {
        return Err(format!(
            "`claims`, `roles` and `issuer` are for sources of tokens, and `{}` is none",
            source.name
        ));
    };
    let first = issuers.first().map_or(API_KEYS, |issuer| &*issuer.name);
    let name = caller.issuer.as_deref().unwrap_or(first);
    if let (API_KEYS, Some(table)) = (name, keys) {
        return api_key(issuers, table, caller);
    }
    let issuer = issuers.iter().find(|issuer| &*issuer.name == name);
    let Some(issuer) = issuer else {
        return Err(format!("`{}` takes no tokens of `{name}`", source.name));
    };
    let claims = claims(issuer, caller, now);
    let roles = caller.roles.clone();
    let roles = roles.unwrap_or_else(|| issuer.roles_in(&claims));
    let secret = random().concat();
    let stands_in = Issuer {
        name: Arc::clone(&issuer.name),
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        parties: issuer.parties.clone(),
        algorithms: vec![Algorithm::HS256],
        keys: None,
        ring: KeyRing::default(),
        roles: None,
    };
    let secrets = [Secret::new(secret.clone())];
    let set = KeySet::from_secrets(&secrets, &stands_in.algorithms);
    stands_in.ring.replace(Arc::new(set));
    let proof = Proof::Token {
        issuers: vec![Arc::new(stands_in)],
        keys: None,
    };
    Ok((proof, bearer(&signed(&claims, &secret)?)?, roles))
}

fn api_key(issuers: &[Arc<Issuer>], table: &KeyTable, caller: &Caller) -> Result<Equipped, String> {
    let name = caller.subject.as_deref().unwrap_or("test");
    let known = || Some(table.named(name)?.roles.clone());
    let roles = caller.roles.clone().or_else(known).unwrap_or_default();
    let mut bytes = [0; 32];
    for (byte, random) in bytes.iter_mut().zip(random().concat()) {
        *byte = random;
    }
    let text = api_keys::format(&bytes);
    let key = ApiKey {
        name: name.into(),
        roles: roles.clone(),
        expires: None,
    };
    let table = KeyTable::new([(api_keys::hash(&text), key)]);
    let proof = Proof::Token {
        issuers: issuers.to_vec(),
        keys: Some(Arc::new(table)),
    };
    Ok((proof, bearer(&text)?, roles))
}

fn random() -> [[u8; 16]; 2] {
    [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes)
}

/// Those of the case, and what a token of this issuer must have besides.
fn claims(issuer: &Issuer, caller: &Caller, now: Timestamp) -> Value {
    let mut claims = match &caller.claims {
        Some(Value::Object(claims)) => claims.clone(),
        _ => Map::new(),
    };
    let expiry = now.plus(GOOD_FOR).seconds();
    let party = issuer.parties.first();
    let given = [
        ("iss", Some(json!(issuer.issuer))),
        ("aud", issuer.audience.first().map(|it| json!(it))),
        ("azp", party.map(|it| json!(it))),
        ("exp", Some(json!(expiry))),
        ("sub", caller.subject.as_ref().map(|it| json!(it))),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            claims.entry(name).or_insert(value);
        }
    }
    Value::Object(claims)
}

fn signed(claims: &Value, secret: &[u8]) -> Result<String, String> {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let parts = [header.to_string(), claims.to_string()];
    let parts = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = parts.join(".");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|error| error.to_string())?;
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(format!("{message}.{signature}"))
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "these claims fit no header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
