//! Mailgun: a time and a token are signed, inside the body; the event itself is bound to nothing.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::BodyRule;
use crate::verify::schemes::Mailgun;

pub(super) static PRESET: Preset = Preset {
    name: "mailgun",
    title: "Mailgun",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: true,
        signed_headers: &[],
        build: Mailgun::build,
    },
    binds_body: false,
    // The token, not the event's own id: that one is not signed, and a captured token could be spent on any number.
    key: Some("type(body.signature) == string ? body.token : body.signature.token"),
    kind: Some("has(body.event) ? body.event : body['event-data'].event"),
    body: BodyRule::ByMediaType,
    horizon: Some(days(1)),
    // The documentation does not say it all; third parties agree.
    confidence: Confidence::ThirdParty,
    source: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
    setup: "Sending → Webhooks → HTTP webhook signing key; for events of subaccounts their own or the primary account's",
    words: Words {
        algorithm: "HMAC-SHA-256",
        signed: "timestamp and token, which stand in the body with the signature",
        encoding: "hex",
        key: "the webhook signing key",
        ..Words::NONE
    },
    ..Preset::BASE
};
