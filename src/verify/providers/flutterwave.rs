//! Flutterwave: base64 over the body (v4), or the secret itself (v3), as `header` says.
//!
//! Which one it is, the source alone decides: a v3 token is never taken because a v4 signature is missing.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::given::{Fault, Given};
use crate::verify::scheme::Scheme;
use crate::verify::schemes::credential::Credential;
use crate::verify::spec::{Encoding, SignatureSpec};
use crate::verify::verifier::Verifier;

const SIGNATURE: SignatureSpec<'static> = SignatureSpec {
    header: "flutterwave-signature",
    encoding: Encoding::Base64,
    ..SignatureSpec::BODY
};
const TOKEN: &str = "verif-hash";

pub(super) static PRESET: Preset = Preset {
    name: "flutterwave",
    title: "Flutterwave",
    scheme: SchemeSpec::Code {
        secrets: true,
        signs_time: false,
        signed_headers: &[],
        build,
    },
    settings: &["header"],
    words: Words {
        headers: &[
            "flutterwave-signature (v4, the default)",
            "verif-hash (v3, where `header` names it)",
        ],
        algorithm: "HMAC-SHA-256; v3: none, a token",
        signed: "{body}; v3: nothing",
        encoding: "base64; v3: as it is",
        key: "a text of at least one byte",
        ..Words::NONE
    },
    kind: Some("has(body.event) ? body.event : body.type"),
    confidence: Confidence::ThirdParty,
    source: "https://developer.flutterwave.com/docs/webhooks",
    setup: "Settings → Webhooks → Secret hash. v3 sends it as it is: say `header = \"verif-hash\"`",
    ..Preset::BASE
};

fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
    match given
        .header
        .as_deref()
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("flutterwave-signature") => {
            Ok(Box::new(Scheme::compile(&SIGNATURE, None, &given.secrets)?))
        }
        Some(TOKEN) => Credential::token(given, None),
        Some(_) => Err(Fault::new(
            "header",
            "`header` is `flutterwave-signature` (v4) or `verif-hash` (v3)",
        )),
    }
}
