//! `"order-${body.id}"`: text with CEL expressions in it, parsed once; and whole values whose
//! strings are such texts.

use std::ops::Range;

use serde_json::Value;

use super::scan::{self, Piece};
use super::{Error, Expr, Fault, Scope, Variables};

/// Ids, names and the like; far beyond what any of them may be.
const MAX_TEXT: usize = 64 * 1024;
/// Twice what Temporal takes as one payload.
const MAX_JSON: usize = 4 * 1024 * 1024;

/// A string of routes.toml with `${…}` in it. `$${` writes a literal `${`.
#[derive(Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
    doubts: Vec<Fault>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Expr(Expr),
}

impl Template {
    pub fn compile(text: &str, scope: Scope) -> Result<Self, Fault> {
        let mut doubts = Vec::new();
        let part = |piece| match piece {
            Piece::Literal(text) => Ok(Part::Literal(text)),
            Piece::Expr(range) => {
                let at = range.start;
                let inner = text.get(range).unwrap_or_default();
                let expr = Expr::compile(inner, scope).map_err(|fault| placed(fault, at))?;
                doubts.extend(expr.doubts().iter().map(|it| placed(it.clone(), at)));
                Ok(Part::Expr(expr))
            }
        };
        let pieces = scan::split(text)?;
        let parts = pieces.into_iter().map(part).collect::<Result<_, _>>()?;
        Ok(Self {
            source: text.to_owned(),
            parts,
            doubts,
        })
    }

    pub fn text(&self, vars: &Variables<'_>) -> Result<String, Error> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expr(expr) => text.push_str(&expr.text(vars)?),
            }
            bounded(&text)?;
        }
        Ok(text)
    }

    /// Workflow ids: one text, or each of the list that a lone `${…}` yields.
    pub fn list(&self, vars: &Variables<'_>) -> Result<Vec<String>, Error> {
        match self.lone() {
            Some(expr) => {
                let texts = expr.texts(vars)?;
                texts.iter().try_for_each(|text| bounded(text))?;
                Ok(texts)
            }
            None => Ok(vec![self.text(vars)?]),
        }
    }

    /// What in its expressions CEL takes and nobody can mean.
    #[must_use]
    pub fn doubts(&self) -> &[Fault] {
        &self.doubts
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text, where there is no expression in it.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The literal text that it begins with; empty where it begins with an expression.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// Whether some literal text stands beside the expressions.
    #[must_use]
    pub fn has_constant_part(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, Part::Literal(_)))
    }

    /// The fields that its expressions read of a top-level name.
    pub fn fields<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        self.parts.iter().flat_map(move |part| {
            let expr = match part {
                Part::Expr(expr) => Some(expr),
                Part::Literal(_) => None,
            };
            expr.into_iter().flat_map(move |expr| expr.fields(name))
        })
    }

    /// The expression, where the text is exactly one `${…}`.
    fn lone(&self) -> Option<&Expr> {
        match self.parts.as_slice() {
            [Part::Expr(expr)] => Some(expr),
            _ => None,
        }
    }
}

fn bounded(text: &str) -> Result<(), Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::new("the text is longer than 64 KiB"));
    }
    Ok(())
}

