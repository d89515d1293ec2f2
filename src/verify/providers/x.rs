//! X: `sha256=<base64>` over the body, keyed with the consumer secret.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "x",
    title: "X",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-twitter-webhooks-signature",
            encoding: Encoding::Base64,
            prefix: "sha256=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.filter(name, name.endsWith('_events'))[0]"),
    confidence: Confidence::ThirdParty,
    source: "https://docs.x.com/x-api/webhooks/introduction",
    setup: "Developer Portal → the app → Keys and tokens → API key secret (consumer secret). Only \
            `x-twitter-webhooks-signature` counts, no header beside it",
    ..Preset::BASE
};
