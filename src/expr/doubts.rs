//! Comparisons that CEL takes and nobody can mean: told from the text alone, at load.
//!
//! Knows the types of literals, of what functions yield, and of names that hold text alone; of what is in a body it
//! knows nothing, and says nothing then.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr as Node, LiteralValue, operators};

use super::path::Path;

/// One comparison, at a word or sign near a node of this number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) id: u64,
    pub(super) word: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What a comparison tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    List,
    Number,
    Text,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::List => "a list",
            Self::Number => "a number",
            Self::Text => "text",
        }
    }
}

/// Tables of text.
const TEXTS: [&str; 4] = ["headers", "query", "path", "event"];

/// Whether this call compares what cannot be compared; `bound` are the macros' variables around it.
pub(super) fn of(id: u64, call: &CallExpr, bound: &[&str]) -> Option<Doubt> {
    let (sign, comes) = sign(&call.func_name)?;
    let [left, right] = call.args.as_slice() else {
        return None;
    };
    if let Some(doubt) = length(left, right).or_else(|| length(right, left)) {
        return Some(doubt);
    }
    let kinds = (kind(left, bound)?, kind(right, bound)?);
    if kinds.0 == kinds.1 {
        return None;
    }
    let (one, other) = (kinds.0.name(), kinds.1.name());
    Some(Doubt {
        id,
        word: sign.to_owned(),
        message: format!("{one} is compared with {other}: that {comes}"),
        help: help(kinds, sign, is_quoted(left) || is_quoted(right)).map(str::to_owned),
    })
}

/// The sign, and what comes of it between different kinds.
fn sign(function: &str) -> Option<(&str, &'static str)> {
    let comes = match function {
        operators::EQUALS => "is never so",
        operators::NOT_EQUALS => "is always so",
        operators::GREATER
        | operators::GREATER_EQUALS
        | operators::LESS
        | operators::LESS_EQUALS => "is an error each time",
        _ => return None,
    };
    Some((function.trim_matches('_'), comes))
}

/// `body.items.length > 2`, as other languages count. In brackets the field is meant: that is no habit.
fn length(side: &IdedExpr, other: &IdedExpr) -> Option<Doubt> {
    let Node::Select(select) = &side.expr else {
        return None;
    };
    let counts = match select.field.as_str() {
        "length" => true,
        // A body may well say how many there are.
        "count" => !matches!(select.operand.expr, Node::Ident(_)),
        _ => false,
    };
    if !counts || select.test || !is_number(other) {
        return None;
    }
    let field = &select.field;
    let counted = Path::of(&select.operand).map_or_else(|| "…".to_owned(), |it| it.to_string());
    let counted = counted.trim_matches('`');
    Some(Doubt {
        id: side.id,
        word: field.clone(),
        message: format!("`.{field}` reads a field of that name: CEL does not count so"),
        help: Some(format!(
            "write `size({counted})`; if there is such a field, `{counted}['{field}']`"
        )),
    })
}

fn is_number(expr: &IdedExpr) -> bool {
    matches!(
        expr.expr,
        Node::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_))
    )
}

fn is_quoted(expr: &IdedExpr) -> bool {
    matches!(expr.expr, Node::Literal(LiteralValue::String(_)))
}

fn help(kinds: (Kind, Kind), sign: &str, quoted: bool) -> Option<&'static str> {
    match kinds {
        (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) if quoted => {
            Some("a number has no quotes")
        }
        (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) if matches!(sign, "==" | "!=") => {
            Some("a number in quotes is text, and `int(…)` makes a number of text")
        }
        (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) => {
            Some("`int(…)` makes a number of text, as in `int(query.limit) > 5`")
        }
        (Kind::Text, Kind::List) | (Kind::List, Kind::Text) => {
            Some("`'ops' in roles` asks whether it is one of them")
        }
        (Kind::Text, Kind::Bool) | (Kind::Bool, Kind::Text) if quoted => {
            Some("`true` and `false` have no quotes")
        }
        _ => None,
    }
}

/// None: the text alone does not tell. Null is none: it stands for what may be absent.
fn kind(expr: &IdedExpr, bound: &[&str]) -> Option<Kind> {
    match &expr.expr {
        Node::Literal(LiteralValue::Boolean(_)) => Some(Kind::Bool),
        Node::Literal(LiteralValue::String(_)) => Some(Kind::Text),
        Node::Literal(_) => is_number(expr).then_some(Kind::Number),
        Node::List(_) => Some(Kind::List),
        Node::Ident(name) => (name == "roles" && !bound.contains(&"roles")).then_some(Kind::List),
        Node::Select(select) if select.test => Some(Kind::Bool),
        Node::Select(select) => is_text(&select.operand, bound).then_some(Kind::Text),
        Node::Call(call) => yields(call, bound),
        Node::Comprehension(_) | Node::Map(_) | Node::Struct(_) | Node::Unspecified => None,
    }
}

