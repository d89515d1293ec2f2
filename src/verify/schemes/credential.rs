//! A secret that travels along: a token in a header, or a user and password (`Authorization: Basic`).
//!
//! It proves the sender and nothing of the request: whoever sees one can send another body with it. Compared by
//! digest, so that the time tells neither content nor length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::secret::Secret;
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Credentials, Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest, hmac, layout};

type Fingerprint = [u8; 32];

#[derive(Debug)]
pub struct Credential {
    /// One.
    headers: [HeaderName; 1],
    form: Form,
    /// Of each secret, in order.
    known: Vec<Fingerprint>,
    /// The first one, to send with.
    first: Secret,
}

#[derive(Debug)]
enum Form {
    /// The secret behind this text.
    Token(String),
    /// `Basic`, with the secret in base64.
    Basic,
}

impl Credential {
    /// A token in the header that the source names, else in the vendor's.
    pub fn token(given: &Given, vendors: Option<&'static str>) -> Result<Box<dyn Verifier>, Fault> {
        let name = given.header.as_deref().or(vendors).ok_or_else(|| {
            Fault::new("header", "nothing says in which `header` the token stands")
        })?;
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Fault::new("header", format!("`{name}` is not the name of a header")))?;
        let prefix = given.prefix.clone().unwrap_or_default();
        if HeaderValue::from_str(&prefix).is_err() {
            return Err(Fault::new("prefix", "no header can hold this prefix"));
        }
        for (index, secret) in given.secrets.iter().enumerate() {
            let text = secret.expose();
            if HeaderValue::from_bytes(text).is_err() || text.trim_ascii() != text {
                let message = "no header can hold this secret: a character that none has, or a space at an end";
                return Err(Fault::at("secrets", index, message));
            }
        }
        Self::build(given, header, Form::Token(prefix))
    }

    /// `Authorization: Basic`; a secret is `user:password`.
    pub fn basic(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        let apart = |secret: &Secret| secret.expose().contains(&b':');
        match given.secrets.iter().position(|secret| !apart(secret)) {
            Some(index) => Err(Fault::at(
                "secrets",
                index,
                "this secret is not `user:password`",
            )),
            None => Self::build(given, AUTHORIZATION, Form::Basic),
        }
    }

    fn build(given: &Given, header: HeaderName, form: Form) -> Result<Box<dyn Verifier>, Fault> {
        let secrets = given.secrets.iter();
        if let Some(index) = secrets.clone().position(Secret::is_empty) {
            return Err(Fault::at("secrets", index, "this secret is empty"));
        }
        let first = given.secrets.first().cloned();
        Ok(Box::new(Self {
            headers: [header],
            form,
            known: secrets.map(|secret| fingerprint(secret.expose())).collect(),
            first: first.ok_or_else(|| Fault::new("secrets", "the scheme needs a secret"))?,
        }))
    }

    fn offered(&self, value: &HeaderValue) -> Option<Fingerprint> {
        match &self.form {
            Form::Token(prefix) => {
                let token = value.as_bytes().strip_prefix(prefix.as_bytes())?;
                Some(fingerprint(token)).filter(|_| !token.is_empty())
            }
            Form::Basic => {
                let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
                let pair = Secret::new(layout::base64_decode(encoded)?);
                let whole = scheme.eq_ignore_ascii_case("basic") && pair.expose().contains(&b':');
                whole.then(|| fingerprint(pair.expose()))
            }
        }
    }
}

fn fingerprint(secret: &[u8]) -> Fingerprint {
    Sha256::digest(secret).into()
}

impl Verifier for Credential {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let [header] = &self.headers;
        let value = request
            .one(header)?
            .ok_or_else(|| Refusal::MissingHeader(header.to_string()))?;
        let offered = self
            .offered(value)
            .ok_or_else(|| Refusal::Malformed(header.to_string()))?;
        let mut matching = None;
        // All of them, so that the time does not tell which one.
        for (index, known) in self.known.iter().enumerate() {
            if hmac::equal(known, &offered) {
                matching = matching.or(Some(index));
            }
        }
        Ok(Seal {
            secret: Some(matching.ok_or(Refusal::BadSignature)?),
            ..Seal::default()
        })
    }

    fn sign(&self, _: Draft<'_>) -> Option<Signed> {
        let [header] = &self.headers;
        let value = match &self.form {
            Form::Token(prefix) => {
                format!("{prefix}{}", std::str::from_utf8(self.first.expose()).ok()?)
            }
            Form::Basic => format!("Basic {}", STANDARD.encode(self.first.expose())),
        };
        Some(Signed {
            headers: vec![(header.to_string(), value)],
            ..Signed::default()
        })
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            headers: &self.headers,
            parameters: &[],
        }
    }
}
