//! Wise: RSA over the body. The keys of production and sandbox differ, and stand on the vendor's page.

use super::{Confidence, Preset, SchemeSpec, Words, days};
use crate::verify::schemes::public_keys;
use crate::verify::spec::{Algorithm, Encoding, KeyForm, SignatureSpec};

const SIGNATURE: SignatureSpec<'static> = SignatureSpec {
    header: "x-signature-sha256",
    algorithm: Algorithm::Rsa,
    encoding: Encoding::Base64,
    key_form: KeyForm::Pem,
    ..SignatureSpec::BODY
};

pub(super) static PRESET: Preset = Preset {
    name: "wise",
    title: "Wise",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: false,
        signed_headers: &[],
        build: |given| public_keys::build(&SIGNATURE, None, given),
    },
    settings: &["public_keys"],
    kind: Some("body.event_type"),
    horizon: Some(days(21)),
    confidence: Confidence::Documentation,
    source: "https://docs.wise.com/guides/developer/webhooks/event-handling",
    setup: "the vendor's page prints the public key of each environment: copy the PEM",
    words: Words {
        headers: &["x-signature-sha256"],
        algorithm: "RSA PKCS#1 v1.5, SHA-256",
        signed: "{body}",
        encoding: "base64",
        key: "the vendor's public key, PEM",
        ..Words::NONE
    },
    example: &["public_keys = [\"env:WISE_PUBLIC_KEY\"]"],
    ..Preset::BASE
};
