//! Who may ask? From a principal and a rule to a [`Permit`]. Pure: no async, no I/O, no clock.
//!
//! Only this module can make a `Permit`, and only a `Permit` runs a query (P7). It decides and
//! renders; it neither checks tokens (`token`) nor talks to Temporal. May import `expr`, `token` and
//! what lies below them.

mod path;
mod permit;
mod principal;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use path::PathPattern;
pub use permit::{Asked, Kind, Permit, Refusal, permit};
pub use principal::Principal;
pub use rules::Rules;

use crate::expr::Expr;
use crate::expr::template::{JsonTemplate, Template};
use crate::rate::Rate;
use crate::token::{API_KEYS, Issuer};

/// One `[[queries]]`, compiled.
#[derive(Debug)]
pub struct Rule {
    pub name: Arc<str>,
    pub path: PathPattern,
    pub namespace: Arc<str>,
    pub workflow: Template,
    pub kind: Kind,
    /// Of a status the constant [`STATUS`].
    pub query: Template,
    /// None: no arguments.
    pub args: Option<JsonTemplate>,
    /// Whose tokens are taken; no two with one `iss`.
    pub issuers: Vec<Arc<Issuer>>,
    /// API keys are taken.
    pub keys: bool,
    /// Roles of which one is needed; `*` is any caller with a valid token.
    pub allow: Vec<String>,
    pub when: Option<Expr>,
    pub timeout: Duration,
    /// How old an answer may be; none: every question is asked anew.
    pub cache: Option<Duration>,
    /// The parameter of the query string that may pin a run.
    pub run: Option<String>,
    /// Of permitted and refused callers together.
    pub rate: Option<Rate>,
    pub expose_errors: bool,
}

impl Rule {
    /// Whether the rule takes the tokens of an issuer so named.
    #[must_use]
    pub fn trusts(&self, issuer: &str) -> bool {
        (self.keys && issuer == API_KEYS) || self.issuers.iter().any(|own| *own.name == *issuer)
    }
}

/// As `query`: type, status, start and close time of the workflow, which no worker is needed for.
pub const STATUS: &str = "$status";

/// Whether a query is one that workers answer by themselves (`__stack_trace` shows source code), and
/// no workflow's author meant to be asked from outside.
#[must_use]
pub fn is_built_in_query(name: &str) -> bool {
    name.starts_with("__temporal_")
        || matches!(
            name,
            "__stack_trace" | "__enhanced_stack_trace" | "__open_sessions"
        )
}
