//! Plain paths: `body.data.id`, `body.items[0].x`, `headers['x-id']`.
//!
//! Most expressions of a routing file are one. A plain path is walked without CEL, names the part
//! that is missing when there is one, and over a JSON body gives the text exactly as it was sent.

use cel::IdedExpr;
use cel::common::ast::{Expr as Node, LiteralValue, operators};

use super::exact::{self, Segment};
use super::view::View;
use super::{Error, Variables};
use crate::event::Content;

#[derive(Debug)]
pub(super) struct Path {
    /// The segments as text, the top-level name first.
    names: Vec<String>,
    segments: Vec<Segment>,
}

impl Path {
    /// None where the expression is more than a path.
    pub(super) fn of(expr: &IdedExpr) -> Option<Self> {
        let mut segments = Vec::new();
        let mut expr = expr;
        let root = loop {
            expr = match &expr.expr {
                Node::Ident(name) => break name.clone(),
                Node::Select(select) if !select.test => {
                    segments.push(Segment::Key(select.field.clone()));
                    &select.operand
                }
                Node::Call(call) if call.func_name == operators::INDEX => {
                    let [operand, index] = call.args.as_slice() else {
                        return None;
                    };
                    segments.push(literal(index)?);
                    operand
                }
                _ => return None,
            };
        };
        segments.reverse();
        if root == "headers"
            && let Some(Segment::Key(name)) = segments.first_mut()
        {
            name.make_ascii_lowercase();
        }
        let mut names = vec![root];
        names.extend(segments.iter().map(|segment| match segment {
            Segment::Key(name) => name.clone(),
            Segment::Index(index) => index.to_string(),
        }));
        Some(Self { names, segments })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    fn root(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    pub(super) fn find<'a>(&self, vars: &Variables<'a>) -> Result<View<'a>, Error> {
        let mut view = View::root(self.root(), vars)?;
        for (depth, segment) in self.segments.iter().enumerate() {
            let inner = match segment {
                Segment::Key(name) => view.field(name),
                Segment::Index(index) => view.element(*index),
            };
            view =
                inner.ok_or_else(|| Error(format!("{} is not there", self.prefix(depth + 1))))?;
        }
        Ok(view)
    }

    /// The JSON text as sent, for a JSON body.
    pub(super) fn exact<'a>(&self, vars: &Variables<'a>) -> Option<Result<&'a str, Error>> {
        let body = match self.root() {
            "body" => vars.body.as_ref(),
            "request" => vars.whole(),
            _ => None,
        }?;
        if !matches!(body.content, Content::Json(_)) {
            return None;
        }
        Some(body.text().and_then(|raw| {
            exact::cut(raw, &self.segments).ok_or_else(|| Error(format!("{self} is not there")))
        }))
    }

    fn prefix(&self, segments: usize) -> String {
        let mut text = format!("`{}", self.root());
        for segment in self.segments.iter().take(segments) {
            let part = match segment {
                Segment::Key(name) if is_identifier(name) => format!(".{name}"),
                Segment::Key(name) => format!("['{name}']"),
                Segment::Index(index) => format!("[{index}]"),
            };
            text.push_str(&part);
        }
        text.push('`');
        text
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.prefix(self.segments.len()))
    }
}

fn literal(index: &IdedExpr) -> Option<Segment> {
    match &index.expr {
        Node::Literal(LiteralValue::String(key)) => Some(Segment::Key(key.inner().to_owned())),
        Node::Literal(LiteralValue::Int(index)) => {
            usize::try_from(*index.inner()).ok().map(Segment::Index)
        }
        _ => None,
    }
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
