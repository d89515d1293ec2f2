//! The step limit of one evaluation: CEL itself has none, and nested macros multiply.
//!
//! Before an expression is run, [`meter`] rewrites it so that whatever a macro walks over, and
//! whatever is copied or searched inside a macro, is charged by size first. Running out is
//! remembered, because `||` and `&&` may swallow the error: the evaluation then ends as an error
//! whatever it returned. Knows of CEL, not of JSON.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cel::common::ast::{CallExpr, Expr as Node, operators};
use cel::common::types::{CelBytes, CelString, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{ExecutionError, IdedExpr};

/// Steps of one evaluation, about 10 ms.
const LIMIT: usize = 20_000;
/// Text is charged by length, so that a macro cannot copy a large body over and over.
const BYTES_PER_STEP: usize = 256;

/// The function and the variable that [`meter`] writes. No expression can write an `@` itself.
pub(super) const CHARGE: &str = "@charge";
pub(super) const COUNTER: &str = "@steps";

pub(super) static STEPS_TYPE: Type = Type::new_unspecified_type("signalpost.steps");

/// The counter of one evaluation; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<AtomicUsize>);

impl Steps {
    /// False once the limit is passed, and from then on.
    pub(super) fn take(&self, steps: usize) -> bool {
        // Capped, so that no sum of charges can wrap around.
        let steps = steps.min(LIMIT + 1);
        self.0.fetch_add(steps, Ordering::Relaxed) + steps <= LIMIT
    }

    pub(super) fn exhausted(&self) -> bool {
        self.0.load(Ordering::Relaxed) > LIMIT
    }
}

impl Val for Steps {
    fn get_type(&self) -> &Type {
        &STEPS_TYPE
    }

    fn cel_type() -> &'static Type {
        &STEPS_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Steps {}

/// `@charge(value, @steps)`: the value itself, once it is paid for.
pub(super) fn charge<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut args = args.into_iter();
    let (Some(value), Some(counter)) = (args.next(), args.next()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    match counter.downcast_ref::<Steps>() {
        Some(steps) if steps.take(cost(value.as_ref())) => Ok(value),
        _ => Err(ExecutionError::function_error(CHARGE, "too many steps")),
    }
}

fn cost(value: &dyn Val) -> usize {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        text.inner().len() / BYTES_PER_STEP
    } else if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        bytes.inner().len() / BYTES_PER_STEP
    } else {
        value.as_sizer().map_or(0, |sizer| {
            usize::try_from(sizer.size().into_inner()).unwrap_or(usize::MAX)
        })
    }
}

/// Makes an expression pay for its loops. True if it has any, and so needs [`COUNTER`].
pub(super) fn meter(expr: &mut IdedExpr) -> bool {
    visit(expr, false)
}

fn visit(expr: &mut IdedExpr, looping: bool) -> bool {
    match &mut expr.expr {
        Node::Call(call) => visit_call(call, looping),
        Node::Comprehension(macro_) => {
            visit(&mut macro_.iter_range, looping);
            wrap(&mut macro_.iter_range);
            visit(&mut macro_.loop_step, true);
            visit(&mut macro_.result, true);
            true
        }
        Node::List(list) => list
            .elements
            .iter_mut()
            .fold(false, |found, element| visit(element, looping) || found),
        Node::Map(map) => map.entries.iter_mut().fold(false, |found, entry| {
            use cel::common::ast::EntryExpr::{MapEntry, StructField};
            match &mut entry.expr {
                MapEntry(entry) => {
                    let key = visit(&mut entry.key, looping);
                    visit(&mut entry.value, looping) || key || found
                }
                StructField(field) => visit(&mut field.value, looping) || found,
            }
        }),
        Node::Select(select) => visit(&mut select.operand, looping),
        Node::Ident(_) | Node::Literal(_) | Node::Struct(_) | Node::Unspecified => false,
    }
}

fn visit_call(call: &mut CallExpr, looping: bool) -> bool {
    let mut found = false;
    for operand in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
        found |= visit(operand, looping);
    }
    if looping {
        match call.func_name.as_str() {
            operators::IN => call.args.iter_mut().skip(1).for_each(wrap),
            // `@result + [x]` is the macro's own way of growing its list, and cheap as it stands.
            operators::ADD if !call.args.first().is_some_and(is_accumulator) => {
                call.args.iter_mut().for_each(wrap);
            }
            "contains" | "matches" | "endsWith" | "bytes" | "string" => {
                let operands = call.target.as_deref_mut().into_iter().chain(&mut call.args);
                operands.for_each(wrap);
            }
            _ => {}
        }
    }
    found
}

fn is_accumulator(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Node::Ident(name) if name.starts_with('@'))
}

fn wrap(expr: &mut IdedExpr) {
    if matches!(expr.expr, Node::Literal(_)) {
        return;
    }
    let inner = std::mem::take(expr);
    let counter = IdedExpr {
        id: 0,
        expr: Node::Ident(COUNTER.to_owned()),
    };
    expr.id = inner.id;
    expr.expr = Node::Call(CallExpr {
        func_name: CHARGE.to_owned(),
        target: None,
        args: vec![inner, counter],
    });
}
