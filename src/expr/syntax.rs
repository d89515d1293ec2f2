//! From the text of an expression to CEL's syntax tree, or a fault at its place in the text.
//!
//! CEL's parser speaks of its grammar ("mismatched input … expecting {…}"); whoever edits a
//! routing file is told in our own words, at the same place.

use std::thread;

use cel::common::ast::{EntryExpr, Expr as Node, SourceInfo};
use cel::{Env, IdedExpr, ParseError, ParseErrors};

use super::doubts::Doubt;
use super::names::{self, Kind, Reads, Unknown};
use super::{Fault, Scope, foreign};

/// Bounds what one line of the file can make the parser do.
const MAX_TEXT: usize = 4096;
/// Evaluation recurses once per level.
const MAX_DEPTH: usize = 32;
/// Brackets inside brackets. CEL's parser takes up to 200 KB of stack for each.
const MAX_NESTING: u16 = 24;
const PARSER_STACK: usize = 16 * 1024 * 1024;

/// What a text says.
pub(super) struct Parsed {
    pub(super) root: IdedExpr,
    pub(super) reads: Reads,
    /// What CEL takes and nobody can mean.
    pub(super) doubts: Vec<Fault>,
}

pub(super) fn parse(env: &Env, text: &str, scope: Scope) -> Result<Parsed, Fault> {
    let whole = |message: &str| fault(text, 0, text.len(), message.to_owned());
    if text.trim().is_empty() {
        return Err(whole("the expression is empty"));
    }
    if text.len() > MAX_TEXT {
        return Err(whole("the expression is longer than 4096 bytes"));
    }
    let (expr, source) = parse_apart(env, text)
        .unwrap_or_else(|| Err(ParseErrors { errors: Vec::new() }))
        .map_err(|errors| syntax_fault(text, &errors))?;
    if depth(&expr) > MAX_DEPTH {
        return Err(whole("the expression is nested too deeply"));
    }
    let (reads, doubts) = names::check(&expr, scope)
        .map_err(|unknown| unknown_fault(text, &source, scope, &unknown))?;
    let placed = |doubt| placed_doubt(text, &source, doubt);
    Ok(Parsed {
        root: expr,
        reads,
        doubts: doubts.into_iter().map(placed).collect(),
    })
}

/// On a stack of its own, unless it is shallow: a deep expression in a new file must not end a running gateway, and ten thousand
/// threads for ten thousand routes would be most of what a reload costs.
fn parse_apart(env: &Env, text: &str) -> Option<Result<(IdedExpr, SourceInfo), ParseErrors>> {
    let parser = || {
        env.parser()
            .max_recursion_depth(MAX_NESTING)
            .parse_with_source_info(text)
    };
    if is_shallow(text) {
        return Some(parser());
    }
    thread::scope(|scope| {
        let apart = thread::Builder::new().stack_size(PARSER_STACK);
        apart.spawn_scoped(scope, parser).ok()?.join().ok()
    })
}

/// Three levels at the most, which any thread has the stack for.
fn is_shallow(text: &str) -> bool {
    let count = |any: &[char]| text.matches(any).count();
    text.len() <= 256 && count(&['(', '[', '{']) <= 2 && count(&['?', '!', '-']) <= 4
}

fn fault(text: &str, at: usize, len: usize, message: String) -> Fault {
    let at = at.min(text.len());
    Fault {
        at,
        len: len.min(text.len() - at),
        message,
        help: None,
    }
}

fn depth(expr: &IdedExpr) -> usize {
    let deepest = |parts: &mut dyn Iterator<Item = &IdedExpr>| parts.map(depth).max().unwrap_or(0);
    1 + match &expr.expr {
        Node::Call(call) => deepest(&mut call.target.as_deref().into_iter().chain(&call.args)),
        Node::Select(select) => depth(&select.operand),
        Node::List(list) => deepest(&mut list.elements.iter()),
        Node::Map(map) => deepest(&mut map.entries.iter().flat_map(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
            EntryExpr::StructField(field) => vec![&field.value],
        })),
        Node::Comprehension(made) => {
            deepest(&mut [&made.iter_range, &made.loop_step, &made.result].into_iter())
        }
        Node::Ident(_) | Node::Literal(_) | Node::Struct(_) | Node::Unspecified => 0,
    }
}

/// CEL counts characters, a [`Fault`] bytes.
fn byte_offset(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at)
}

