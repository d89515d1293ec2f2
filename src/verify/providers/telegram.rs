//! Telegram: the secret token that you gave, 1 to 256 of `A-Za-z0-9_-`.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::credential::Credential;

pub(super) static PRESET: Preset = Preset {
    name: "telegram",
    title: "Telegram",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: |given| Credential::token(given, Some("x-telegram-bot-api-secret-token")),
    },
    words: Words {
        headers: &["x-telegram-bot-api-secret-token"],
        ..Words::TOKEN
    },
    key: Some("body.update_id"),
    kind: Some("body.filter(name, name != 'update_id')[0]"),
    confidence: Confidence::Unconfirmed,
    source: "https://core.telegram.org/bots/api#setwebhook",
    setup: "the `secret_token` of your call of setWebhook",
    ..Preset::TOKEN
};
