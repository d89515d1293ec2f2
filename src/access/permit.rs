//! The decision itself: roles, then `when`, then the templates of the rule.
//!
//! [`permit`] is the only maker of a [`Permit`]. Its refusals name what failed and never a value,
//! so that nothing of the caller's or the workflow's data goes back (P7).

use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Principal, Rule, is_built_in_query};
use crate::event::MAX_NAME;
use crate::expr::{Body, Variables};
use crate::token;

/// The right to run one query, once. Made by [`permit`] alone.
#[derive(Debug)]
pub struct Permit {
    namespace: String,
    workflow: String,
    kind: Kind,
    query: String,
    args: String,
    run: Option<String>,
    view: String,
    timeout: Duration,
    expose_errors: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A query that the workflow's author wrote.
    Query,
    /// `$status`: what Temporal itself knows.
    Status,
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
    pub fn kind(&self) -> Kind {
        self.kind
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
    /// The run that the caller pinned, a UUID; none: the present one.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }
    /// Equal exactly for two permits that may share an answer: SHA-256 (hex) of rule, namespace, workflow, run,
    /// query and arguments as rendered. Nothing else of the caller is in it: whoever is permitted by the same rule
    /// to ask the same rendered question is answered with the same bytes, and where claims make a difference to
    /// the question (in `workflow`, `query` or `args`), they are in its rendered text.
    #[must_use]
    pub fn view(&self) -> &str {
        &self.view
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
    pub body: Option<Body<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the token is not of the issuer that the rule names")]
    Issuer,
    #[error("none of the caller's roles is allowed")]
    Role,
    #[error("the rule's `when` does not hold: {0}")]
    When(String),
    #[error("the workflow id, query or an argument cannot be rendered: {0}")]
    Unrenderable(String),
}

pub fn permit(rule: &Rule, principal: &Principal, asked: Asked<'_>) -> Result<Permit, Refusal> {
    if !rule.trusts(&principal.issuer) {
        return Err(Refusal::Issuer);
    }
    if !token::allows(&rule.allow, &principal.roles) {
        return Err(Refusal::Role);
    }
    let variables = Variables {
        body: asked.body,
        query: asked.query,
        path: asked.path,
        claims: Some(&principal.claims),
        roles: &principal.roles,
        ..Variables::default()
    };
    if let Some(when) = &rule.when {
        match when.test(&variables) {
            Ok(true) => {}
            Ok(false) => return Err(Refusal::When("it is false".to_owned())),
            Err(error) => return Err(Refusal::When(error.to_string())),
        }
    }
    render(rule, &variables, run(rule, asked.query)?)
}

/// The run that the caller pins, where the rule lets it.
fn run(rule: &Rule, query: &[(String, String)]) -> Result<Option<String>, Refusal> {
    let Some(name) = &rule.run else {
        return Ok(None);
    };
    let mut given = query.iter().filter(|(key, _)| key == name);
    let Some((_, text)) = given.next() else {
        return Ok(None);
    };
    let refused = |why| {
        Err(Refusal::Unrenderable(format!(
            "the parameter `{name}` {why}"
        )))
    };
    if given.next().is_some() {
        return refused("stands more than once");
    }
    match Uuid::try_parse(text) {
        // One spelling, so that one run is one question.
        Ok(run) if text.len() == 36 => Ok(Some(run.hyphenated().to_string())),
        _ => refused("is no run id"),
    }
}

fn render(rule: &Rule, variables: &Variables<'_>, run: Option<String>) -> Result<Permit, Refusal> {
    let workflow = rule.workflow.text(variables).map_err(unrenderable)?;
    let query = rule.query.text(variables).map_err(unrenderable)?;
    check_name("the workflow id", &workflow)?;
    check_name("the query", &query)?;
    // What a rule names to the letter, its author has been warned of; a caller may not choose it.
    if rule.query.constant().is_none() && is_built_in_query(&query) {
        return Err(Refusal::Unrenderable("the query is built in".to_owned()));
    }
    let args = match &rule.args {
        Some(template) => template.json(variables).map_err(unrenderable)?,
        None => "[]".to_owned(),
    };
    let view = digest(&[
        &rule.name,
        &rule.namespace,
        &workflow,
        run.as_deref().unwrap_or_default(),
        &query,
        &args,
    ]);
    Ok(Permit {
        namespace: rule.namespace.to_string(),
        workflow,
        kind: rule.kind,
        query,
        args,
        run,
        view,
        timeout: rule.timeout,
        expose_errors: rule.expose_errors,
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn unrenderable(error: crate::expr::Error) -> Refusal {
    Refusal::Unrenderable(error.to_string())
}

fn check_name(what: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        Err(Refusal::Unrenderable(format!("{what} is empty")))
    } else if text.len() > MAX_NAME {
        Err(Refusal::Unrenderable(format!(
            "{what} is longer than {MAX_NAME} bytes"
        )))
    } else {
        Ok(())
    }
}

/// SHA-256 in hex over the parts, each with its length before it, so that none runs into the next.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
