//! Klarna: over the body, with the key that a header names. Vendor and public code disagree on the encoding.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::given::{Fault, Given};
use crate::verify::schemes::keyed;
use crate::verify::spec::{Encoding, SignatureSpec};
use crate::verify::verifier::Verifier;

pub(super) static PRESET: Preset = Preset {
    name: "klarna",
    title: "Klarna",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: false,
        signed_headers: &[],
        build,
    },
    settings: &["keys", "encoding"],
    example: &["secrets = [\"env:KLARNA_SECRET\"]"],
    words: Words {
        headers: &["klarna-signature", "klarna-signing-key-id"],
        algorithm: "HMAC-SHA-256",
        signed: "{body}",
        encoding: "hex, or base64 by `encoding`",
        key: "a text; `keys` by their ids, or `secrets` of which any may match",
        ..Words::NONE
    },
    key: Some("body.metadata.event_id"),
    kind: Some("body.metadata.event_type"),
    horizon: Some(days(1)),
    confidence: Confidence::Unconfirmed,
    source: "https://docs.klarna.com/api/webhooks/",
    setup: "the signing key that Klarna answers when you make one through its webhook API",
    ..Preset::BASE
};

fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    let encoding = match given.encoding.as_deref() {
        None => Encoding::Hex,
        Some(name) => Encoding::from_name(name)
            .ok_or_else(|| Fault::new("encoding", "`encoding` is `hex` or `base64`"))?,
    };
    let signature = SignatureSpec {
        header: "klarna-signature",
        encoding,
        ..SignatureSpec::BODY
    };
    keyed::build(given, &signature, "klarna-signing-key-id")
}
