//! HTTP Message Signatures (RFC 9421), by any sender: the source says which algorithm, keys and components.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::BodyRule;
use crate::verify::schemes::HttpSignatures;

pub(super) static PRESET: Preset = Preset {
    name: "http-signatures",
    title: "HTTP Message Signatures",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        // Whatever else a signature covers: which headers these are is the source's to say.
        signed_headers: &["content-digest"],
        build: HttpSignatures::build,
    },
    settings: &["public_url", "algorithm", "keys", "require", "encoding"],
    body: BodyRule::ByMediaType,
    confidence: Confidence::Library,
    source: "https://www.rfc-editor.org/rfc/rfc9421.html",
    setup: "agree with the sender on key ids, an algorithm and what is covered",
    words: Words {
        headers: &["signature-input", "signature"],
        algorithm: "as `algorithm` says (RFC 9421)",
        signed: "the components that `require` names, at least",
        encoding: "base64",
        key: "a key for each id, PEM or text",
        tolerance: Some(Duration::from_mins(5)),
    },
    example: &[
        "algorithm = \"hmac-sha256\"",
        "keys = { \"partner-2026\" = \"env:PARTNER_KEY\" }",
        "public_url = \"https://hooks.example.com/hooks/http-signatures\"",
        "event = { key = \"body.id\", type = \"body.type\" }",
    ],
    ..Preset::BASE
};
