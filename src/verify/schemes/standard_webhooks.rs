//! Standard Webhooks with shared secrets (v1), public keys (v1a), or both: one list may hold signatures of both kinds.
//!
//! Each kind is the data model's; this decides only which of the two is asked.

use crate::verify::given::{Fault, Given};
use crate::verify::scheme::{Scheme, SchemeFault};
use crate::verify::spec::{Algorithm, KeyForm, Layout, SignatureSpec, TimestampSpec};
use crate::verify::verifier::{Draft, Moment, Seal, Signed, Verifier};
use crate::verify::{Refusal, WebhookRequest};

use super::public_keys;

#[derive(Debug)]
struct StandardWebhooks {
    shared: Option<Scheme>,
    public: Option<Scheme>,
    /// Public keys are counted after the secrets.
    secrets: usize,
}

/// `signature` is that of v1.
pub(in super::super) fn build(
    signature: &SignatureSpec<'static>,
    timestamp: TimestampSpec<'static>,
    given: &Given,
) -> Result<Box<dyn Verifier>, Fault> {
    if given.secrets.is_empty() && given.public_keys.is_empty() {
        return Err(Fault::new(
            "secrets",
            "`secrets` (`whsec_…`), `public_keys` (`whpk_…`) or both are needed",
        ));
    }
    let time = TimestampSpec {
        tolerance: given.tolerance.or(timestamp.tolerance),
        ..timestamp
    };
    let shared = match &*given.secrets {
        [] => None,
        secrets => Some(Scheme::compile(signature, Some(&time), secrets).map_err(unfit)?),
    };
    let asymmetric = SignatureSpec {
        layout: match signature.layout {
            Layout::Tagged {
                separator, assign, ..
            } => Layout::Tagged {
                separator,
                assign,
                tag: "v1a",
            },
            single @ Layout::Single => single,
        },
        algorithm: Algorithm::Ed25519,
        key_form: KeyForm::Whpk,
        ..*signature
    };
    let public = match &*given.public_keys {
        [] => None,
        _ => Some(public_keys::scheme(&asymmetric, Some(time), given)?),
    };
    Ok(Box::new(StandardWebhooks {
        shared,
        public,
        secrets: given.secrets.len(),
    }))
}

fn unfit(fault: SchemeFault) -> Fault {
    match fault {
        SchemeFault::SecretForm { index, form } => {
            Fault::at("secrets", index, format!("this secret is not {form}"))
        }
        SchemeFault::EmptySecret { index } => Fault::at("secrets", index, "this secret is empty"),
        other => Fault::new("secrets", other.to_string()),
    }
}

impl Verifier for StandardWebhooks {
    fn verify(&self, request: &WebhookRequest, moment: Moment) -> Result<Seal, Refusal> {
        let judge = |scheme: &Scheme| Verifier::verify(scheme, request, moment);
        let by_secret = self.shared.as_ref().map(judge);
        // A signature that holds settles it, stale or not.
        let open = match by_secret {
            Some(Err(Refusal::BadSignature)) => Some(Refusal::BadSignature),
            Some(Err(Refusal::Malformed(name))) => Some(Refusal::Malformed(name)),
            Some(settled) => return settled,
            None => None,
        };
        let by_key = match (&self.public, open) {
            (Some(scheme), None) => judge(scheme),
            (Some(scheme), Some(open)) => judge(scheme).map_err(|other| match other {
                Refusal::Malformed(_) => open,
                other => other,
            }),
            (None, open) => Err(open.unwrap_or(Refusal::BadSignature)),
        };
        by_key.map(|seal| Seal {
            secret: seal.secret.map(|index| index + self.secrets),
            ..seal
        })
    }

    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        Verifier::sign(self.shared.as_ref()?, draft)
    }
}
