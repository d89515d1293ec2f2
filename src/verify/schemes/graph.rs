//! Microsoft Graph: the client state of the subscription, in every item of the body.
//!
//! Items of several subscriptions may come in one request; each must carry one of the secrets. The tokens that rich
//! notifications bring besides (`validationTokens`) are not looked at.

use serde::Deserialize;
use serde_json::Value;

use crate::secret::Secret;
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest, hmac};

#[derive(Debug)]
struct Graph(Vec<Secret>);

/// Only what the proof needs.
#[derive(Deserialize)]
struct Notifications {
    value: Vec<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "clientState")]
    client_state: String,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    if given.secrets.is_empty() {
        return Err(Fault::new("secrets", "`secrets` is needed"));
    }
    Ok(Box::new(Graph(given.secrets.clone())))
}

impl Verifier for Graph {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let items = serde_json::from_slice::<Notifications>(&request.body)
            .map(|body| body.value)
            .unwrap_or_default();
        if items.is_empty() {
            return Err(Refusal::Malformed("clientState".to_owned()));
        }
        let matching = |item: &Notification| {
            let state = item.client_state.as_bytes();
            let fits = |secret: &Secret| hmac::equal(secret.expose(), state);
            self.0.iter().position(fits)
        };
        let matched: Option<Vec<usize>> = items.iter().map(matching).collect();
        let matched = matched.ok_or(Refusal::BadSignature)?;
        Ok(Seal {
            secret: matched.first().copied(),
            ..Seal::default()
        })
    }

    /// Puts the client state into each item.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let state = std::str::from_utf8(self.0.first()?.expose()).ok()?;
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
}
