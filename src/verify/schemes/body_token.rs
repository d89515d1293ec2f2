//! A token in a header that carries the hash of the body: Plaid and FusionAuth.
//!
//! The token's signature, then its times, then the hash over the exact bytes received.

use std::time::Duration;

use http::header::HeaderName;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::secret::Secret;
use crate::token::{self, Algorithm, KeyService, Location, PublishedKeys};
use crate::verify::given::{Fault, Given};
use crate::verify::spec::{Encoding, Unit};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier, Wanted};
use crate::verify::{Refusal, WebhookRequest, freshness, hmac};

use super::token_keys::TokenKeys;

/// The claim that both put the hash in.
const HASH: &str = "request_body_sha256";
const SHARED: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const PUBLISHED: [Algorithm; 7] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
];

#[derive(Debug)]
struct BodyToken {
    header: HeaderName,
    keys: TokenKeys,
    encoding: Encoding,
    /// How far `iat` may be from now; none: `iat` is not looked at.
    tolerance: Option<Duration>,
}

/// ES256 alone, as the vendor says; `iat` is the signed time. Keys are the vendor's endpoint's, or in a set that somebody else
/// keeps.
pub(in super::super) fn plaid(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    const ALGORITHMS: &[Algorithm] = &[Algorithm::ES256];
    let own = given.client_id.is_some() || given.environment.is_some() || !given.secrets.is_empty();
    let keys = match &given.jwks {
        Some(_) if own => {
            let message = "either a `jwks`, or `client_id` and `secrets` to ask Plaid for its keys, never both";
            return Err(Fault::new("jwks", message));
        }
        Some(jwks) => TokenKeys::published(Some(jwks), ALGORITHMS)?,
        None => TokenKeys::served(plaids_keys(given)?, ALGORITHMS),
    };
    Ok(Box::new(BodyToken {
        header: HeaderName::from_static("plaid-verification"),
        keys,
        encoding: Encoding::Hex,
        tolerance: Some(given.tolerance.unwrap_or(Duration::from_mins(5))),
    }))
}

fn plaids_keys(given: &Given) -> Result<KeyService, Fault> {
    let client_id = given.client_id.clone().ok_or_else(|| {
        let message = "`client_id` and `secrets` are needed: Plaid gives its keys to clients alone (or a `jwks` with its keys)";
        Fault::new("client_id", message)
    })?;
    let is_text = |secret: &Secret| std::str::from_utf8(secret.expose()).is_ok();
    if client_id.is_empty() || !is_text(&client_id) {
        return Err(Fault::new("client_id", "this is no client id of Plaid's"));
    }
    if given.secrets.is_empty() {
        let message = "`secrets` is needed: the client's secret at Plaid, of the same environment";
        return Err(Fault::new("secrets", message));
    }
    if let Some(index) = given
        .secrets
        .iter()
        .position(|secret| secret.is_empty() || !is_text(secret))
    {
        return Err(Fault::at("secrets", index, "this is no secret of Plaid's"));
    }
    Ok(KeyService::new(
        given.name.clone(),
        format!("{}/webhook_verification_key/get", plaids_host(given)?),
        client_id,
        given.secrets.clone(),
        given.served.clone(),
    ))
}

/// Of the configuration, whatever a request says: credentials go there.
fn plaids_host(given: &Given) -> Result<String, Fault> {
    let stand_in = match given.environment.as_deref() {
        None | Some("production") => return Ok("https://production.plaid.com".to_owned()),
        Some("sandbox") => return Ok("https://sandbox.plaid.com".to_owned()),
        Some(other) => Location::on_this_machine(other),
    };
    let url = stand_in.ok_or_else(|| {
        let message = "`environment` is \"production\", \"sandbox\", or the address of a stand-in on this machine (http://127.0.0.1:PORT)";
        Fault::new("environment", message)
    })?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// By a published key, or by a shared secret.
pub(in super::super) fn fusionauth(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let keys = match (&*given.secrets, &given.jwks) {
        ([], None) => {
            let message = "`jwks`, or `secrets` where the signing key is an HMAC one, is needed";
            return Err(Fault::new("jwks", message));
        }
        ([], jwks) => TokenKeys::published(jwks.as_ref(), &PUBLISHED)?,
        (secrets, None) => TokenKeys::shared(secrets, &SHARED)?,
        (_, Some(_)) => {
            let message = "either `secrets` or a `jwks`, never both: a public key could be taken for a secret";
            return Err(Fault::new("jwks", message));
        }
    };
    Ok(Box::new(BodyToken {
        header: HeaderName::from_static("x-fusionauth-signature-jwt"),
        keys,
        encoding: Encoding::Base64,
        tolerance: None,
    }))
}

impl Verifier for BodyToken {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let token = request.required(&self.header)?;
        let (claims, secret) = self.keys.claims(token, moment.now)?;
        let hash = claims.get(HASH).and_then(|hash| hash.as_str());
        let hash = hash
            .and_then(|text| self.encoding.decode("", false, text))
            .ok_or(token::Refusal::Malformed("no hash of the body"))?;
        if !hmac::equal(&Sha256::digest(&request.body), &hash) {
            return Err(Refusal::BadSignature);
        }
        token::lifetime(&claims, moment.now)?;
        let mut signed_at = None;
        if let Some(tolerance) = self.tolerance {
            let at = token::date(&claims, "iat")?.ok_or(token::Refusal::Malformed("no `iat`"))?;
            let limit = Some(tolerance);
            freshness::signed(at, Unit::Seconds, limit, moment.retention, moment.now)?;
            signed_at = Some(at);
        }
        Ok(Seal {
            secret,
            signed_at,
            claims: Some(claims),
            // Events may have one body: their tokens tell them apart. One token can have several signatures that hold.
            digest: token
                .rsplit_once('.')
                .map(|(signed, _)| Sha256::digest(signed).into()),
        })
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let hash = self.encoding.encode("", &Sha256::digest(draft.body));
        let claims = json!({ "iat": draft.now.seconds(), HASH: hash });
        let token = self.keys.sign(&claims)?;
        Some(Signed {
            headers: vec![(self.header.to_string(), token)],
            ..Signed::default()
        })
    }

    fn wants(&self, request: &WebhookRequest) -> Option<Wanted> {
        self.keys.wanted(request.required(&self.header).ok()?)
    }

    fn keys(&self) -> Option<&PublishedKeys> {
        self.keys.published_keys()
    }
}
