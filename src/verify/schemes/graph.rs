//! Microsoft Graph: the client state of the subscription, in every item of the body; for notifications that bring resource
//! data along, the tokens beside the items (`validationTokens`), where the source says for which `audience` they are.
//!
//! Items of several subscriptions may come in one request; each must carry one of the secrets. A token says that Graph sent
//! something to this application, and nothing of what was sent.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::token_keys::TokenKeys;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token::{self, Algorithm, PublishedKeys};
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest, hmac};

/// Graph's service for change notifications: no other application of Entra's may send them.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// Entra's two ways to name a tenant as issuer, in each of its clouds. The tenant stands between the two texts.
const ISSUERS: [(&str, &str); 4] = [
    ("https://sts.windows.net/", "/"),
    ("https://login.microsoftonline.com/", "/v2.0"),
    ("https://login.microsoftonline.us/", "/v2.0"),
    ("https://login.partner.microsoftonline.cn/", "/v2.0"),
];
/// One for each application and tenant.
const MAX_TOKENS: usize = 32;

#[derive(Debug)]
struct Graph {
    secrets: Vec<Secret>,
    tokens: Option<Tokens>,
}

#[derive(Debug)]
struct Tokens {
    keys: TokenKeys,
    audience: String,
}

/// Only what the proof needs.
#[derive(Deserialize)]
struct Notifications {
    value: Vec<Notification>,
    #[serde(rename = "validationTokens")]
    tokens: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "clientState")]
    client_state: String,
    /// Resource data.
    #[serde(rename = "encryptedContent")]
    content: Option<IgnoredAny>,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    if given.secrets.is_empty() {
        return Err(Fault::new("secrets", "`secrets` is needed"));
    }
    if let Some(index) = given.secrets.iter().position(Secret::is_empty) {
        return Err(Fault::at("secrets", index, "this secret is empty"));
    }
    let tokens = match given.audience.as_deref() {
        None => None,
        Some("") => {
            return Err(Fault::new(
                "audience",
                "`audience` is the id of your application in Entra",
            ));
        }
        Some(audience) => Some(Tokens {
            keys: TokenKeys::published(given.jwks.as_ref(), &[Algorithm::RS256])?,
            audience: audience.to_owned(),
        }),
    };
    Ok(Box::new(Graph {
        secrets: given.secrets.clone(),
        tokens,
    }))
}

impl Tokens {
    /// All of them, and at least one where there is resource data.
    fn verify(&self, body: &Notifications, now: Timestamp) -> Result<(), Refusal> {
        let tokens = body.tokens.as_deref().unwrap_or_default();
        if tokens.len() > MAX_TOKENS {
            return Err(Refusal::MalformedField("validationTokens"));
        }
        if tokens.is_empty() && body.value.iter().any(|item| item.content.is_some()) {
            return Err(Refusal::MissingField("validationTokens"));
        }
        tokens.iter().try_for_each(|token| self.judge(token, now))
    }

    fn judge(&self, token: &str, now: Timestamp) -> Result<(), Refusal> {
        let (claims, _) = self.keys.claims(token, now)?;
        token::date(&claims, "exp")?.ok_or(token::Refusal::NoExpiry)?;
        token::lifetime(&claims, now)?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        let tenant = text("tid").filter(|tenant| !tenant.is_empty());
        let named = |tenant: &str| {
            ISSUERS
                .iter()
                .any(|(before, behind)| text("iss") == Some(&format!("{before}{tenant}{behind}")))
        };
        if !tenant.is_some_and(named) {
            return Err(token::Refusal::WrongIssuer.into());
        }
        if text("aud") != Some(&self.audience) {
            return Err(token::Refusal::WrongAudience.into());
        }
        // `appid` in tokens of version 1, `azp` in those of version 2.
        let publishers: Vec<_> = ["appid", "azp"].into_iter().filter_map(text).collect();
        if publishers.is_empty() || publishers.iter().any(|one| *one != PUBLISHER) {
            return Err(Refusal::NotOurs("the token is not one of Graph's own"));
        }
        Ok(())
    }
}

impl Verifier for Graph {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let malformed = || Refusal::Malformed("clientState".to_owned());
        let body = serde_json::from_slice::<Notifications>(&request.body);
        let body = body.map_err(|_| malformed())?;
        if body.value.is_empty() {
            return Err(malformed());
        }
        let matching = |item: &Notification| {
            let state = item.client_state.as_bytes();
            let fits = |secret: &Secret| hmac::equal(secret.expose(), state);
            self.secrets.iter().position(fits)
        };
        let matched: Option<Vec<usize>> = body.value.iter().map(matching).collect();
        let matched = matched.ok_or(Refusal::BadSignature)?;
        if let Some(tokens) = &self.tokens {
            tokens.verify(&body, moment.now)?;
        }
        Ok(Seal {
            secret: matched.first().copied(),
            ..Seal::default()
        })
    }

    /// Puts the client state into each item. Tokens are Entra's alone to sign.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let state = std::str::from_utf8(self.secrets.first()?.expose()).ok()?;
        let mut body: Value = serde_json::from_slice(draft.body).ok()?;
        for item in body.get_mut("value")?.as_array_mut()? {
            item.as_object_mut()?
                .insert("clientState".to_owned(), state.into());
        }
        Some(Signed {
            body: Some(body.to_string().into_bytes()),
            ..Signed::default()
        })
    }

    fn wants(&self, _: &WebhookRequest) -> Option<Wanted> {
        let keys = self.tokens.as_ref()?.keys.published_keys()?;
        Some(Wanted::Keys(keys.location.clone()))
    }

    fn keys(&self) -> Option<&PublishedKeys> {
        self.tokens.as_ref()?.keys.published_keys()
    }
}
