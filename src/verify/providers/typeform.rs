//! Typeform: `sha256=<base64>` over the body.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "typeform",
    title: "Typeform",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "typeform-signature",
            encoding: Encoding::Base64,
            prefix: "sha256=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some("body.event_id"),
    kind: Some("body.event_type"),
    confidence: Confidence::ThirdParty,
    source: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
    setup: "the form → Connect → Webhooks → Edit → Secret: the one you entered",
    ..Preset::BASE
};
