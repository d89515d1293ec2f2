//! Every provider that routes.toml can name, as data.
//!
//! One small file each, and one line in [`ALL`], which everything else reads: config, the command
//! `providers`, and the tests. Figures are the vendors' own; `source` names the page they stand on.

mod github;
mod standard_webhooks;
mod stripe;

use std::time::Duration;

use super::BodyRule;
use super::spec::{SignatureSpec, TimestampSpec};

/// What `provider = "NAME"` stands for. A source's own settings win over each of these.
#[derive(Debug)]
pub struct Preset {
    /// As routes.toml spells it.
    pub name: &'static str,
    /// As the vendor spells it.
    pub title: &'static str,
    pub signature: SignatureSpec,
    pub timestamp: Option<TimestampSpec>,
    /// CEL for the event key; none where nothing signed holds an id: then a digest of the body.
    pub key: Option<&'static str>,
    /// CEL for the event type.
    pub kind: Option<&'static str>,
    pub body: BodyRule,
    /// Retention of keys where the general default is not right.
    pub dedup: Option<Duration>,
    /// How long the provider goes on retrying: a shorter retention lets a retry in again.
    pub horizon: Option<Duration>,
    /// The page that the facts come from.
    pub source: &'static str,
}

/// By name, in alphabetical order.
pub static ALL: [&Preset; 3] = [&github::PRESET, &standard_webhooks::PRESET, &stripe::PRESET];

#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name).copied()
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}
