//! Linear: hex over the body, which holds the time of sending. The header with a time is not signed, and not read.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::stamped;
use crate::verify::spec::SignatureSpec;

const SIGNATURE: SignatureSpec<'static> = SignatureSpec {
    header: "linear-signature",
    ..SignatureSpec::BODY
};
const TOLERANCE: Duration = Duration::from_mins(1);

pub(super) static PRESET: Preset = Preset {
    name: "linear",
    title: "Linear",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: true,
        signed_headers: &[],
        build: |given| stamped::build(given, &SIGNATURE, "webhookTimestamp", TOLERANCE),
    },
    words: Words {
        headers: &["linear-signature"],
        algorithm: "HMAC-SHA-256",
        signed: "{body}, with its time in it",
        encoding: "hex",
        key: "a text of at least one byte",
        tolerance: Some(TOLERANCE),
    },
    kind: Some("body.type + (has(body.action) ? '.' + body.action : '')"),
    confidence: Confidence::Library,
    source: "https://linear.app/developers/webhooks",
    setup: "Settings → API → Webhooks → the webhook → Signing secret",
    ..Preset::BASE
};
