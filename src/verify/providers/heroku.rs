//! Heroku: base64 over the body.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "heroku",
    title: "Heroku",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "heroku-webhook-hmac-sha256",
            encoding: Encoding::Base64,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.id"),
    kind: Some("body.resource + '.' + body.action"),
    confidence: Confidence::ThirdParty,
    source: "https://devcenter.heroku.com/articles/app-webhooks",
    setup: "the `secret` that you gave when you made the webhook, or that Heroku answered then",
    ..Preset::BASE
};
