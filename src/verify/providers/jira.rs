//! Jira Cloud: `sha256=<hex>` over the body.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "jira",
    title: "Jira Cloud",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hub-signature",
            prefix: "sha256=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.webhookEvent"),
    confidence: Confidence::ThirdParty,
    source: "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
    setup: "Settings → System → WebHooks → the webhook → Secret; without one nothing is signed",
    ..Preset::BASE
};
