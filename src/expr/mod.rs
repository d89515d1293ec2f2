//! CEL expressions, `${…}` templates and JSON values: what routes.toml computes with.
//!
//! Compiled once at load, evaluated per event without converting the body. Pure: no clock, no I/O.
//! May import `event` and what lies below it.
//!
//! `syntax` and `names` turn text into a checked tree, `path` takes the plain paths out of CEL's
//! hands, `view` and `node` show JSON to CEL, `exact` cuts text out of the raw body, `steps` bounds
//! the work, `outcome` reads the result.

mod exact;
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
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr as Node, operators};
use cel::common::types::DYN_TYPE;
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, IdedExpr};
use serde_json::Value;

use crate::event::Content;
use path::Path;
use steps::Steps;
use view::View;

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

/// Building the standard library costs more than twenty evaluations, so there is one.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    let args = vec![DYN_TYPE, steps::STEPS_TYPE.to_owned()];
    let added = env.add_overload(steps::CHARGE, steps::CHARGE, args, steps::charge);
    debug_assert!(added.is_ok(), "the name is not CEL's");
    Arc::new(env)
});

/// One compiled CEL expression.
#[derive(Debug)]
pub struct Expr {
    text: String,
    root: IdedExpr,
    path: Option<Path>,
    reads: Vec<&'static str>,
    /// It has macros, and so needs the step counter as a variable.
    metered: bool,
    constant: Option<Value>,
}

impl Expr {
    pub fn compile(text: &str, scope: Scope) -> Result<Self, Fault> {
        let (mut root, reads) = syntax::parse(&ENV, text, scope)?;
        let path = Path::of(&root).filter(|_| !reads.is_empty());
        order_comparisons(&mut root);
        let metered = steps::meter(&mut root);
        let mut expr = Self {
            text: text.to_owned(),
            root,
            path,
            reads,
            metered,
            constant: None,
        };
        if expr.reads.is_empty() {
            expr.constant = expr.value(&Variables::default()).ok();
        }
        Ok(expr)
    }

    /// A bool, or an error (a field that is not there, another type, too many steps).
    pub fn test(&self, vars: &Variables<'_>) -> Result<bool, Error> {
        match self.value(vars)? {
            Value::Bool(answer) => Ok(answer),
            _ => Err(Error(format!("{} is not true or false", self.what()))),
        }
    }

    pub fn value(&self, vars: &Variables<'_>) -> Result<Value, Error> {
        match &self.path {
            Some(path) => Ok(path.find(vars)?.to_json()),
            None => self.evaluate(vars, outcome::to_json),
        }
    }

    /// As text inside a longer string: text as it is, numbers as sent, `true`/`false`; else an error.
    pub fn text(&self, vars: &Variables<'_>) -> Result<String, Error> {
        let Some(path) = &self.path else {
            return outcome::to_text(self.value(vars)?, &self.what());
        };
        match path.find(vars)? {
            View::Text(text) => Ok(text.into_owned()),
            // What is neither i64 nor u64 has lost its spelling in the parsed value.
            View::Json(Value::Number(number)) if number.is_f64() => match path.exact(vars) {
                Some(exact) => exact.map(str::to_owned),
                None => Ok(number.to_string()),
            },
            View::Json(Value::Array(_) | Value::Object(_)) => Err(Error(format!(
                "{path} is a list or a map, which has no text"
            ))),
            view => outcome::to_text(view.to_json(), &self.what()),
        }
    }

    /// The texts of a list's elements, or the one text of anything else.
    fn texts(&self, vars: &Variables<'_>) -> Result<Vec<String>, Error> {
        let what = format!("an element of {}", self.what());
        if let Some(path) = &self.path {
            return match path.find(vars)? {
                View::Json(Value::Array(list)) => match path.exact(vars) {
                    Some(exact) => element_texts(exact?, &what),
                    None => list
                        .iter()
                        .map(|element| outcome::to_text(element.clone(), &what))
                        .collect(),
                },
                _ => self.text(vars).map(|text| vec![text]),
            };
        }
        match self.value(vars)? {
            Value::Array(list) => list
                .into_iter()
                .map(|element| outcome::to_text(element, &what))
                .collect(),
            value => outcome::to_text(value, &self.what()).map(|text| vec![text]),
        }
    }

