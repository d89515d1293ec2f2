//! The data model of `spec` with the provider's public keys in place of shared secrets.
//!
//! A public key may stand in the routing file; which form it has is the scheme's.

use crate::secret::Secret;
use crate::verify::given::{Fault, Given};
use crate::verify::scheme::{Scheme, SchemeFault};
use crate::verify::spec::{SignatureSpec, TimestampSpec};
use crate::verify::verifier::Verifier;

/// For presets whose only keys are public ones.
pub(in super::super) fn build(
    signature: &SignatureSpec<'_>,
    timestamp: Option<TimestampSpec<'_>>,
    given: &Given,
) -> Result<Box<dyn Verifier>, Fault> {
    Ok(Box::new(scheme(signature, timestamp, given)?))
}

pub(super) fn scheme(
    signature: &SignatureSpec<'_>,
    timestamp: Option<TimestampSpec<'_>>,
    given: &Given,
) -> Result<Scheme, Fault> {
    let keys: Vec<Secret> = given
        .public_keys
        .iter()
        .map(|text| Secret::new(text.clone().into_bytes()))
        .collect();
    let timestamp = timestamp.map(|timestamp| TimestampSpec {
        tolerance: given.tolerance.or(timestamp.tolerance),
        ..timestamp
    });
    Scheme::compile(signature, timestamp.as_ref(), &keys).map_err(|fault| match fault {
        SchemeFault::NoSecret => Fault::new(
            "public_keys",
            "`public_keys` is needed: the provider's key, as it is shown there",
        ),
        SchemeFault::EmptySecret { index } => {
            Fault::at("public_keys", index, format!("public key {index} is empty"))
        }
        SchemeFault::SecretForm { index, form } => Fault::at(
            "public_keys",
            index,
            format!("public key {index} is not {form}"),
        ),
        other => Fault::new("public_keys", other.to_string()),
    })
}
