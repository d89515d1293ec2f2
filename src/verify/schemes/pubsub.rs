//! Google Pub/Sub push: an OIDC token of the subscription's service account. It says who sent, and nothing of what was sent.
//!
//! Google signs tokens for everybody: the audience and the account are what makes one ours, and both are demanded.

use serde_json::Value;

use crate::token::{self, Algorithm, PublishedKeys};
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest};

use super::token_keys::TokenKeys;

/// Google has used both spellings.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

#[derive(Debug)]
struct PubSub {
    keys: TokenKeys,
    audience: String,
    account: String,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    // Google's own default is the address that it pushes to.
    let audience = filled(&given.audience).or_else(|| given.url.clone());
    let audience = audience.ok_or_else(|| {
        let message = "`audience` is needed: as the push subscription says, by default its address";
        Fault::new("audience", message)
    })?;
    let account = filled(&given.service_account).ok_or_else(|| {
        let message = "`service_account` is needed: the e-mail of the account that the subscription pushes as";
        Fault::new("service_account", message)
    })?;
    Ok(Box::new(PubSub {
        keys: TokenKeys::published(given.jwks.as_ref(), &[Algorithm::RS256])?,
        audience,
        account,
    }))
}

impl Verifier for PubSub {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let (claims, _) = self
            .keys
            .claims(token::bearer(&request.headers)?, moment.now)?;
        token::date(&claims, "exp")?.ok_or(token::Refusal::NoExpiry)?;
        token::lifetime(&claims, moment.now)?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        if !text("iss").is_some_and(|iss| ISSUERS.contains(&iss)) {
            return Err(token::Refusal::WrongIssuer.into());
        }
        if text("aud") != Some(&self.audience) {
            return Err(token::Refusal::WrongAudience.into());
        }
        if text("email") != Some(&self.account)
            || claims.get("email_verified") != Some(&Value::Bool(true))
        {
            return Err(Refusal::NotOurs("the token is of another account"));
        }
        Ok(Seal {
            claims: Some(claims),
            ..Seal::default()
        })
    }

    fn sign(&self, _: Draft<'_>) -> Option<Signed> {
        None
    }

    fn wants(&self, _: &WebhookRequest) -> Option<Wanted> {
        let keys = self.keys.published_keys()?;
        Some(Wanted::Keys(keys.location.clone()))
    }

    fn keys(&self) -> Option<&PublishedKeys> {
        self.keys.published_keys()
    }
}
