//! GitHub: `sha256=<hex>` over the body, and nothing else is signed.
//!
//! The delivery id stands in a header that nothing signs, so it is no key: whoever replays a captured
//! request could change it. Without a signed time, keys are kept for 90 days.

use std::borrow::Cow::Borrowed;

use super::{Preset, days};
use crate::verify::BodyRule;
use crate::verify::spec::{Algorithm, Copies, Encoding, KeyForm, Layout, SignatureSpec};

pub(super) static PRESET: Preset = Preset {
    name: "github",
    title: "GitHub",
    signature: SignatureSpec {
        header: Borrowed("x-hub-signature-256"),
        layout: Layout::Single,
        copies: Copies::One,
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Hex,
        prefix: Borrowed("sha256="),
        signed: Borrowed("{body}"),
        id_header: None,
        key_form: KeyForm::Plain,
    },
    timestamp: None,
    key: None,
    kind: Some("headers['x-github-event'] + (has(body.action) ? '.' + body.action : '')"),
    // A hook may be set to send forms: the bytes as sent are what is signed.
    body: BodyRule::ByMediaType,
    dedup: Some(days(90)),
    horizon: None,
    source: "https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
};
