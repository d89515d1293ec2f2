//! Standard Webhooks, symmetric (v1): a list `v1,<base64> …` over `id.timestamp.body`.

use std::borrow::Cow::Borrowed;

use super::{Preset, minutes};
use crate::verify::BodyRule;
use crate::verify::spec::{
    Algorithm, Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};

pub(super) static PRESET: Preset = Preset {
    name: "standard-webhooks",
    title: "Standard Webhooks",
    signature: SignatureSpec {
        header: Borrowed("webhook-signature"),
        layout: Layout::Tagged {
            separator: ' ',
            assign: ',',
            tag: Borrowed("v1"),
        },
        copies: Copies::Several,
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Base64,
        prefix: Borrowed(""),
        signed: Borrowed("{id}.{timestamp}.{body}"),
        id_header: Some(Borrowed("webhook-id")),
        key_form: KeyForm::Whsec,
    },
    timestamp: Some(TimestampSpec {
        place: Place::Header(Borrowed("webhook-timestamp")),
        unit: Unit::Seconds,
        tolerance: Some(minutes(5)),
    }),
    key: Some("headers['webhook-id']"),
    kind: Some("body.type"),
    body: BodyRule::ByMediaType,
    dedup: None,
    horizon: None,
    source: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
};
