//! `"order-${body.id}"`: text with CEL expressions in it, parsed once.

use std::ops::Range;

use super::{Error, Fault, Scope, Variables};

/// A string of routes.toml with `${…}` in it. `$${` writes a literal `${`.
#[derive(Debug)]
pub struct Template {}

impl Template {
    pub fn compile(_text: &str, _scope: Scope) -> Result<Self, Fault> {
        unimplemented!()
    }
    pub fn text(&self, _vars: &Variables<'_>) -> Result<String, Error> {
        unimplemented!()
    }
    /// Workflow ids: one text, or each of the list that a lone `${…}` yields.
    pub fn list(&self, _vars: &Variables<'_>) -> Result<Vec<String>, Error> {
        unimplemented!()
    }
    /// The text, where there is no expression in it.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        unimplemented!()
    }
    /// Whether some literal text stands beside the expressions.
    #[must_use]
    pub fn has_constant_part(&self) -> bool {
        unimplemented!()
    }
}

/// A value as written in routes.toml, before its templates are compiled.
#[derive(Clone, Debug)]
pub enum Written {
    /// A string and where its content stands in the file.
    Text(String, Range<usize>),
    /// JSON text of a number, bool or date.
    Literal(String),
    List(Vec<Written>),
    Map(Vec<(String, Written)>),
}

/// A whole value (`args`) whose strings are templates.
#[derive(Debug)]
pub struct JsonTemplate {}

impl JsonTemplate {
    /// All faults, each with the range of the string it stands in.
    pub fn compile(_written: &Written, _scope: Scope) -> Result<Self, Vec<(Range<usize>, Fault)>> {
        unimplemented!()
    }
    /// JSON text. A string that is exactly one `${…}` keeps the value's type and exact text.
    pub fn json(&self, _vars: &Variables<'_>) -> Result<String, Error> {
        unimplemented!()
    }
}
