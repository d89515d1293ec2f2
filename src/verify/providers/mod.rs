//! Every provider that routes.toml can name, as data.
//!
//! One small file each, and one line in [`ALL`], which everything else reads: config, the command
//! `providers`, and the tests. Figures are the vendors' own; `source` names the page they stand on. A scheme that is
//! no data is code in `verify::schemes`, and its preset names the function that builds it.

mod github;
mod standard_webhooks;
mod stripe;

use std::time::Duration;

use super::BodyRule;
use super::given::{Fault, Given};
use super::spec::{SignatureSpec, TimestampSpec};
use super::verifier::Verifier;

/// What `provider = "NAME"` stands for. A source's own settings win over each of these.
#[derive(Debug)]
pub struct Preset {
    /// As routes.toml spells it.
    pub name: &'static str,
    /// As the vendor spells it.
    pub title: &'static str,
    pub scheme: SchemeSpec,
    /// Whether the proof covers the whole body; else anyone who sees one request can reuse it with another.
    pub binds_body: bool,
    /// Keys of a source, beyond the general ones, that this preset takes.
    pub settings: &'static [&'static str],
    /// CEL for the event key; none where nothing signed holds an id: then a digest of the body.
    pub key: Option<&'static str>,
    /// CEL for the event type.
    pub kind: Option<&'static str>,
    /// How a request that holds several events is taken apart, where a source says `each`.
    pub batch: Option<Batch>,
    pub body: BodyRule,
    /// Retention of keys where the general default is not right.
    pub dedup: Option<Duration>,
    /// How long the provider goes on retrying: a shorter retention lets a retry in again.
    pub horizon: Option<Duration>,
    /// How sure the facts are.
    pub confidence: Confidence,
    /// The page that the facts come from.
    pub source: &'static str,
    /// Where in the vendor's console the secret or key is found, in a few words.
    pub setup: &'static str,
}

/// How a preset proves who sent.
#[derive(Clone, Copy, Debug)]
pub enum SchemeSpec {
    /// An HMAC, as data.
    Signature {
        signature: SignatureSpec<'static>,
        timestamp: Option<TimestampSpec<'static>>,
    },
    /// Anything else.
    Code {
        /// Whether the source must give `secrets`.
        secrets: bool,
        /// Whether the signature covers a time, so that a `tolerance` means something.
        signs_time: bool,
        /// Headers that the scheme signs, lower case: an event key may come from these.
        signed_headers: &'static [&'static str],
        build: fn(&Given) -> Result<Box<dyn Verifier>, Fault>,
    },
}

/// Events of one request: CEL, with `body` as the item in `key` and `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// CEL over the whole request that gives the list.
    pub each: &'static str,
    pub key: Option<&'static str>,
    pub kind: Option<&'static str>,
}

/// Where the facts of a preset come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// They agree with the vendor's own library.
    Library,
    /// Read in the vendor's or the reference library's source.
    Code,
    /// The vendor's documentation.
    Documentation,
    /// Third parties that agree with each other.
    ThirdParty,
    /// General knowledge: check before you rely on it.
    Unconfirmed,
}

impl Preset {
    /// A JSON body, signed whole: what a preset says differs from this.
    const BASE: Self = Self {
        name: "",
        title: "",
        scheme: SchemeSpec::Signature {
            signature: SignatureSpec::BODY,
            timestamp: None,
        },
        binds_body: true,
        settings: &[],
        key: None,
        kind: None,
        batch: None,
        body: BodyRule::Json,
        dedup: None,
        horizon: None,
        confidence: Confidence::Documentation,
        source: "",
        setup: "",
    };

    /// Whether the signature covers a time.
    #[must_use]
    pub fn signs_time(&self) -> bool {
        match self.scheme {
            SchemeSpec::Signature { timestamp, .. } => timestamp.is_some(),
            SchemeSpec::Code { signs_time, .. } => signs_time,
        }
    }
}

/// By name, in alphabetical order.
pub static ALL: [&Preset; 3] = [&github::PRESET, &standard_webhooks::PRESET, &stripe::PRESET];

#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name).copied()
}

const fn days(count: u64) -> Duration {
    Duration::from_hours(count * 24)
}
