//! Every path that a Rust source names, whichever way it is written.
//!
//! Works on tokens, so that comments and strings do not count, and what stands in a macro, in a nested
//! list or over several lines does. `self` and `super` are resolved against the module they stand in.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

/// The paths of `text`, the source of `module` (`["inbox", "embedded"]`), in order. Those of this crate
/// begin with `crate`.
pub(crate) fn paths(module: &[String], text: &str) -> Vec<Named> {
    let tokens = TokenStream::from_str(text).expect("Rust source");
    let mut found = Vec::new();
    walk(&tokens.into_iter().collect::<Vec<_>>(), module, &mut found);
    found
}

fn walk(tokens: &[TokenTree], module: &[String], found: &mut Vec<Named>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(name) if name == "mod" => {
                // `mod tests { … }`: one module further in.
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let inner = [module, &[name.to_string()]].concat();
                    walk(
                        &body.stream().into_iter().collect::<Vec<_>>(),
                        &inner,
                        found,
                    );
                    at += 2;
                }
                at += 1;
            }
            TokenTree::Ident(name) => {
                let line = name.span().start().line;
                at = path(tokens, at, &[], line, module, found);
            }
            TokenTree::Group(group) => {
                walk(
                    &group.stream().into_iter().collect::<Vec<_>>(),
                    module,
                    found,
                );
                at += 1;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
        }
    }
}

/// Reads the path that begins at `at`, behind the segments of an enclosing list; where it ends.
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    before: &[String],
    line: usize,
    module: &[String],
    found: &mut Vec<Named>,
) -> usize {
    let mut segments = before.to_vec();
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(name)) => segments.push(name.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => segments.push("*".to_owned()),
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
                let items: Vec<_> = list.stream().into_iter().collect();
                for item in items.split(|token| is_punct(Some(token), ',')) {
                    if let Some(first) = item.first() {
                        let line = first.span().start().line;
                        path(item, 0, &segments, line, module, found);
                    }
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
            break;
        }
        at += 2;
    }
    found.push(Named {
        line,
        segments: resolve(segments, module),
    });
    at
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// `super::super::a` in `b::c` is `crate::a`; `self` inside a list is the list's own module.
fn resolve(segments: Vec<String>, module: &[String]) -> Vec<String> {
    let relative = segments.len() > 1 && matches!(segments[0].as_str(), "self" | "super");
    let mut absolute = Vec::new();
    if relative {
        absolute.push("crate".to_owned());
        absolute.extend_from_slice(module);
    }
    for segment in segments {
        match segment.as_str() {
            "super" if relative => drop(absolute.pop()),
            "self" => {}
            _ => absolute.push(segment),
        }
    }
    absolute
}
