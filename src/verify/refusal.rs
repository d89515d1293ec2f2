//! Why a request is refused, and which class of that its caller may learn.
//!
//! No HTTP here: `server` maps a [`Class`] to an answer in one place. The texts go to log and
//! `explain`; they name headers, fields and expressions, never a value of any.

use http::header::AUTHORIZATION;

use crate::token::{self, BearerFault};

/// Why a request is refused. The caller learns the class only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the header `{0}` is missing")]
    MissingHeader(String),
    #[error("the header `{0}` stands more than once")]
    DuplicateHeader(String),
    #[error("the header `{0}` does not read as the scheme says")]
    Malformed(String),
    #[error("`{0}` is missing, and it is part of the proof")]
    MissingField(&'static str),
    #[error("`{0}` does not read as the scheme says")]
    MalformedField(&'static str),
    #[error("no signature matches any secret")]
    BadSignature,
    #[error(
        "the certificate is not the provider's: another name, out of its time, or of no trusted authority"
    )]
    Untrusted,
    /// To be fetched: then once more.
    #[error("the certificate that the request names has not been fetched yet")]
    NoCertificate,
    #[error("meant for somebody else: {0}")]
    NotOurs(&'static str),
    #[error("the request's own time lies too far in the past")]
    Stale,
    #[error("the request's own time lies too far in the future")]
    Future,
    #[error(transparent)]
    Token(#[from] token::Refusal),
    #[error("the body does not parse as the JSON that it should be")]
    Unparsable,
    #[error("the body has a content encoding")]
    Encoding,
    #[error("no event key: {0}")]
    NoKey(String),
    #[error("no event time: {0}")]
    NoTime(String),
    #[error("the events of the request cannot be taken apart: {0}")]
    NoItems(String),
}

impl From<BearerFault> for Refusal {
    fn from(fault: BearerFault) -> Self {
        let header = AUTHORIZATION.to_string();
        match fault {
            BearerFault::Missing => Self::MissingHeader(header),
            BearerFault::Repeated => Self::DuplicateHeader(header),
            BearerFault::Malformed => Self::Malformed(header),
        }
    }
}

/// What a caller may learn of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not proven.
    Unauthorized,
    /// Proven, but not usable.
    BadRequest,
    /// Proven, but in an encoding that is not taken.
    UnsupportedMedia,
    /// The keys for the proof cannot be had: not the caller's fault.
    Unavailable,
}

impl Refusal {
    /// The stable label of metrics and logs.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingHeader(_) => "missing_header",
            Self::DuplicateHeader(_) => "duplicate_header",
            Self::Malformed(_) => "malformed",
            Self::MissingField(_) => "missing_field",
            Self::MalformedField(_) => "malformed_field",
            Self::BadSignature => "bad_signature",
            Self::Untrusted => "untrusted",
            Self::NoCertificate => "no_certificate",
            Self::NotOurs(_) => "not_ours",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Token(token::Refusal::UnknownKey(_)) => "unknown_key",
            Self::Token(token::Refusal::NoKeys) => "no_keys",
            Self::Token(_) => "bad_token",
            Self::Unparsable => "unparsable",
            Self::Encoding => "encoding",
            Self::NoKey(_) => "no_key",
            Self::NoTime(_) => "no_time",
            Self::NoItems(_) => "no_items",
        }
    }

    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Token(token::Refusal::NoKeys) | Self::NoCertificate => Class::Unavailable,
            Self::MissingHeader(_)
            | Self::DuplicateHeader(_)
            | Self::Malformed(_)
            | Self::MissingField(_)
            | Self::MalformedField(_)
            | Self::BadSignature
            | Self::Untrusted
            | Self::NotOurs(_)
            | Self::Stale
            | Self::Future
            | Self::Token(_) => Class::Unauthorized,
            Self::Unparsable | Self::NoKey(_) | Self::NoTime(_) | Self::NoItems(_) => {
                Class::BadRequest
            }
            Self::Encoding => Class::UnsupportedMedia,
        }
    }

    /// Fresh keys, or a certificate, could turn this into a yes.
    #[must_use]
    pub const fn wants_keys(&self) -> bool {
        match self {
            Self::Token(refusal) => refusal.wants_keys(),
            Self::NoCertificate => true,
            _ => false,
        }
    }
}
