//! Postmark: `Authorization: Basic`.

use super::{Confidence, Preset};

pub(super) static PRESET: Preset = Preset {
    name: "postmark",
    title: "Postmark",
    kind: Some("has(body.RecordType) ? body.RecordType : 'Inbound'"),
    confidence: Confidence::ThirdParty,
    source: "https://postmarkapp.com/developer/webhooks/webhooks-overview",
    setup: "the server → the message stream → Webhooks → Basic auth: `user:password` as one secret",
    ..Preset::BASIC
};
