//! Easyship: a token signed with the webhook's secret, HS256. It says who sent, and nothing of what was sent.

use http::header::HeaderName;
use serde_json::json;

use crate::token::{self, Algorithm};
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest};

use super::token_keys::TokenKeys;

const HEADER: HeaderName = HeaderName::from_static("x-easyship-signature");

#[derive(Debug)]
struct Easyship(TokenKeys);

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let keys = TokenKeys::shared(&given.secrets, &[Algorithm::HS256])?;
    Ok(Box::new(Easyship(keys)))
}

impl Verifier for Easyship {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let (claims, secret) = self.0.claims(request.required(&HEADER)?, moment.now)?;
        token::lifetime(&claims, moment.now)?;
        Ok(Seal {
            secret,
            claims: Some(claims),
            ..Seal::default()
        })
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let now = draft.now.seconds();
        let token = self.0.sign(&json!({ "iat": now, "exp": now + 300 }))?;
        Some(Signed {
            headers: vec![(HEADER.to_string(), token)],
            ..Signed::default()
        })
    }
}
