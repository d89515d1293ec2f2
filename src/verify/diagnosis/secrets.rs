//! The forms in which a secret is commonly mistaken: its whitespace, its quotes, and what it is decoded from.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::hmac;
use super::super::spec::KeyForm;
use crate::secret::Secret;

/// A key that a secret may have been meant as.
pub(super) struct Form {
    pub(super) cause: &'static str,
    /// Completes "the signature matches … ".
    pub(super) text: &'static str,
    pub(super) key: Secret,
}

/// With or without padding, and with bits to spare.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

pub(super) fn lenient_base64(text: &str) -> Option<Vec<u8>> {
    let plain = GeneralPurpose::new(&STANDARD, LENIENT).decode(text).ok();
    plain.or_else(|| GeneralPurpose::new(&URL_SAFE, LENIENT).decode(text).ok())
}

/// Every form but the one that the scheme takes, which has been tried; the likelier ones first.
pub(super) fn forms(secret: &Secret, form: KeyForm) -> Vec<Form> {
    let bytes = secret.expose();
    let mut forms = Vec::new();
    let as_taken = hmac::key(form, secret);
    let mut add = |cause, text, key: Option<Secret>| {
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return;
        };
        let known = |other: &Form| other.key == key;
        if as_taken.as_ref() != Some(&key) && !forms.iter().any(known) {
            forms.push(Form { cause, text, key });
        }
    };
    for (cause, text, base) in bases(bytes) {
        add(cause, text, hmac::key(form, &base));
    }
    for (cause, text, other) in OTHERS {
        add(cause, text, decode(*other, bytes));
    }
    // Both at once: the base is the likelier thing to be put right.
    for (cause, text, base) in bases(bytes) {
        for (_, _, other) in OTHERS {
            add(cause, text, decode(*other, base.expose()));
        }
    }
    forms
}

const OTHERS: &[(&str, &str, KeyForm)] = &[
    (
        "secret_text",
        "the text of the secret as it stands, not what it decodes to: the scheme says that it is encoded",
        KeyForm::Plain,
    ),
    (
        "secret_hex",
        "the bytes that the secret's hex digits stand for, not its text",
        KeyForm::Hex,
    ),
    (
        "secret_base64",
        "the bytes that the secret's base64 stands for, not its text",
        KeyForm::Base64,
    ),
    (
        "secret_whsec",
        "the bytes that the secret's base64 behind `whsec_` stands for, not its text",
        KeyForm::Whsec,
    ),
];

fn decode(form: KeyForm, bytes: &[u8]) -> Option<Secret> {
    let text = || std::str::from_utf8(bytes).ok();
    match form {
        KeyForm::Plain | KeyForm::Nfkd => Some(Secret::new(bytes.to_vec())),
        KeyForm::Hex => hex::decode(bytes).ok().map(Secret::new),
        KeyForm::Base64 => lenient_base64(text()?).map(Secret::new),
        KeyForm::Whsec => lenient_base64(text()?.strip_prefix("whsec_")?).map(Secret::new),
        // A public key is no secret that could have been taken in another form.
        KeyForm::Whpk | KeyForm::Pem => None,
    }
}

fn bases(bytes: &[u8]) -> Vec<(&'static str, &'static str, Secret)> {
    let mut bases = Vec::new();
    let trimmed = bytes.trim_ascii();
    if trimmed.len() < bytes.len() {
        let newline = bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        let (cause, text) = if newline {
            (
                "secret_newline",
                "the secret without the newline around it: write it anew without one (`printf %s`, not `echo`)",
            )
        } else {
            (
                "secret_spaces",
                "the secret without the spaces around it: write it anew without them",
            )
        };
        bases.push((cause, text, trimmed.to_vec()));
    }
    let unquoted = [b'"', b'\'']
        .into_iter()
        .find_map(|quote| trimmed.strip_prefix(&[quote])?.strip_suffix(&[quote]));
    bases.extend(unquoted.map(|bytes| {
        (
            "secret_quotes",
            "the secret without the quotes around it: they are part of it as it is set here",
            bytes.to_vec(),
        )
    }));
    bases.push((
        "secret_newline_missing",
        "the secret with a newline behind it: the sender signs with one, most likely from a file that ends in it",
        [bytes, b"\n"].concat(),
    ));
    bases.extend(trimmed.strip_prefix(b"whsec_").map(|bytes| {
        (
            "secret_prefix",
            "the secret without `whsec_` before it",
            bytes.to_vec(),
        )
    }));
    bases
        .into_iter()
        .map(|(cause, text, bytes)| (cause, text, Secret::new(bytes)))
        .collect()
}
