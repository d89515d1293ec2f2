//! ShipEngine, the API of ShipStation: RSA over `timestamp.body`, by a key of the vendor's set that the request names.

use std::time::Duration;

use http::header::HeaderName;
use sha2::{Digest, Sha256};

use crate::token::{self, Algorithm, PublishedKeys};
use crate::verify::given::{Fault, Given};
use crate::verify::spec::{Encoding, Unit};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest, freshness};

const SIGNATURE: HeaderName = HeaderName::from_static("x-shipengine-rsa-sha256-signature");
const KEY_ID: HeaderName = HeaderName::from_static("x-shipengine-rsa-sha256-key-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-shipengine-timestamp");

#[derive(Debug)]
struct ShipEngine {
    keys: PublishedKeys,
    tolerance: Duration,
}

pub(in super::super) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let keys = given
        .jwks
        .clone()
        .ok_or_else(|| Fault::new("jwks", "`jwks` is needed"))?;
    Ok(Box::new(ShipEngine {
        keys,
        tolerance: given.tolerance.unwrap_or(Duration::from_mins(5)),
    }))
}

impl Verifier for ShipEngine {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let signature = Encoding::Base64
            .decode("", false, request.required(&SIGNATURE)?)
            .ok_or_else(|| Refusal::Malformed(SIGNATURE.to_string()))?;
        let key_id = request.required(&KEY_ID)?;
        let time = request.required(&TIMESTAMP)?;
        let at = Unit::Iso
            .read(time)
            .ok_or_else(|| Refusal::Malformed(TIMESTAMP.to_string()))?;
        let keys = self.keys.ring.current().ok_or(token::Refusal::NoKeys)?;
        let message = [time.as_bytes(), b".", &request.body].concat();
        keys.verify(Some(key_id), Algorithm::RS256, &message, &signature)
            .map_err(|refusal| match refusal {
                token::Refusal::BadSignature => Refusal::BadSignature,
                other => other.into(),
            })?;
        let limit = Some(self.tolerance);
        freshness::signed(at, Unit::Iso, limit, moment.retention, moment.now)?;
        Ok(Seal {
            signed_at: Some(at),
            // A body may say no more than where to look, and the next event have the same one.
            digest: Some(Sha256::digest(&message).into()),
            ..Seal::default()
        })
    }

    fn sign(&self, _: Draft<'_>) -> Option<Signed> {
        None
    }

    fn wants(&self, _: &WebhookRequest) -> Option<Wanted> {
        Some(Wanted::Keys(self.keys.location.clone()))
    }

    fn keys(&self) -> Option<&PublishedKeys> {
        Some(&self.keys)
    }
}
