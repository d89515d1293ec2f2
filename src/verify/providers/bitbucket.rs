//! Bitbucket Cloud: `sha256=<hex>` over the body. The header is the one that others use for SHA-1.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "bitbucket",
    title: "Bitbucket Cloud",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hub-signature",
            prefix: "sha256=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("headers['x-event-key']"),
    confidence: Confidence::Documentation,
    source: "https://www.atlassian.com/blog/bitbucket/enhanced-webhook-security",
    setup: "repository settings → Webhooks → the webhook → Secret: the one you entered; without one nothing is signed",
    ..Preset::BASE
};
