//! Credentials of every kind, good and broken in one way each.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use signalpost::clock;

pub(super) const ISSUER: &str = "https://corp.example/";

/// Two key pairs, of which the issuer shows one.
pub(super) struct Signers {
    shown: Ed25519KeyPair,
    other: Ed25519KeyPair,
}

/// What a request carries.
pub(super) struct Sent {
    pub(super) authorization: Vec<String>,
    pub(super) query: String,
    /// Whatever must not turn up anywhere.
    pub(super) secrets: Vec<String>,
}

impl Signers {
    pub(super) fn new() -> Self {
        let key = || Ed25519KeyPair::generate().expect("a key");
        Self {
            shown: key(),
            other: key(),
        }
    }

    pub(super) fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.shown.public_key());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] }).to_string()
    }
}

/// The header and claims of a good token, before a fault changes them.
pub(super) struct Draft<'s> {
    signers: &'s Signers,
    header: Value,
    claims: Value,
}

/// A way to send a token: what it is called, whether it is as good as any, and how it is made.
pub(super) type Fault = (&'static str, bool, fn(Draft<'_>) -> Sent);

pub(super) const FAULTS: &[Fault] = &[
    ("none", true, |draft| draft.bearer()),
    ("the scheme in lower case", true, |draft| {
        Sent::new(&[format!("bearer {}", draft.token())])
    }),
    ("expired within the leeway", true, |draft| {
        draft.time("exp", -10).bearer()
    }),
    ("of several audiences one is ours", true, |draft| {
        draft.claim("aud", json!(["other", "signalpost"])).bearer()
    }),
    ("no token", false, |_| Sent::new(&[])),
    ("an empty header", false, |_| Sent::new(&[String::new()])),
    ("an empty token", false, |_| {
        Sent::new(&["Bearer".to_owned()])
    }),
    ("another scheme", false, |draft| {
        Sent::new(&[format!("Basic {}", draft.token())])
    }),
    ("no scheme", false, |draft| Sent::new(&[draft.token()])),
    ("two tokens", false, |draft| {
        let bearer = format!("Bearer {}", draft.token());
        Sent::new(&[bearer.clone(), bearer])
    }),
    ("in the query string", false, |draft| Sent {
        query: format!("?access_token={}", draft.token()),
        secrets: vec![draft.token()],
        authorization: Vec::new(),
    }),
    ("no token at all, but text", false, |_| {
        Sent::new(&["Bearer s3cr3t-garbage".to_owned()])
    }),
    ("two parts", false, |draft| {
        let token = draft.token();
        let (two, _) = token.rsplit_once('.').expect("three parts");
        Sent::new(&[format!("Bearer {two}")])
    }),
    ("expired", false, |draft| draft.time("exp", -3_600).bearer()),
    ("without exp", false, |draft| {
        draft.claim("exp", Value::Null).bearer()
    }),
    ("exp as text", false, |draft| {
        draft.claim("exp", json!("9999999999")).bearer()
    }),
    ("not valid yet", false, |draft| {
        draft.time("nbf", 3_600).bearer()
    }),
    ("of another issuer", false, |draft| {
        draft.claim("iss", json!("https://evil.example/")).bearer()
    }),
    ("for another audience", false, |draft| {
        draft.claim("aud", json!("shop")).bearer()
    }),
    ("another signature", false, |draft| {
        let token = draft.token();
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let rest: String = signature.chars().skip(1).collect();
        Sent::new(&[format!("Bearer {signed}.{first}{rest}")])
    }),
    ("changed claims", false, |draft| {
        let token = draft.token();
        let claims = Draft {
            claims: json!({ "sub": "root" }),
            ..draft
        };
        let forged = claims.token();
        let part = |text: &str, at| text.split('.').nth(at).expect("three parts").to_owned();
        let parts = [part(&token, 0), part(&forged, 1), part(&token, 2)];
        Sent::new(&[format!("Bearer {}", parts.join("."))])
    }),
    ("signed by another key", false, |draft| {
        let signature = |signed: &str| {
            draft
                .signers
                .other
                .sign(signed.as_bytes())
                .as_ref()
                .to_vec()
        };
        Sent::new(&[format!("Bearer {}", draft.signed(signature))])
    }),
    ("an unknown key", false, |draft| {
        draft.header("kid", json!("nobody's")).bearer()
    }),
    ("alg none", false, |draft| {
        let draft = draft.header("alg", json!("none"));
        Sent::new(&[format!("Bearer {}", draft.signed(|_| Vec::new()))])
    }),
    ("the public key as a shared secret", false, |draft| {
        let draft = draft.header("alg", json!("HS256"));
        let public = draft.signers.shown.public_key().as_ref();
        let mac = |signed: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(public).expect("a key of any length");
            mac.update(signed.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        Sent::new(&[format!("Bearer {}", draft.signed(mac))])
    }),
    (
        "an algorithm that the issuer does not use",
        false,
        |draft| draft.header("alg", json!("RS256")).bearer(),
    ),
    ("a critical extension", false, |draft| {
        draft.header("crit", json!(["b64"])).bearer()
    }),
    ("too long", false, |draft| {
        draft.claim("pad", json!("x".repeat(30_000))).bearer()
    }),
];

/// The same for API keys; the key is one of the plan's.
pub(super) type KeyFault = (&'static str, bool, fn(&str) -> Sent);

pub(super) const KEY_FAULTS: &[KeyFault] = &[
    ("none", true, |key| Sent::new(&[format!("Bearer {key}")])),
    ("another scheme", false, |key| {
        Sent::new(&[format!("Basic {key}")])
    }),
    ("cut short", false, |key| {
        let short: String = key.chars().take(key.len() - 1).collect();
        Sent::new(&[format!("Bearer {short}")])
    }),
    ("one more character", false, |key| {
        Sent::new(&[format!("Bearer {key}x")])
    }),
    ("in upper case", false, |key| {
        Sent::new(&[format!("Bearer {}", key.to_uppercase())])
    }),
    ("without its prefix", false, |key| {
        Sent::new(&[format!("Bearer {}", key.trim_start_matches("spk_"))])
    }),
    ("nobody's", false, |_| {
        Sent::new(&[format!("Bearer spk_{}", "A".repeat(43))])
    }),
    ("as the hash that the file has", false, |key| {
        let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key));
        Sent::new(&[format!("Bearer {hash}")])
    }),
];

