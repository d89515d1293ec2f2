//! Meta and WhatsApp: `sha256=<hex>` over the body as sent, keyed with the app's secret.

use super::{Batch, Confidence, Preset, SchemeSpec, days};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "meta",
    title: "Meta and WhatsApp",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-hub-signature-256",
            prefix: "sha256=",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    kind: Some("body.object"),
    batch: Some(Batch {
        each: "body.entry",
        key: None,
        // Without `include_values` only the names of the fields come.
        kind: Some(
            "has(body.changes) ? body.changes[0].field : has(body.changed_fields) ? body.changed_fields[0] : \
             has(body.standby) ? 'standby' : 'messaging'",
        ),
    }),
    horizon: Some(days(7)),
    confidence: Confidence::Code,
    source: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    setup: "App Dashboard → App settings → Basic → App secret; `verify_token` is yours to make up and to enter at Webhooks there",
    example: &["verify_token = \"env:META_VERIFY_TOKEN\""],
    ..Preset::BASE
};
