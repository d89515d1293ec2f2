//! Twilio with a shared key: as `twilio`, under SHA-256 and a key of its own. Only SHA-256 is taken.

use super::{Preset, SchemeSpec, Words, twilio};
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
    words: Words {
        headers: &["x-twilio-signature"],
        algorithm: "HMAC-SHA-256",
        signed: "address with its query, then names and values of the form in order; else the body's SHA-256 by `bodySHA256` of the query",
        encoding: "base64",
        key: "the shared key",
        ..Words::NONE
    },
    example: &["public_url = \"https://hooks.example.com/hooks/twilio-sharedkey\""],
    ..twilio::COMMON
};