impl Sent {
    fn new(authorization: &[String]) -> Self {
        let secrets = authorization
            .iter()
            .filter_map(|value| value.split(' ').nth(1))
            .flat_map(|token| {
                // A part of a token is as bad as the whole, but for the header, which all share.
                let parts = token.split('.').skip(1).filter(|part| part.len() > 10);
                parts.map(str::to_owned).chain([token.to_owned()])
            });
        Self {
            secrets: secrets.collect(),
            authorization: authorization.to_vec(),
            query: String::new(),
        }
    }
}

impl<'s> Draft<'s> {
    pub(super) fn new(signers: &'s Signers, claims: &Value) -> Self {
        let mut draft = Self {
            signers,
            header: json!({ "alg": "EdDSA", "kid": "k" }),
            claims: claims.clone(),
        };
        draft = draft
            .claim("iss", json!(ISSUER))
            .claim("aud", json!("signalpost"));
        draft.time("exp", 3_600)
    }

    /// Null takes it away.
    fn claim(mut self, name: &str, value: Value) -> Self {
        let claims = self.claims.as_object_mut().expect("claims");
        claims.remove(name);
        if !value.is_null() {
            claims.insert(name.to_owned(), value);
        }
        self
    }

    fn time(self, name: &str, from_now: i64) -> Self {
        self.claim(name, json!(clock::now().seconds() + from_now))
    }

    fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    fn signed(&self, sign: impl Fn(&str) -> Vec<u8>) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = URL_SAFE_NO_PAD.encode(sign(&signed));
        format!("{signed}.{signature}")
    }

    fn token(&self) -> String {
        self.signed(|signed| self.signers.shown.sign(signed.as_bytes()).as_ref().to_vec())
    }

    fn bearer(self) -> Sent {
        Sent::new(&[format!("Bearer {}", self.token())])
    }
}
