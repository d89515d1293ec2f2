//! Who may ask? From a principal and a rule to a [`Permit`]. Pure.
//!
//! Only this module can make a `Permit`, and only a `Permit` runs a query.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::expr::Expr;
use crate::expr::template::{JsonTemplate, Template};
use crate::token::{Issuer, Token};

/// One `[[queries]]`, compiled.
#[derive(Debug)]
pub struct Rule {
    pub name: Arc<str>,
    pub path: PathPattern,
    pub namespace: Arc<str>,
    pub workflow: Template,
    pub query: Template,
    pub args: Option<JsonTemplate>,
    pub issuer: Arc<Issuer>,
    /// Roles of which one is needed; `*` is any caller with a valid token.
    pub allow: Vec<String>,
    pub when: Option<Expr>,
    pub timeout: Duration,
    pub expose_errors: bool,
}

/// `/orders/{order_id}/status`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {}
impl PathPattern {
    /// The sentence says what is wrong.
    pub fn parse(_text: &str) -> Result<Self, String> {
        unimplemented!()
    }
    /// Whether some path fits both.
    #[must_use]
    pub fn overlaps(&self, _other: &Self) -> bool {
        unimplemented!()
    }
}

/// All query rules, found by path.
#[derive(Debug, Default)]
pub struct Rules {}
impl Rules {
    #[must_use]
    pub fn new(_rules: Vec<Rule>) -> Self {
        unimplemented!()
    }
    /// The rule for a request path, its parameters percent-decoded once.
    #[must_use]
    pub fn find(&self, _path: &str) -> Option<(&Rule, Vec<(String, String)>)> {
        unimplemented!()
    }
}

/// A caller whose token was good.
#[derive(Clone, Debug)]
pub struct Principal {
    pub issuer: Arc<str>,
    pub subject: String,
    pub roles: Vec<String>,
    pub claims: Value,
}

impl Principal {
    #[must_use]
    pub fn new(_issuer: &Issuer, _token: Token) -> Self {
        unimplemented!()
    }
}

/// The right to run one query, once. Made by [`permit`] alone.
#[derive(Debug)]
pub struct Permit {
    namespace: String,
    workflow: String,
    query: String,
    args: String,
    timeout: Duration,
    expose_errors: bool,
}

impl Permit {
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
    #[must_use]
    pub fn workflow(&self) -> &str {
        &self.workflow
    }
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }
    /// JSON text of the list of arguments.
    #[must_use]
    pub fn args(&self) -> &str {
        &self.args
    }
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
    #[must_use]
    pub fn expose_errors(&self) -> bool {
        self.expose_errors
    }
}

/// What the caller sent beside the path.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub path: &'a [(String, String)],
    pub query: &'a [(String, String)],
    pub body: Option<crate::expr::Body<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("none of the caller's roles is allowed")]
    Role,
    #[error("the rule's `when` does not hold: {0}")]
    When(String),
    #[error("the workflow id, query or an argument cannot be rendered: {0}")]
    Unrenderable(String),
}

pub fn permit(_rule: &Rule, _principal: &Principal, _asked: Asked<'_>) -> Result<Permit, Refusal> {
    unimplemented!()
}
