//! Standard Webhooks, symmetric (v1): a list `v1,<base64> …` over `id.timestamp.body`.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::{
    Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};

pub(super) static PRESET: Preset = Preset {
    name: "standard-webhooks",
    title: "Standard Webhooks",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "webhook-signature",
            layout: Layout::Tagged {
                separator: ' ',
                assign: ',',
                tag: "v1",
            },
            copies: Copies::Several,
            encoding: Encoding::Base64,
            signed: "{id}.{timestamp}.{body}",
            id_header: Some("webhook-id"),
            key_form: KeyForm::Whsec,
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("webhook-timestamp"),
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    key: Some("headers['webhook-id']"),
    kind: Some("body.type"),
    body: BodyRule::ByMediaType,
    confidence: Confidence::Library,
    source: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    setup: "the sender shows it when the endpoint is made: `whsec_…`",
    ..Preset::BASE
};
