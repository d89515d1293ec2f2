//! A secret that the sender carries along: as `Authorization: Bearer`, or in one query parameter (CloudEvents, Event Grid).
//!
//! In one of the two places, once: which of two was meant is anybody's guess.

use http::header::AUTHORIZATION;

use crate::secret::Secret;
use crate::token;
use crate::verify::given::{Fault, Given};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest, hmac};

#[derive(Debug)]
struct CarriedToken {
    secrets: Vec<Secret>,
    parameter: &'static str,
}

/// The parameter is that of RFC 6750 §2.3, which the CloudEvents binding names.
pub(in super::super) fn cloudevents(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    build(given, "access_token")
}

/// Event Grid calls whatever address was registered: the parameter is ours to name.
pub(in super::super) fn event_grid(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    build(given, "token")
}

fn build(given: &Given, parameter: &'static str) -> Result<Box<dyn Verifier>, Fault> {
    if given.secrets.is_empty() {
        return Err(Fault::new("secrets", "`secrets` is needed"));
    }
    if let Some(index) = given.secrets.iter().position(Secret::is_empty) {
        return Err(Fault::at("secrets", index, "this secret is empty"));
    }
    Ok(Box::new(CarriedToken {
        secrets: given.secrets.clone(),
        parameter,
    }))
}

impl Verifier for CarriedToken {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let mut parameters = form_urlencoded::parse(request.query.as_bytes())
            .filter_map(|(name, value)| (name == self.parameter).then_some(value));
        let given = match (parameters.next(), parameters.next()) {
            (Some(_), Some(_)) => return Err(Refusal::Malformed(self.parameter.to_owned())),
            (Some(_), None) if request.headers.contains_key(AUTHORIZATION) => {
                return Err(Refusal::DuplicateHeader(AUTHORIZATION.to_string()));
            }
            (Some(value), None) => value,
            (None, _) => token::bearer(&request.headers)?.into(),
        };
        let fits = |secret: &Secret| hmac::equal(secret.expose(), given.as_bytes());
        let secret = self.secrets.iter().position(fits);
        let secret = secret.ok_or(Refusal::BadSignature)?;
        Ok(Seal {
            secret: Some(secret),
            ..Seal::default()
        })
    }

    fn sign(&self, _: Draft<'_>) -> Option<Signed> {
        let secret = std::str::from_utf8(self.secrets.first()?.expose()).ok()?;
        Some(Signed {
            headers: vec![(AUTHORIZATION.to_string(), format!("Bearer {secret}"))],
            ..Signed::default()
        })
    }
}
