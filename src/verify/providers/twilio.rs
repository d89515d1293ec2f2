//! Twilio: the address and the fields of the form, under the account's token; JSON by its hash in the query.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::BodyRule;
use crate::verify::schemes::Twilio;

pub(super) static PRESET: Preset = Preset {
    name: "twilio",
    title: "Twilio",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Twilio::build,
    },
    ..COMMON
};

/// What both of Twilio's schemes have in common. Nothing signed is an id: the signed text is the key.
pub(super) const COMMON: Preset = Preset {
    settings: &["public_url"],
    digest_of: "what is signed",
    kind: Some(
        "has(body.CallStatus) ? 'call.' + body.CallStatus : has(body.MessageStatus) ? 'message.' + body.MessageStatus \
         : 'message.' + body.SmsStatus",
    ),
    body: BodyRule::ByMediaType,
    confidence: Confidence::Library,
    source: "https://www.twilio.com/docs/usage/security",
    setup: "Console → Account → API keys & tokens: the Auth Token",
    words: Words {
        headers: &["x-twilio-signature"],
        algorithm: "HMAC-SHA-1",
        signed: "address with its query, then names and values of the form in order; else the body's SHA-256 by `bodySHA256` of the query",
        encoding: "base64",
        key: "the auth token",
        ..Words::NONE
    },
    example: &["public_url = \"https://hooks.example.com/hooks/twilio\""],
    ..Preset::BASE
};
