//! Zendesk: base64 over timestamp and body, with nothing between: the timestamp's form keeps them apart.

use super::{Confidence, Preset, SchemeSpec, days};
use crate::verify::BodyRule;
use crate::verify::spec::{Encoding, Place, SignatureSpec, TimestampSpec, Unit};

pub(super) static PRESET: Preset = Preset {
    name: "zendesk",
    title: "Zendesk",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-zendesk-webhook-signature",
            encoding: Encoding::Base64,
            signed: "{timestamp}{body}",
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("x-zendesk-webhook-signature-timestamp"),
            unit: Unit::Iso,
            tolerance: None,
        }),
    },
    // What triggers and automations send is as their author wrote it: the same each time, or nothing at all.
    key: Some(
        "type(body) == map && has(body.zendesk_event_version) && has(body.id) ? body.id : null",
    ),
    kind: Some("body.type"),
    body: BodyRule::ByContent,
    dedup: Some(days(10)),
    confidence: Confidence::Documentation,
    source: "https://developer.zendesk.com/documentation/webhooks/verifying/",
    setup: "Admin Center → Apps and integrations → Webhooks → the webhook → Reveal secret",
    ..Preset::BASE
};
