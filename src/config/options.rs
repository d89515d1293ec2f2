//! What the process decides for its routing file.
//!
//! The file says nothing about the process, and `config` never sees the settings: these few are all
//! it gets. Imports nothing of this crate.

use std::fmt;
use std::sync::Arc;

/// What a secret that cannot be read means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPolicy {
    /// An error: a gateway without it could verify nothing.
    Required,
    /// A warning: the file is checked where its secrets are not at hand.
    Warn,
}

/// Where `env:NAME` is looked up.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

#[derive(Clone)]
pub struct Options {
    /// The namespace of routes and queries that name none.
    pub default_namespace: String,
    pub secrets: SecretPolicy,
    /// Whether `provider = "none"` is allowed at all (P1).
    pub allow_unverified: bool,
    /// The largest body that the process takes, where it is known.
    pub max_body: Option<usize>,
    pub env: Environment,
    /// What providers call, without the path: some schemes sign it.
    pub public_url: Option<String>,
}

impl Options {
    /// As `serve` starts: secrets required, nothing unverified, the environment of the process.
    #[must_use]
    pub fn new(default_namespace: impl Into<String>) -> Self {
        Self {
            default_namespace: default_namespace.into(),
            secrets: SecretPolicy::Required,
            allow_unverified: false,
            max_body: None,
            env: Arc::new(|name| std::env::var(name).ok()),
            public_url: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("default_namespace", &self.default_namespace)
            .field("secrets", &self.secrets)
            .field("allow_unverified", &self.allow_unverified)
            .field("max_body", &self.max_body)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}