fn is_text(table: &IdedExpr, bound: &[&str]) -> bool {
    matches!(&table.expr, Node::Ident(name)
        if TEXTS.contains(&name.as_str()) && !bound.contains(&name.as_str()))
}

fn yields(call: &CallExpr, bound: &[&str]) -> Option<Kind> {
    match call.func_name.as_str() {
        "size" | "int" | "uint" | "double" => Some(Kind::Number),
        "string" => Some(Kind::Text),
        "bool" | "contains" | "startsWith" | "endsWith" | "matches" | operators::LOGICAL_NOT => {
            Some(Kind::Bool)
        }
        operators::INDEX => {
            let table = call.args.first()?;
            is_text(table, bound).then_some(Kind::Text)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Expr, Fault, Scope, Variables};

    fn doubts(text: &str) -> Vec<Fault> {
        Expr::compile(text, Scope::ROUTE).unwrap().doubts().to_vec()
    }

    fn marked<'t>(text: &'t str, doubt: &Fault) -> &'t str {
        text.get(doubt.at..doubt.at + doubt.len).unwrap()
    }

    #[test]
    fn what_counts_in_other_languages_is_said() {
        for (text, word, help) in [
            (
                "body.items.length > 2",
                "length",
                "write `size(body.items)`",
            ),
            ("0 != body.length", "length", "write `size(body)`"),
            ("body.items[0].tags.length == 1", "length", "size("),
            (
                "body.items.count >= 1u",
                "count",
                "write `size(body.items)`",
            ),
            ("body.a.exists(x, x.tags.length > 1)", "length", "size("),
        ] {
            let found = doubts(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(marked(text, &found[0]), word);
            let said = found[0].help.as_deref().unwrap();
            assert!(said.contains(help), "{said}");
        }
    }

    #[test]
    fn what_may_be_meant_is_left_alone() {
        for text in [
            "size(body.items) > 2",
            "body.items.size() > 2",
            "body.items['length'] > 2",
            "body.count > 2",
            "has(body.items.length) && body.items.length > body.least",
            "body.length == 'long'",
            "body.amount > 5 && body.amount == '5'",
            "headers['x-n'] == '5' && headers.host != null",
            "int(headers['x-n']) > 5 && double(query.a) < 1",
            "query.a == body.a && query.a == claims.a",
            "body.a.exists(headers, headers.n > 5)",
            "type(body.id) == string",
            "event.type in ['a', 'b']",
            "[1] == body.a && has(body.a) == true",
            "body.a + 1 > 'a'.size() - 2",
            "timestamp(event.received_at) > timestamp('2026-08-01T12:00:00Z')",
        ] {
            assert_eq!(doubts(text), [], "{text}");
        }
        let roles = Expr::compile("'ops' in roles && roles == ['a']", Scope::ACCESS);
        assert_eq!(roles.unwrap().doubts(), []);
    }

    #[test]
    fn kinds_that_never_agree_are_said_at_the_sign() {
        for (text, sign, help) in [
            ("headers['x-n'] > 5", ">", "`int(…)`"),
            ("5 <= query.limit", "<=", "`int(…)`"),
            ("event.type == 5", "==", "`int(…)`"),
            ("string(body.n) < 5", "<", "`int(…)`"),
            ("size(body.items) >= '3'", ">=", "no quotes"),
            ("body.a.startsWith('x') == 'true'", "==", "no quotes"),
            ("body.x == 'é' && '1' != 1", "!=", "no quotes"),
            ("headers.a == ['b']", "==", "one of them"),
        ] {
            let found = doubts(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(marked(text, &found[0]), sign, "{text}");
            let said = found[0].help.as_deref().unwrap_or_default();
            assert!(said.contains(help), "{text}: {said}");
        }
        let roles = Expr::compile("roles == 'ops'", Scope::ACCESS).unwrap();
        assert_eq!(roles.doubts().len(), 1);
    }

    /// A literal, or a name that holds text.
    const SIDES: [&str; 12] = [
        "1",
        "-2",
        "3u",
        "1.5",
        "'1'",
        "''",
        "true",
        "['1']",
        "query.a",
        "headers['a']",
        "size('1')",
        "string(1)",
    ];

    proptest! {
        #[test]
        fn what_is_doubted_is_never_an_answer(
            one in prop::sample::select(&SIDES[..]),
            other in prop::sample::select(&SIDES[..]),
            sign in prop::sample::select(&["==", "!=", "<", "<=", ">", ">="][..]),
        ) {
            let text = format!("{one} {sign} {other}");
            let expr = Expr::compile(&text, Scope::ROUTE).unwrap();
            let table = [("a".to_owned(), "1".to_owned())];
            let vars = Variables { query: &table, headers: &table, ..Variables::default() };
            let answer = expr.test(&vars).ok();
            if !expr.doubts().is_empty() {
                let expected = match sign { "==" => Some(false), "!=" => Some(true), _ => None };
                prop_assert_eq!(answer, expected, "{}", text);
            }
        }
    }
}
