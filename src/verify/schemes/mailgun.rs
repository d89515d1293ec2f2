//! Mailgun: a time and a token are signed, and stand in the body beside their signature.
//!
//! The event itself is bound to nothing. The token has a fixed length, so that it ends where the time
//! begins; it is the event key, so that whoever captured one cannot spend it on a second body.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

use super::super::given::{Fault, Given};
use super::super::spec::{Algorithm, Encoding, KeyForm, Unit};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{BodyRule, Refusal, WebhookRequest, body, freshness};
use super::keys::Keys;
use crate::event::Content;

const FIELDS: [&str; 3] = ["timestamp", "token", "signature"];
/// Of an event of a subaccount: the same two under the primary account's key.
const PARENT: &str = "parent-signature";
const TOKEN_LENGTH: usize = 50;

#[derive(Debug)]
pub(in crate::verify) struct Mailgun {
    keys: Keys,
    /// None: a retry may carry the first attempt's time.
    tolerance: Option<Duration>,
}

impl Mailgun {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Ok(Box::new(Self {
            keys: Keys::prepare(given, Algorithm::Sha256, KeyForm::Plain)?,
            tolerance: given.tolerance,
        }))
    }
}

impl Verifier for Mailgun {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let content = body::read(&request.headers, &request.body, BodyRule::ByMediaType)
            .map_err(|_| Refusal::MalformedField("body"))?;
        let proof = match &content {
            Content::Json(body) => body.get("signature"),
            Content::Form(fields) => Some(fields),
            Content::Text | Content::Binary => None,
        };
        let proof = proof.ok_or(Refusal::MissingField("signature"))?;
        let [timestamp, token, signature] = fields(proof)?;
        let fixed = token.len() == TOKEN_LENGTH && token.bytes().all(|b| b.is_ascii_alphanumeric());
        if !fixed {
            return Err(Refusal::MalformedField("token"));
        }
        let at = Unit::Seconds
            .read(timestamp)
            .ok_or(Refusal::MalformedField("timestamp"))?;
        let decode = |text, name| {
            let bytes = Encoding::Hex.decode("", false, text);
            bytes.ok_or(Refusal::MalformedField(name))
        };
        let mut offered = vec![decode(signature, FIELDS[2])?];
        if proof.get(PARENT).is_some() {
            offered.push(decode(field(proof, PARENT)?, PARENT)?);
        }
        let signed = [timestamp.as_bytes(), token.as_bytes()];
        let secret = offered
            .iter()
            .find_map(|signature| self.keys.matching(&signed, signature))
            .ok_or(Refusal::BadSignature)?;
        freshness::signed(
            at,
            Unit::Seconds,
            self.tolerance,
            moment.retention,
            moment.now,
        )?;
        Ok(Seal {
            secret: Some(secret),
            signed_at: Some(at),
            ..Seal::default()
        })
    }

    /// JSON gets a `signature`, any other body is taken for a form.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let timestamp = Unit::Seconds.write(draft.now);
        let mut token = hex::encode(Sha256::digest(draft.id));
        token.truncate(TOKEN_LENGTH);
        let signature = self
            .keys
            .sign(&[timestamp.as_bytes(), token.as_bytes()])
            .map(hex::encode)?;
        let values = [timestamp, token, signature];
        let (body, media) = match serde_json::from_slice(draft.body) {
            Ok(Value::Object(mut body)) => {
                let [timestamp, token, signature] = values;
                let proof = json!({"timestamp": timestamp, "token": token, "signature": signature});
                body.insert("signature".to_owned(), proof);
                (Value::Object(body).to_string(), "application/json")
            }
            _ => (
                signed_form(draft.body, &values),
                "application/x-www-form-urlencoded",
            ),
        };
        Some(Signed {
            headers: vec![("content-type".to_owned(), media.to_owned())],
            body: Some(body.into_bytes()),
            ..Signed::default()
        })
    }
}

fn fields(proof: &Value) -> Result<[&str; 3], Refusal> {
    let [timestamp, token, signature] = FIELDS;
    Ok([
        field(proof, timestamp)?,
        field(proof, token)?,
        field(proof, signature)?,
    ])
}

/// Once, and as text: one that repeats in a form is a list.
fn field<'v>(proof: &'v Value, name: &'static str) -> Result<&'v str, Refusal> {
    match proof.get(name) {
        None => Err(Refusal::MissingField(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Refusal::MalformedField(name)),
    }
}

fn signed_form(body: &[u8], values: &[String; 3]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(
        form_urlencoded::parse(body).filter(|(name, _)| !FIELDS.contains(&name.as_ref())),
    );
    form.extend_pairs(FIELDS.iter().zip(values));
    form.finish()
}
