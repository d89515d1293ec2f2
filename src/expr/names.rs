//! Which names an expression may use. CEL finds an unknown name only when it runs into it, which
//! may be months after the file was loaded; here it is found at load.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr as Node, LiteralValue};

use super::Scope;
use super::doubts::{self, Doubt};

/// Functions of CEL's standard library, and its macros.
pub(super) const FUNCTIONS: [&str; 39] = [
    "all",
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "exists",
    "existsOne",
    "exists_one",
    "filter",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "has",
    "hasValue",
    "int",
    "map",
    "matches",
    "none",
    "of",
    "ofNonZeroValue",
    "or",
    "orValue",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
    "value",
];

/// Names of types, as in `type(body.id) == string`.
const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// The first unknown thing in an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// CEL's number of the node, for its place in the text.
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Variable,
    Function,
    /// `Some.Type{…}`: no such types are known.
    Construction,
}

/// What an expression reads.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Top-level names, each once.
    pub(super) names: Vec<&'static str>,
    /// Their fields as in `path.order_id`: (`path`, `order_id`).
    pub(super) fields: Vec<(&'static str, String)>,
    /// Constant arguments of `matches`.
    pub(super) patterns: Vec<String>,
}

pub(super) fn check(expr: &IdedExpr, scope: Scope) -> Result<(Reads, Vec<Doubt>), Unknown> {
    let mut names = Names {
        scope,
        bound: Vec::new(),
        reads: Reads::default(),
        doubts: Vec::new(),
    };
    names.visit(expr)?;
    Ok((names.reads, names.doubts))
}

struct Names<'e> {
    scope: Scope,
    /// Variables of the macros around this place, innermost last.
    bound: Vec<&'e str>,
    reads: Reads,
    doubts: Vec<Doubt>,
}

impl<'e> Names<'e> {
    fn visit(&mut self, expr: &'e IdedExpr) -> Result<(), Unknown> {
        match &expr.expr {
            Node::Ident(name) => self.variable(expr.id, name),
            Node::Select(select) => {
                self.field(&select.operand, &select.field);
                self.visit(&select.operand)
            }
            Node::Call(call) => self.call(expr.id, call),
            Node::List(list) => list.elements.iter().try_for_each(|it| self.visit(it)),
            Node::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key)?;
                    self.visit(&entry.value)
                }
                EntryExpr::StructField(field) => self.visit(&field.value),
            }),
            Node::Comprehension(macro_) => {
                self.visit(&macro_.iter_range)?;
                self.visit(&macro_.accu_init)?;
                let outside = self.bound.len();
                self.bound.push(&macro_.iter_var);
                self.bound.extend(macro_.iter_var2.as_deref());
                self.visit(&macro_.loop_cond)?;
                self.visit(&macro_.loop_step)?;
                self.bound.truncate(outside);
                self.visit(&macro_.result)
            }
            Node::Struct(made) => Err(Unknown {
                id: expr.id,
                name: made.type_name.clone(),
                kind: Kind::Construction,
            }),
            Node::Literal(_) | Node::Unspecified => Ok(()),
        }
    }

    fn variable(&mut self, id: u64, name: &'e str) -> Result<(), Unknown> {
        // Names with an `@` are the macros' own.
        if name.starts_with('@') || self.bound.contains(&name) {
            return Ok(());
        }
        if let Some(known) = self.scope.0.iter().find(|known| **known == name) {
            if !self.reads.names.contains(known) {
                self.reads.names.push(known);
            }
            return Ok(());
        }
        if TYPES.contains(&name) {
            return Ok(());
        }
        Err(Unknown {
            id,
            name: name.to_owned(),
            kind: Kind::Variable,
        })
    }

    fn field(&mut self, operand: &IdedExpr, field: &str) {
        if let Node::Ident(name) = &operand.expr
            && !self.bound.contains(&name.as_str())
            && let Some(known) = self.scope.0.iter().find(|known| *known == name)
        {
            self.reads.fields.push((known, field.to_owned()));
        }
    }

    fn call(&mut self, id: u64, call: &'e CallExpr) -> Result<(), Unknown> {
        let name = call.func_name.as_str();
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !FUNCTIONS.contains(&name) {
            return Err(Unknown {
                id,
                name: name.to_owned(),
                kind: Kind::Function,
            });
        }
        if name == "matches"
            && let Some(Node::Literal(LiteralValue::String(text))) =
                call.args.last().map(|arg| &arg.expr)
        {
            self.reads.patterns.push(text.inner().to_owned());
        }
        self.doubts.extend(doubts::of(id, call, &self.bound));
        if let Some(target) = &call.target
            && !is_optional_namespace(target, name)
        {
            self.visit(target)?;
        }
        call.args.iter().try_for_each(|arg| self.visit(arg))
    }
}

/// `optional.of(x)` is one name to CEL, though it parses as a call on a variable.
fn is_optional_namespace(target: &IdedExpr, function: &str) -> bool {
    matches!(&target.expr, Node::Ident(name) if name == "optional")
        && matches!(function, "none" | "of" | "ofNonZeroValue")
}

/// The known name that was probably meant.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = if name.chars().count() < 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|candidate| {
            (
                distance(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(x != *y);
            diagonal = *above;
            left = changed.min(left + 1).min(diagonal + 1);
            *above = left;
        }
    }
    if a.is_empty() {
        b.len()
    } else {
        row.last().copied().unwrap_or(0)
    }
}
