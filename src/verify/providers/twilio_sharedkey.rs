//! Twilio with a shared key: as `twilio`, under SHA-256 and a key of its own. Only SHA-256 is taken.

use super::{Preset, SchemeSpec, twilio};
use crate::verify::schemes::Twilio;

pub(super) static PRESET: Preset = Preset {
    name: "twilio-sharedkey",
    title: "Twilio (shared key)",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Twilio::build_shared_key,
    },
    setup: "the secret that was shown when the webhook's shared key was made",
    ..twilio::COMMON
};
