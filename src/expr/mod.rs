//! CEL expressions, `${…}` templates and JSON values: what routes.toml computes with.
//!
//! Compiled once at load, evaluated per event without converting the body. Pure: no clock, no I/O.
//! May import `event` and what lies below it.

pub mod template;
pub mod value;

use serde_json::Value;

use crate::event::Content;

/// Which names an expression may use; anything else is a fault at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(pub &'static [&'static str]);

impl Scope {
    /// `when`, `workflow`, `args` of a route.
    pub const ROUTE: Self = Self(&["body", "headers", "query", "event", "claims"]);
    /// `event.key`, `event.type`, `event.time` of a source.
    pub const SOURCE: Self = Self(&["body", "headers", "query", "claims"]);
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
    /// Lower-case names; a repeated one reads as its values joined by ", ".
    pub headers: &'a [(String, String)],
    /// A repeated one reads as its first value.
    pub query: &'a [(String, String)],
    pub path: &'a [(String, String)],
    pub claims: Option<&'a Value>,
    pub roles: &'a [String],
    pub event: Option<EventFields<'a>>,
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

/// One compiled CEL expression.
#[derive(Debug)]
pub struct Expr {}

impl Expr {
    pub fn compile(_text: &str, _scope: Scope) -> Result<Self, Fault> {
        unimplemented!()
    }
    /// A bool, or an error (a field that is not there, another type, too many steps).
    pub fn test(&self, _vars: &Variables<'_>) -> Result<bool, Error> {
        unimplemented!()
    }
    pub fn value(&self, _vars: &Variables<'_>) -> Result<Value, Error> {
        unimplemented!()
    }
    /// As text inside a longer string: text as it is, numbers as sent, `true`/`false`; else an error.
    pub fn text(&self, _vars: &Variables<'_>) -> Result<String, Error> {
        unimplemented!()
    }
    /// As JSON text; a plain path gives the text exactly as sent.
    pub fn json(&self, _vars: &Variables<'_>) -> Result<String, Error> {
        unimplemented!()
    }
    /// The top-level names that the expression reads, such as `headers`.
    #[must_use]
    pub fn reads(&self, _name: &str) -> bool {
        unimplemented!()
    }
    /// `body.data.id` → `["body", "data", "id"]`; `headers['x-id']` → `["headers", "x-id"]`; none for anything but a plain path.
    #[must_use]
    pub fn plain_path(&self) -> Option<&[String]> {
        unimplemented!()
    }
    /// The value of an expression that reads no variable (`true`, `1 == 2`).
    #[must_use]
    pub fn constant(&self) -> Option<Value> {
        unimplemented!()
    }
}