/// Moves a fault from the expression to the template around it; an empty `${}` is marked whole.
fn placed(fault: Fault, at: usize) -> Fault {
    if fault.len == 0 && fault.at == 0 {
        return Fault {
            at: at - 2,
            len: 3,
            ..fault
        };
    }
    Fault {
        at: fault.at + at,
        ..fault
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
pub struct JsonTemplate {
    root: Node,
    doubts: Vec<Found>,
}

/// A fault, and the range of the string it stands in.
type Found = (Range<usize>, Fault);

#[derive(Debug)]
enum Node {
    Literal(String),
    Text(Template),
    List(Vec<Node>),
    /// Keys as JSON text.
    Map(Vec<(String, Node)>),
}

impl JsonTemplate {
    /// All faults.
    pub fn compile(written: &Written, scope: Scope) -> Result<Self, Vec<Found>> {
        let (mut faults, mut doubts) = (Vec::new(), Vec::new());
        let root = Node::compile(written, scope, &mut faults, &mut doubts);
        if faults.is_empty() {
            Ok(Self { root, doubts })
        } else {
            Err(faults)
        }
    }

    /// What in its templates CEL takes and nobody can mean.
    #[must_use]
    pub fn doubts(&self) -> &[Found] {
        &self.doubts
    }

    /// The fields that its templates read of a top-level name.
    #[must_use]
    pub fn fields(&self, name: &str) -> Vec<String> {
        let mut fields = Vec::new();
        self.root.collect_fields(name, &mut fields);
        fields
    }

    /// JSON text of the value as it was written, its templates as text.
    #[must_use]
    pub fn source(&self) -> String {
        let mut json = String::new();
        // Nothing is evaluated, so there is nothing to fail.
        let _written: Result<(), Error> = self.root.put(&mut json, &|template, json| {
            json.push_str(&quote(template.source()));
            Ok(())
        });
        json
    }

    /// JSON text. A string that is exactly one `${…}` keeps the value's type and exact text.
    pub fn json(&self, vars: &Variables<'_>) -> Result<String, Error> {
        let mut json = String::new();
        self.root.put(&mut json, &|template, json| {
            match template.lone() {
                Some(expr) => json.push_str(&expr.json(vars)?),
                None => json.push_str(&quote(&template.text(vars)?)),
            }
            Ok(())
        })?;
        Ok(json)
    }
}

impl Node {
    fn collect_fields(&self, name: &str, fields: &mut Vec<String>) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => fields.extend(template.fields(name).map(str::to_owned)),
            Self::List(items) => items.iter().for_each(|it| it.collect_fields(name, fields)),
            Self::Map(entries) => entries
                .iter()
                .for_each(|(_, it)| it.collect_fields(name, fields)),
        }
    }

    fn compile(
        written: &Written,
        scope: Scope,
        faults: &mut Vec<Found>,
        doubts: &mut Vec<Found>,
    ) -> Self {
        match written {
            Written::Text(text, range) => match Template::compile(text, scope) {
                Ok(template) => {
                    let found = template.doubts.iter().cloned();
                    doubts.extend(found.map(|doubt| (range.clone(), doubt)));
                    match template.constant() {
                        Some(text) => Self::Literal(quote(text)),
                        None => Self::Text(template),
                    }
                }
                Err(fault) => {
                    faults.push((range.clone(), fault));
                    Self::List(Vec::new())
                }
            },
            Written::Literal(json) => Self::Literal(json.clone()),
            Written::List(list) => {
                let nodes = list.iter();
                let nodes = nodes.map(|it| Self::compile(it, scope, faults, doubts));
                Self::List(nodes.collect())
            }
            Written::Map(map) => Self::Map(
                map.iter()
                    .map(|(key, it)| (quote(key), Self::compile(it, scope, faults, doubts)))
                    .collect(),
            ),
        }
    }

    /// Writes the value; what stands for a template, `text` decides.
    fn put<F>(&self, json: &mut String, text: &F) -> Result<(), Error>
    where
        F: Fn(&Template, &mut String) -> Result<(), Error>,
    {
        match self {
            Self::Literal(literal) => json.push_str(literal),
            Self::Text(template) => text(template, json)?,
            Self::List(list) => {
                json.push('[');
                for (index, node) in list.iter().enumerate() {
                    separate(json, index);
                    node.put(json, text)?;
                }
                json.push(']');
            }
            Self::Map(map) => {
                json.push('{');
                for (index, (key, node)) in map.iter().enumerate() {
                    separate(json, index);
                    json.push_str(key);
                    json.push(':');
                    node.put(json, text)?;
                }
                json.push('}');
            }
        }
        if json.len() > MAX_JSON {
            return Err(Error::new("the arguments are larger than 4 MiB"));
        }
        Ok(())
    }
}

fn separate(json: &mut String, index: usize) {
    if index > 0 {
        json.push(',');
    }
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
