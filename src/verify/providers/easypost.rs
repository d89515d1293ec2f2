//! EasyPost: `hmac-sha256-hex=<hex>` over the body, keyed with the secret in NFKD: an accent is a character of its own.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{KeyForm, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "easypost",
    title: "EasyPost",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hmac-signature",
            prefix: "hmac-sha256-hex=",
            key_form: KeyForm::Nfkd,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.id"),
    kind: Some("body.description"),
    confidence: Confidence::Library,
    source: "https://docs.easypost.com/guides/webhooks-guide",
    setup: "the `webhook_secret` that you gave when you made the webhook",
    ..Preset::BASE
};
