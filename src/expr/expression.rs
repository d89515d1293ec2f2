//! One compiled CEL expression: checked at load, evaluated per event.
//!
//! A plain path never enters CEL; anything else runs with a step counter over JSON seen in place.

use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr as Node, LiteralValue, operators};
use cel::common::types::DYN_TYPE;
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, IdedExpr};
use serde_json::Value;

use super::names::Reads;
use super::path::Path;
use super::steps::{self, Steps};
use super::syntax::Parsed;
use super::view::View;
use super::{Error, Fault, Scope, Variables, exact, json, node, outcome, syntax};

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
    pub(super) path: Option<Path>,
    reads: Box<Reads>,
    /// It has macros, and so needs the step counter as a variable.
    metered: bool,
    constant: Option<Value>,
    doubts: Vec<Fault>,
}

impl Expr {
    pub fn compile(text: &str, scope: Scope) -> Result<Self, Fault> {
        let Parsed {
            mut root,
            reads,
            doubts,
        } = syntax::parse(&ENV, text, scope)?;
        if let Some(bad) = reads.patterns.iter().find(|it| !is_pattern(it)) {
            return Err(pattern_fault(text, bad));
        }
        let path = Path::of(&root).filter(|_| !reads.names.is_empty());
        order_comparisons(&mut root);
        let metered = steps::meter(&mut root);
        let mut expr = Self {
            text: text.to_owned(),
            root,
            path,
            reads: Box::new(reads),
            metered,
            constant: None,
            doubts,
        };
        expr.constant = if expr.reads.names.is_empty() {
            expr.value(&Variables::default()).ok()
        } else {
            decided(&expr.root).map(Value::Bool)
        };
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
    pub(super) fn texts(&self, vars: &Variables<'_>) -> Result<Vec<String>, Error> {
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
        self.reads.names.contains(&name)
    }

    /// The fields that it reads of a top-level name, as in `path.order_id`.
    pub fn fields<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e str> {
        let fields = self.reads.fields.iter();
        fields.filter_map(move |(root, field)| (*root == name).then_some(field.as_str()))
    }

    /// `body.data.id` → `["body", "data", "id"]`; `headers['x-id']` → `["headers", "x-id"]`; none for anything but a plain path.
    #[must_use]
    pub fn plain_path(&self) -> Option<&[String]> {
        self.path.as_ref().map(Path::names)
    }

    /// The value of an expression that has the same for every event (`true`, `1 == 2`, `true || body.x`).
    #[must_use]
    pub fn constant(&self) -> Option<Value> {
        self.constant.clone()
    }

    /// What in it CEL takes and nobody can mean.
    #[must_use]
    pub fn doubts(&self) -> &[Fault] {
        &self.doubts
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.text
    }

    /// How the expression is called in an error.
    pub(super) fn what(&self) -> String {
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
        for name in &self.reads.names {
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

/// CEL finds a bad pattern only when it runs into it.
fn is_pattern(pattern: &str) -> bool {
    let text = format!("''.matches({})", Value::from(pattern));
    match syntax::parse(&ENV, &text, Scope(&[])) {
        Ok(parsed) => run(&parsed.root, &Context::with_env(Arc::clone(&ENV))).is_ok(),
        // Too long to be tried.
        Err(_) => true,
    }
}

fn pattern_fault(text: &str, pattern: &str) -> Fault {
    let at = text.find(pattern);
    Fault {
        at: at.unwrap_or(0),
        len: at.map_or(text.len(), |_| pattern.len()),
        message: "this is no regular expression".to_owned(),
        help: Some("a bracket without its partner, or a `*` behind nothing?".to_owned()),
    }
}

/// What `||` and `&&` come to whatever the variables are: `x || true` holds even where `x` is an error.
fn decided(expr: &IdedExpr) -> Option<bool> {
    match &expr.expr {
        Node::Literal(LiteralValue::Boolean(value)) => Some(*value.inner()),
        Node::Call(call) => {
            let ends_it = match call.func_name.as_str() {
                operators::LOGICAL_OR => true,
                operators::LOGICAL_AND => false,
                _ => return None,
            };
            let sides: Vec<_> = call.args.iter().map(decided).collect();
            if sides.contains(&Some(ends_it)) {
                return Some(ends_it);
            }
            sides
                .iter()
                .all(|side| *side == Some(!ends_it))
                .then_some(!ends_it)
        }
        _ => None,
    }
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
        .map(|element| match json::read(element.as_bytes()) {
            Some(Value::Number(_)) => Ok(element.to_owned()),
            Some(value) => outcome::to_text(value, what),
            None => Err(Error(format!("{what} is not JSON"))),
        })
        .collect()
}
