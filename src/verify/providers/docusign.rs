//! DocuSign Connect: base64 over the body, keyed with the printed key. One numbered header for each active key.
//!
//! A retry counts itself in the body: the key is made of what stays the same. An XML body has a digest instead.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::{Copies, Encoding, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "docusign",
    title: "DocuSign Connect",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-docusign-signature-1",
            copies: Copies::Numbered,
            encoding: Encoding::Base64,
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    key: Some(
        "type(body) == map && has(body.data) && has(body.data.envelopeId) && has(body.event) && has(body.generatedDateTime) ? body.data.envelopeId + ':' + body.event + ':' + body.generatedDateTime + (has(body.data.recipientId) ? ':' + string(body.data.recipientId) : '') : null",
    ),
    kind: Some("body.event"),
    body: BodyRule::ByContent,
    confidence: Confidence::Documentation,
    source: "https://developers.docusign.com/platform/webhooks/connect/hmac/",
    setup: "Settings → Connect → Connect keys; in the configuration: Include HMAC signature",
    ..Preset::BASE
};
