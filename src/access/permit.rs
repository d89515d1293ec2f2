//! The decision itself: roles, then `when`, then the templates of the rule.
//!
//! [`permit`] is the only maker of a [`Permit`]. Its refusals name what failed and never a value,
//! so that nothing of the caller's or the workflow's data goes back (P7).

use std::time::Duration;

use super::{ANYONE, Principal, Rule, is_built_in_query};
use crate::event::MAX_NAME;
use crate::expr::{Body, Variables};

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
    if principal.issuer != rule.issuer.name {
        return Err(Refusal::Issuer);
    }
    if !allows(&rule.allow, &principal.roles) {
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
    render(rule, &variables)
}

fn allows(allow: &[String], roles: &[String]) -> bool {
    allow
        .iter()
        .any(|allowed| allowed == ANYONE || roles.contains(allowed))
}

fn render(rule: &Rule, variables: &Variables<'_>) -> Result<Permit, Refusal> {
    let workflow = rule.workflow.text(variables).map_err(unrenderable)?;
    let query = rule.query.text(variables).map_err(unrenderable)?;
    check_name("the workflow id", &workflow)?;
    check_name("the query", &query)?;
    // A rule's constant query is checked at load; this holds for one that a template yields.
    if is_built_in_query(&query) {
        return Err(Refusal::Unrenderable("the query is built in".to_owned()));
    }
    let args = match &rule.args {
        Some(template) => template.json(variables).map_err(unrenderable)?,
        None => "[]".to_owned(),
    };
    Ok(Permit {
        namespace: rule.namespace.to_string(),
        workflow,
        query,
        args,
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
