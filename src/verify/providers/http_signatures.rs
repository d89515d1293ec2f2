//! HTTP Message Signatures (RFC 9421), by any sender: the source says which algorithm, keys and components.

use super::{Confidence, Preset, SchemeSpec};
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
    ..Preset::BASE
};
