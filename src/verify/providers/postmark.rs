//! Postmark: `Authorization: Basic`.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::credential::Credential;

pub(super) static PRESET: Preset = Preset {
    name: "postmark",
    title: "Postmark",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build: Credential::basic,
    },
    words: Words {
        headers: &["authorization"],
        algorithm: "none: a user and a password, compared in constant time",
        encoding: "base64 behind `Basic `",
        key: "`user:password`",
        ..Words::TOKEN
    },
    kind: Some("has(body.RecordType) ? body.RecordType : 'Inbound'"),
    confidence: Confidence::ThirdParty,
    source: "https://postmarkapp.com/developer/webhooks/webhooks-overview",
    setup: "the server → the message stream → Webhooks → Basic auth: `user:password` as one secret",
    ..Preset::TOKEN
};
