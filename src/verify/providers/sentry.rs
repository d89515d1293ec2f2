//! Sentry: hex over the body, keyed with the integration's client secret. Its timestamp is not signed.

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "sentry",
    title: "Sentry",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "sentry-hook-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("headers['sentry-hook-resource'] + (has(body.action) ? '.' + body.action : '')"),
    confidence: Confidence::ThirdParty,
    source: "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
    setup: "Settings → Custom Integrations → the integration → Client Secret",
    ..Preset::BASE
};