    /// As JSON text; a plain path gives the text exactly as sent.
    pub fn json(&self, vars: &Variables<'_>) -> Result<String, Error> {
        let Some(path) = &self.path else {
            return Ok(self.value(vars)?.to_string());
        };
        let view = path.find(vars)?;
        match path.exact(vars) {
            Some(exact) => exact.map(str::to_owned),
            None => Ok(view.to_json().to_string()),
        }
    }

    /// The top-level names that the expression reads, such as `headers`.
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        self.reads.contains(&name)
    }

    /// `body.data.id` → `["body", "data", "id"]`; `headers['x-id']` → `["headers", "x-id"]`; none for anything but a plain path.
    #[must_use]
    pub fn plain_path(&self) -> Option<&[String]> {
        self.path.as_ref().map(Path::names)
    }

    /// The value of an expression that reads no variable (`true`, `1 == 2`).
    #[must_use]
    pub fn constant(&self) -> Option<Value> {
        self.constant.clone()
    }

    /// How the expression is called in an error.
    fn what(&self) -> String {
        match &self.path {
            Some(path) => path.to_string(),
            None => format!("`{}`", self.text.trim()),
        }
    }

    fn evaluate<T>(
        &self,
        vars: &Variables<'_>,
        read: impl FnOnce(&dyn Val) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let steps = Steps::default();
        let mut context = Context::with_env(Arc::clone(&ENV));
        for name in &self.reads {
            let value = node::wrap(View::root(name, vars)?, &steps);
            context.add_variable_as_val(*name, value);
        }
        if self.metered {
            context.add_variable_as_val(steps::COUNTER, Box::new(steps.clone()));
        }
        let outcome = run(&self.root, &context)
            .map_err(|error| outcome::sentence(&error, &self.text))
            .and_then(|value| read(value.as_ref()));
        if steps.exhausted() {
            return Err(Error(format!("{} takes too many steps", self.what())));
        }
        outcome
    }
}

fn run<'e, 'v>(
    root: &'e IdedExpr,
    context: &'e Context<'_, 'v>,
) -> Result<CowVal<'e, 'v>, ExecutionError> {
    cel::Value::resolve_val(root, context)
}

/// CEL asks the left side whether it equals the right one, and its own lists and maps do not know
/// ours: `['a'] == body.tags` is turned around.
fn order_comparisons(expr: &mut IdedExpr) {
    match &mut expr.expr {
        Node::Call(call) => {
            for operand in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                order_comparisons(operand);
            }
            if matches!(
                call.func_name.as_str(),
                operators::EQUALS | operators::NOT_EQUALS
            ) && let [left, right] = call.args.as_mut_slice()
                && Path::of(left).is_none()
                && Path::of(right).is_some()
            {
                std::mem::swap(left, right);
            }
        }
        Node::Comprehension(made) => {
            order_comparisons(&mut made.iter_range);
            order_comparisons(&mut made.loop_step);
            order_comparisons(&mut made.result);
        }
        Node::Select(select) => order_comparisons(&mut select.operand),
        Node::List(list) => list.elements.iter_mut().for_each(order_comparisons),
        Node::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    order_comparisons(&mut entry.value);
                }
            }
        }
        Node::Ident(_) | Node::Literal(_) | Node::Struct(_) | Node::Unspecified => {}
    }
}

/// Texts cut out of a list of the body as sent.
fn element_texts(list: &str, what: &str) -> Result<Vec<String>, Error> {
    let elements = exact::elements(list).unwrap_or_default();
    elements
        .into_iter()
        .map(|element| match serde_json::from_str(element) {
            Ok(Value::Number(_)) => Ok(element.to_owned()),
            Ok(value) => outcome::to_text(value, what),
            Err(_) => Err(Error(format!("{what} is not JSON"))),
        })
        .collect()
}
