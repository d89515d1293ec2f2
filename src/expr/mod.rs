//! CEL expressions, `${…}` templates and JSON values: what routes.toml computes with.
//!
//! Compiled once at load, evaluated per event without converting the body. Pure: no clock, no I/O.
//! May import `event` and what lies below it.
//!
//! `expression` is the whole of one expression; `syntax` and `names` turn its text into a checked
//! tree, `doubts` what is right and cannot be meant; `scan` finds it in a template, `path` takes the plain paths out of CEL's
//! hands, `json` reads a body, `view` and `node` show it to CEL, `exact` cuts text out of the raw body, `items` takes a
//! list apart, `steps` bounds the work, `outcome` reads the result.

mod doubts;
mod exact;
mod expression;
mod foreign;
mod items;
pub mod json;
mod names;
mod node;
mod outcome;
mod path;
mod scan;
mod steps;
mod syntax;
pub mod template;
mod view;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

use crate::event::Content;
pub use expression::Expr;
pub use items::Item;

/// Which names an expression may use; anything else is a fault at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(pub &'static [&'static str]);

impl Scope {
    /// `when`, `workflow`, `args` of a route.
    pub const ROUTE: Self = Self(&["body", "request", "headers", "query", "event", "claims"]);
    /// `each`, `event.key`, `event.type`, `event.time` of a source.
    pub const SOURCE: Self = Self(&["body", "request", "headers", "query", "claims"]);
    /// `workflow`, `args` of a query rule.
    pub const QUERY: Self = Self(&["path", "query", "body", "claims"]);
    /// `when` of a query rule.
    pub const ACCESS: Self = Self(&["path", "query", "body", "claims", "roles"]);
    /// `roles` of an issuer.
    pub const CLAIMS: Self = Self(&["claims"]);
}

/// What the names stand for in one evaluation. A part that is absent has no fields.
#[derive(Clone, Copy, Default)]
pub struct Variables<'a> {
    pub body: Option<Body<'a>>,
    /// The whole body, where `body` is one event of several; none: `body` is the whole.
    pub request: Option<Body<'a>>,
    /// Lower-case names; a repeated one reads as its values joined by ", ".
    pub headers: &'a [(String, String)],
    /// A repeated one reads as its first value.
    pub query: &'a [(String, String)],
    pub path: &'a [(String, String)],
    pub claims: Option<&'a Value>,
    pub roles: &'a [String],
    pub event: Option<EventFields<'a>>,
}

impl<'a> Variables<'a> {
    /// What `request` stands for.
    fn whole(&self) -> Option<&Body<'a>> {
        self.request.as_ref().or(self.body.as_ref())
    }
}

/// `event.id`, `event.source`, `event.key`, `event.type`, `event.received_at` (RFC 3339).
#[derive(Clone, Copy)]
pub struct EventFields<'a> {
    pub id: &'a str,
    pub source: &'a str,
    pub key: &'a str,
    pub kind: &'a str,
    pub received_at: &'a str,
}

/// A body as parsed and as sent: numbers are cut out of `raw`, so that none passes through a float.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    pub content: &'a Content,
    pub raw: &'a [u8],
}

impl<'a> Body<'a> {
    /// The whole body as JSON text: as sent where it is JSON, an object where it is a form, a
    /// string where it is text.
    pub fn json(&self) -> Result<Cow<'a, str>, Error> {
        match self.content {
            Content::Json(_) => Ok(Cow::Borrowed(
                self.text()?.trim_matches([' ', '\t', '\r', '\n']),
            )),
            Content::Form(fields) => Ok(Cow::Owned(fields.to_string())),
            Content::Text => Ok(Cow::Owned(Value::from(self.text()?).to_string())),
            Content::Binary => Err(Error::new("the body is not text")),
        }
    }

    fn text(&self) -> Result<&'a str, Error> {
        std::str::from_utf8(self.raw).map_err(|_| Error::new("the body is not text"))
    }
}

/// What is wrong with an expression or template at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset and length inside the text given.
    pub at: usize,
    pub len: usize,
    pub message: String,
    pub help: Option<String>,
}

/// Why an evaluation gave nothing. The text names the path, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}
