//! Square: the address as registered, then the body.
//!
//! The whole text of the address is signed, with a query if one is registered: nothing of it comes from
//! the request.

use std::sync::Arc;

use http::HeaderName;

use super::super::given::{Fault, Given};
use super::super::layout::base64_decode;
use super::super::spec::{Algorithm, Encoding, KeyForm};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest};
use super::address;
use super::keys::Keys;

const SIGNATURE: HeaderName = HeaderName::from_static("x-square-hmacsha256-signature");

#[derive(Debug)]
pub(in crate::verify) struct Square {
    keys: Arc<Keys>,
    url: String,
}

impl Square {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Ok(Box::new(Self {
            url: address::text(given)?.to_owned(),
            keys: Arc::new(Keys::prepare(given, Algorithm::Sha256, KeyForm::Plain)?),
        }))
    }
}

impl Verifier for Square {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let signature = base64_decode(request.required(&SIGNATURE)?)
            .ok_or_else(|| Refusal::Malformed(SIGNATURE.to_string()))?;
        let secret = self
            .keys
            .matching(&[self.url.as_bytes(), &request.body], &signature)
            .ok_or(Refusal::BadSignature)?;
        Ok(Seal {
            secret: Some(secret),
            ..Seal::default()
        })
    }

    fn address(&self) -> Option<String> {
        Some(self.url.clone())
    }

    fn moved(&self, address: &str, query: &str) -> Option<Box<dyn Verifier>> {
        let mark = if query.is_empty() { "" } else { "?" };
        Some(Box::new(Self {
            keys: Arc::clone(&self.keys),
            url: format!("{address}{mark}{query}"),
        }))
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let signature = self.keys.sign(&[self.url.as_bytes(), draft.body])?;
        let signature = Encoding::Base64.encode("", &signature);
        Some(Signed {
            headers: vec![(SIGNATURE.to_string(), signature)],
            ..Signed::default()
        })
    }
}
