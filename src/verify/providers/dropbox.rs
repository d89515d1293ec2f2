//! Dropbox: hex over the body, keyed with the app's secret.
//!
//! A body says only whose files changed, so that the next change has the very same one: repeats are known for a second and
//! no longer, lest a change be taken for one.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::SignatureSpec;

pub(super) static PRESET: Preset = Preset {
    name: "dropbox",
    title: "Dropbox",
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "x-dropbox-signature",
            ..SignatureSpec::BODY
        },
        timestamp: None,
    },
    dedup: Some(Duration::from_secs(1)),
    confidence: Confidence::ThirdParty,
    source: "https://www.dropbox.com/developers/reference/webhooks",
    setup: "App Console → the app → Settings → App secret",
    ..Preset::BASE
};