fn syntax_fault(text: &str, errors: &ParseErrors) -> Fault {
    let Some(first) = errors.errors.first() else {
        return fault(text, 0, text.len(), "this is no CEL expression".to_owned());
    };
    let line = usize::try_from(first.pos.0 - 1).unwrap_or(0);
    let column = usize::try_from(first.pos.1 - 1).unwrap_or(0);
    let line_start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(line_start..).unwrap_or_default();
    let mut at = line_start + byte_offset(rest, column);
    // The parser may point behind an assignment's `=`, or at the space before a word.
    at += text
        .get(at..)
        .map_or(0, |rest| rest.len() - rest.trim_start().len());
    let token = token_at(text, at);
    let too_deep = |error: &ParseError| error.msg.contains("Recursion limit");
    let message = if errors.errors.iter().any(too_deep) {
        "the expression is nested too deeply".to_owned()
    } else if token.is_empty() {
        "the expression ends too early".to_owned()
    } else if token.starts_with(['\'', '"']) && !is_closed(token) {
        "this text has no closing quote".to_owned()
    } else if first.msg.starts_with("Syntax error") {
        format!("`{token}` is not expected here")
    } else {
        "CEL does not allow this here".to_owned()
    };
    let before = text.get(..at).unwrap_or_default().trim_end();
    if before.split(|c| !is_word(c)).next_back() == Some("not") {
        let word = fault(
            text,
            before.len() - 3,
            3,
            "`not` is not known here".to_owned(),
        );
        return Fault {
            help: Some("write `!`".to_owned()),
            ..word
        };
    }
    if let Some(sign) = foreign::sign(text) {
        let fault = fault(text, sign.at.start, sign.at.len(), sign.message);
        return Fault {
            help: Some(sign.help.to_owned()),
            ..fault
        };
    }
    let mut fault = fault(text, at, token.len(), message);
    fault.help = match token {
        "=" => Some("write `==` to compare".to_owned()),
        "and" | "AND" | "&" => Some("write `&&`".to_owned()),
        "or" | "OR" | "|" => Some("write `||`".to_owned()),
        "$" => Some("the whole text is an expression: leave `${` and `}` away".to_owned()),
        "," => Some("a list stands in square brackets: `x in ['a', 'b']`".to_owned()),
        "" => foreign::ending(text).map(str::to_owned),
        _ => foreign::word(token, before)
            .or_else(|| {
                let unsaid = !first.msg.starts_with("Syntax error");
                unsaid.then(|| foreign::ending(text)).flatten()
            })
            .map(str::to_owned),
    };
    fault
}

/// The word, quoted text or sign that stands at `at`.
fn token_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return "";
    };
    let end = if is_word(first) {
        rest.find(|c| !is_word(c))
    } else if matches!(first, '\'' | '"') {
        rest.char_indices()
            .skip(1)
            .find(|(_, c)| *c == first)
            .map(|(end, _)| end + 1)
    } else {
        Some(first.len_utf8())
    };
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_closed(quoted: &str) -> bool {
    quoted.len() > 1 && quoted.chars().next() == quoted.chars().next_back()
}

/// Where a node stands; of an operator, its sign.
fn place(text: &str, source: &SourceInfo, id: u64) -> usize {
    let start = source.offset_for(id).map(|(start, _)| start);
    let start = start.and_then(|start| usize::try_from(start).ok());
    start.map_or(0, |start| byte_offset(text, start))
}

fn placed_doubt(text: &str, source: &SourceInfo, doubt: Doubt) -> Fault {
    let at = word_near(text, &doubt.word, place(text, source, doubt.id));
    Fault {
        help: doubt.help,
        ..fault(text, at, doubt.word.len(), doubt.message)
    }
}

fn unknown_fault(text: &str, source: &SourceInfo, scope: Scope, unknown: &Unknown) -> Fault {
    let name = unknown.name.as_str();
    let at = word_near(text, name, place(text, source, unknown.id));
    let (message, meant) = match unknown.kind {
        Kind::Variable => (
            format!("`{name}` is not known here"),
            names::nearest(name, scope.0.iter().copied()),
        ),
        Kind::Function => (
            format!("there is no function `{name}`"),
            names::nearest(name, names::FUNCTIONS),
        ),
        Kind::Construction => (format!("there is no type `{name}`"), None),
    };
    let mut fault = fault(text, at, name.len(), message);
    let before = text.get(..fault.at).unwrap_or_default();
    let foreign = match unknown.kind {
        Kind::Variable => foreign::variable(name, before),
        Kind::Function => foreign::function(name),
        Kind::Construction => None,
    };
    if let Some(help) = foreign {
        fault.help = Some(help.to_owned());
        return fault;
    }
    fault.help = match (meant, unknown.kind) {
        (Some(meant), _) => Some(format!("did you mean `{meant}`?")),
        (None, Kind::Variable) => Some(format!(
            "known here: {}; text stands in quotes",
            scope.0.join(", ")
        )),
        (None, Kind::Function) => Some(
            "known: contains, endsWith, exists, filter, has, matches, size, startsWith and the rest of CEL"
                .to_owned(),
        ),
        (None, Kind::Construction) => None,
    };
    fault
}

/// Where `name` stands as a word of its own, closest to `near`: of a call CEL remembers the place
/// of its parenthesis or dot only.
fn word_near(text: &str, name: &str, near: usize) -> usize {
    text.match_indices(name)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = text
                .get(..*at)
                .and_then(|before| before.chars().next_back());
            let after = text
                .get(at + name.len()..)
                .and_then(|after| after.chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
        .min_by_key(|at| at.abs_diff(near))
        .unwrap_or(near)
}
