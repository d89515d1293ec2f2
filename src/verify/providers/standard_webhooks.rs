//! Standard Webhooks: a list `v1,<base64> v1a,<base64> …` over `id.timestamp.body`, by a shared secret (v1) or by Ed25519 (v1a).

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::BodyRule;
use crate::verify::schemes::standard_webhooks;
use crate::verify::spec::{
    Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};

/// The symmetric half, which others use by itself.
pub(super) const SIGNATURE: SignatureSpec<'static> = SignatureSpec {
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
};

pub(super) const TIMESTAMP: TimestampSpec<'static> = TimestampSpec {
    place: Place::Header("webhook-timestamp"),
    unit: Unit::Seconds,
    tolerance: Some(Duration::from_mins(5)),
};

pub(super) static PRESET: Preset = Preset {
    name: "standard-webhooks",
    title: "Standard Webhooks",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &["webhook-id", "webhook-timestamp"],
        build: |given| standard_webhooks::build(&SIGNATURE, TIMESTAMP, given),
    },
    settings: &["public_keys"],
    key: Some("headers['webhook-id']"),
    kind: Some("body.type"),
    body: BodyRule::ByMediaType,
    confidence: Confidence::Library,
    source: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    setup: "the sender shows it when the endpoint is made: `whsec_…`, or `whpk_…` for public keys",
    words: Words {
        headers: &["webhook-signature", "webhook-id", "webhook-timestamp"],
        algorithm: "HMAC-SHA-256 (v1) or Ed25519 (v1a)",
        signed: "{id}.{timestamp}.{body}",
        encoding: "base64 behind `v1,` or `v1a,`",
        key: "base64 behind an optional `whsec_`; public keys behind `whpk_`",
        tolerance: Some(Duration::from_mins(5)),
    },
    example: &["secrets = [\"env:STANDARD_WEBHOOKS_SECRET\"]"],
    ..Preset::BASE
};
