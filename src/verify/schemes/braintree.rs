//! Braintree: a form of two fields, the signed payload and a list of `public key|signature`.
//!
//! The payload is XML in base64; reading it is a rule of its own for bodies (`body`, `xml`). A form may be
//! written in many ways: the XML is what makes two requests equal.

use form_urlencoded::Serializer;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::super::given::{Fault, Given};
use super::super::layout::base64_lines;
use super::super::spec::{Algorithm, Encoding, KeyForm};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest};
use super::keys::Keys;
use crate::secret::Secret;

const SIGNATURE: &str = "bt_signature";
const PAYLOAD: &str = "bt_payload";
/// As their library breaks lines of base64.
const LINE: usize = 60;
/// One for each API key of the merchant that is in use.
const MAX_PAIRS: usize = 100;

#[derive(Debug)]
pub(in crate::verify) struct Braintree {
    keys: Keys,
    public_key: String,
}

impl Braintree {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        let public_key = given.public_key_id.clone().unwrap_or_default();
        if public_key.is_empty() || public_key.contains(['|', '&']) {
            let message =
                "`public_key_id` is the public key of the API key whose private key is the secret";
            return Err(Fault::new("public_key_id", message));
        }
        let keys = Keys::derive(given, Algorithm::Sha1, KeyForm::Plain, |private_key| {
            Secret::new(Sha1::digest(private_key.expose()).to_vec())
        })?;
        Ok(Box::new(Self { keys, public_key }))
    }

    /// The one signature under our public key.
    fn signature(&self, list: &str) -> Result<Vec<u8>, Refusal> {
        let malformed = || Refusal::MalformedField(SIGNATURE);
        if list.split('&').count() > MAX_PAIRS {
            return Err(malformed());
        }
        let mut ours = list
            .split('&')
            .filter_map(|pair| pair.split_once('|'))
            .filter(|(public_key, _)| *public_key == self.public_key);
        match (ours.next(), ours.next()) {
            (Some((_, text)), None) => Encoding::Hex.decode("", false, text).ok_or_else(malformed),
            (Some(_), Some(_)) => Err(malformed()),
            (None, _) => Err(Refusal::BadSignature),
        }
    }
}

impl Verifier for Braintree {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let (list, payload) = form(&request.body)?;
        let signature = self.signature(&list)?;
        // The line feed at the end is lost on some ways.
        let secret = [&b""[..], b"\n"]
            .into_iter()
            .find_map(|end| self.keys.matching(&[payload.as_bytes(), end], &signature))
            .ok_or(Refusal::BadSignature)?;
        let xml = base64_lines(&payload).ok_or(Refusal::MalformedField(PAYLOAD))?;
        Ok(Seal {
            secret: Some(secret),
            digest: Some(Sha256::digest(xml).into()),
            ..Seal::default()
        })
    }

    /// Of XML, or of a form with a payload in it.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let payload = match form(draft.body) {
            Ok((_, payload)) => payload,
            Err(_) => lines(&Encoding::Base64.encode("", draft.body)),
        };
        let signature = hex::encode(self.keys.sign(&[payload.as_bytes()])?);
        let form = Serializer::new(String::new())
            .append_pair(SIGNATURE, &format!("{}|{signature}", self.public_key))
            .append_pair(PAYLOAD, &payload)
            .finish();
        let media = "application/x-www-form-urlencoded".to_owned();
        Some(Signed {
            headers: vec![("content-type".to_owned(), media)],
            body: Some(form.into_bytes()),
            ..Signed::default()
        })
    }
}

/// Signature and payload, each once and nothing beside them: what else stood there would be unsigned.
fn form(body: &[u8]) -> Result<(String, String), Refusal> {
    let (mut list, mut payload) = (None, None);
    for (name, value) in form_urlencoded::parse(body) {
        let (place, name) = match &*name {
            SIGNATURE => (&mut list, SIGNATURE),
            PAYLOAD => (&mut payload, PAYLOAD),
            _ => return Err(Refusal::MalformedField("body")),
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Refusal::MalformedField(name));
        }
    }
    Ok((
        list.ok_or(Refusal::MissingField(SIGNATURE))?,
        payload.ok_or(Refusal::MissingField(PAYLOAD))?,
    ))
}

fn lines(base64: &str) -> String {
    let mut lines = String::with_capacity(base64.len() + base64.len() / LINE + 1);
    for (at, letter) in base64.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    lines.push('\n');
    lines
}
