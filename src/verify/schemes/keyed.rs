//! An HMAC whose key the sender names in a header: `keys` by their ids, or `secrets` of which any may match.
//!
//! The id only chooses. It is not signed, and need not be: a wrong one leads to a key that does not fit.

use http::header::HeaderName;

use crate::verify::given::{Fault, Given};
use crate::verify::scheme::Scheme;
use crate::verify::spec::SignatureSpec;
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest};

#[derive(Debug)]
struct Keyed {
    id_header: HeaderName,
    /// At least one.
    schemes: Vec<(String, Scheme)>,
}

/// By `keys` where the source has them, else by `secrets`.
pub(in crate::verify) fn build(
    given: &Given,
    spec: &SignatureSpec<'_>,
    id_header: &'static str,
) -> Result<Box<dyn Verifier>, Fault> {
    match (given.keys.is_empty(), given.secrets.is_empty()) {
        (true, true) => Err(Fault::new(
            "secrets",
            "`secrets`, or `keys` by their ids, are needed",
        )),
        (true, false) => Ok(Box::new(Scheme::compile(spec, None, &given.secrets)?)),
        (false, false) => Err(Fault::new(
            "keys",
            "`secrets` and `keys` do not go together",
        )),
        (false, true) => {
            let scheme = |(index, (id, key)): (usize, &(String, _))| {
                Scheme::compile(spec, None, std::slice::from_ref(key))
                    .map(|scheme| (id.clone(), scheme))
                    .map_err(|fault| Fault::at("keys", index, Fault::from(fault).message))
            };
            Ok(Box::new(Keyed {
                id_header: HeaderName::from_static(id_header),
                schemes: given
                    .keys
                    .iter()
                    .enumerate()
                    .map(scheme)
                    .collect::<Result<_, _>>()?,
            }))
        }
    }
}

impl Verifier for Keyed {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let id = request.required(&self.id_header)?;
        let named = self.schemes.iter().position(|(known, _)| known == id);
        let index = named.ok_or(Refusal::BadSignature)?;
        let (_, scheme) = self.schemes.get(index).ok_or(Refusal::BadSignature)?;
        let seal = Verifier::verify(scheme, request, moment)?;
        Ok(Seal {
            secret: Some(index),
            ..seal
        })
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let (id, scheme) = self.schemes.first()?;
        let mut signed = Verifier::sign(scheme, draft)?;
        signed
            .headers
            .push((self.id_header.to_string(), id.clone()));
        Some(signed)
    }
}
