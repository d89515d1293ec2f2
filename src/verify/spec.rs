//! A signature scheme as data: what a preset is made of, and what `provider = "hmac"` of routes.toml
//! writes out.
//!
//! What no data can say (canonical forms, public keys, certificates) is not here. `scheme` compiles it.

use std::time::Duration;

/// How a request is signed. Its texts are a preset's, or borrowed from routes.toml.
#[derive(Clone, Copy, Debug)]
pub struct SignatureSpec<'a> {
    pub header: &'a str,
    pub layout: Layout<'a>,
    pub copies: Copies,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// What stands before each encoded signature, such as `sha256=`.
    pub prefix: &'a str,
    /// The prefix may be left out.
    pub bare: bool,
    /// What is signed: `{body}`, `{timestamp}`, `{id}` and literal text.
    pub signed: &'a str,
    /// The header that `{id}` stands for.
    pub id_header: Option<&'a str>,
    pub key_form: KeyForm,
    /// Names under which the same scheme comes as well, where none of its own is there.
    pub other: Option<Names<'a>>,
    /// A header that, where it is there, has this value and no other.
    pub pinned: Option<(&'a str, &'a str)>,
}

/// The headers of one scheme under other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    pub header: &'a str,
    pub id_header: Option<&'a str>,
    pub timestamp: Option<&'a str>,
}

impl SignatureSpec<'static> {
    /// HMAC-SHA-256 over the body, in hex, alone in its header: a preset writes its header, and what differs.
    pub const BODY: Self = Self {
        header: "",
        layout: Layout::Single,
        copies: Copies::One,
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Hex,
        prefix: "",
        bare: false,
        signed: "{body}",
        id_header: None,
        key_form: KeyForm::Plain,
        other: None,
        pinned: None,
    };
}

/// The hash under an HMAC, or a signature by a private key that only the provider holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
    Ed25519,
    /// Over SHA-256, signatures in DER.
    EcdsaP256,
    /// PKCS#1 v1.5 over SHA-256.
    Rsa,
}

impl Algorithm {
    /// As routes.toml spells it: the hashes alone.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// As people write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Sha1 => "HMAC-SHA-1",
            Self::Sha256 => "HMAC-SHA-256",
            Self::Sha512 => "HMAC-SHA-512",
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256 => "ECDSA P-256, SHA-256",
            Self::Rsa => "RSA PKCS#1 v1.5, SHA-256",
        }
    }
}

/// How signatures stand in their header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout<'a> {
    /// The whole value is one signature.
    Single,
    /// Entries of a tag and a value; those under another tag are skipped. `t=1,v1=…,v1=…` has the
    /// separator `,` and the sign `=`; `v1,… v1,…` has the separator ` ` and the sign `,`.
    Tagged {
        separator: char,
        assign: char,
        tag: &'a str,
    },
}

/// How often the signature's header may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// A second copy is a refusal.
    One,
    /// Every copy counts, as for a scheme that defines a list.
    Several,
    /// One signature in each of `NAME-1`, `NAME-2`, and so on; the spec's header is the first.
    Numbered,
    /// One signature under the header's own name, one under that of `other`, or both: any may match.
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Either case.
    Hex,
    Base64,
}

impl Encoding {
    /// As routes.toml spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }

    /// As routes.toml spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

/// How the text of a secret, or of a public key, becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// The bytes as they stand.
    Plain,
    /// The text in Unicode's compatibility decomposition (NFKD).
    Nfkd,
    Hex,
    Base64,
    /// Base64, with or without `whsec_` before it.
    Whsec,
    /// Base64 behind `whpk_`.
    Whpk,
    /// A public key as PEM.
    Pem,
}

impl KeyForm {
    /// As routes.toml spells it; the other forms are those of single vendors.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Plain),
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }

    /// What is done with the text of a secret, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Plain => "the text as it stands, every character of it; nothing is decoded",
            Self::Nfkd => "the text, accents taken apart (NFKD)",
            Self::Hex => "hex digits, which are decoded",
            Self::Base64 => "base64, which is decoded",
            Self::Whsec => "`whsec_…`, or the base64 behind it alone; it is decoded",
            Self::Whpk => "`whpk_…`, a public key",
            Self::Pem => "a public key as PEM (`-----BEGIN PUBLIC KEY-----`)",
        }
    }

    /// For a sentence that says what a secret is, or is not.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Plain => "a text of at least one byte",
            Self::Nfkd => "UTF-8 text",
            Self::Hex => "hex digits",
            Self::Base64 => "base64",
            Self::Whsec => "base64 behind an optional `whsec_`",
            Self::Whpk => "base64 behind `whpk_`",
            Self::Pem => "a public key as PEM (`-----BEGIN PUBLIC KEY-----`)",
        }
    }
}

/// The signed time of a request.
#[derive(Clone, Copy, Debug)]
pub struct TimestampSpec<'a> {
    pub place: Place<'a>,
    pub unit: Unit,
    /// Both ways. None where the vendor states none: then retention limits the past.
    pub tolerance: Option<Duration>,
}

/// Where the time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    Header(&'a str),
    /// An entry of the signature's own header.
    Tag(&'a str),
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Millis,
    /// RFC 3339.
    Iso,
}

impl Unit {
    /// As routes.toml spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Millis),
            "iso" => Some(Self::Iso),
            _ => None,
        }
    }
}
