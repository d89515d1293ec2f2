//! Discord: Ed25519 over `timestamp` and `body`, one after the other. Interactions have an id; webhook events have none, and
//! are told apart by their time, which has six decimals.

use super::{Confidence, Preset, SchemeSpec, Words};
use crate::verify::schemes::public_keys;
use crate::verify::spec::{Algorithm, KeyForm, Place, SignatureSpec, TimestampSpec, Unit};

const SIGNATURE: SignatureSpec<'static> = SignatureSpec {
    header: "x-signature-ed25519",
    algorithm: Algorithm::Ed25519,
    key_form: KeyForm::Hex,
    signed: "{timestamp}{body}",
    ..SignatureSpec::BODY
};

const TIMESTAMP: TimestampSpec<'static> = TimestampSpec {
    place: Place::Header("x-signature-timestamp"),
    unit: Unit::Seconds,
    tolerance: None,
};

pub(super) static PRESET: Preset = Preset {
    name: "discord",
    title: "Discord",
    scheme: SchemeSpec::Code {
        secrets: false,
        signs_time: true,
        signed_headers: &["x-signature-timestamp"],
        build: |given| public_keys::build(&SIGNATURE, Some(TIMESTAMP), given),
    },
    settings: &["public_keys"],
    key: Some(
        "has(body.id) ? body.id : has(body.event) ? body.event.type + ' ' + body.event.timestamp : 'ping'",
    ),
    kind: Some("has(body.event) ? body.event.type : string(body.type)"),
    confidence: Confidence::Library,
    source: "https://docs.discord.com/developers/interactions/receiving-and-responding",
    setup: "developer portal → your application → General Information → Public Key",
    words: Words {
        headers: &["x-signature-ed25519", "x-signature-timestamp"],
        algorithm: "Ed25519",
        signed: "{timestamp}{body}",
        encoding: "hex",
        key: "the application's public key, hex",
        ..Words::NONE
    },
    example: &["public_keys = [\"env:DISCORD_PUBLIC_KEY\"]"],
    ..Preset::BASE
};
