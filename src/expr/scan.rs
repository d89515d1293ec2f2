//! Finds the `${…}` of a template. A brace inside a CEL string or map does not end it.

use std::ops::Range;

use super::Fault;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    /// Where the expression stands between its braces.
    Expr(Range<usize>),
}

/// Splits a template; neighbouring literals are one piece.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(found) = rest.find("${") else {
            literal.push_str(rest);
            break;
        };
        let (before, from_here) = rest.split_at(found);
        if let Some(escaped) = before.strip_suffix('$') {
            literal.push_str(escaped);
            literal.push_str("${");
            at += found + 2;
            continue;
        }
        literal.push_str(before);
        let open = at + found;
        let Some(end) = closing_brace(from_here.get(2..).unwrap_or_default()) else {
            return Err(Fault {
                at: open,
                len: text.len() - open,
                message: "`${` is never closed".to_owned(),
                help: Some(
                    "write `}` after the expression, or `$${` for a literal `${`".to_owned(),
                ),
            });
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Expr(open + 2..open + 2 + end));
        at = open + 2 + end + 1;
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// The offset of the brace that ends an expression.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    let mut before = ' ';
    while let Some(rest) = text.get(at..) {
        let here = rest.chars().next()?;
        match here {
            '\'' | '"' => {
                at += quoted(rest, here, matches!(before, 'r' | 'R'))?;
                before = ' ';
                continue;
            }
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        before = here;
        at += here.len_utf8();
    }
    None
}

/// Length of the CEL string that `text` begins with; in a raw one a backslash is only itself.
fn quoted(text: &str, quote: char, raw: bool) -> Option<usize> {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let end = if text.starts_with(&triple) {
        triple
    } else {
        quote.to_string()
    };
    let mut at = end.len();
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with(&end) {
            return Some(at + end.len());
        }
        let mut chars = rest.chars();
        let here = chars.next()?;
        at += here.len_utf8();
        if here == '\\' && !raw {
            at += chars.next()?.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        split(text)
            .unwrap()
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => format!("={text}"),
                Piece::Expr(range) => text[range].to_owned(),
            })
            .collect()
    }

    #[test]
    fn braces_in_strings_and_maps_do_not_end_an_expression() {
        assert_eq!(pieces("a-${b}-c"), ["=a-", "b", "=-c"]);
        assert_eq!(pieces("${'}'}${{'a': {}}}"), ["'}'", "{'a': {}}"]);
        assert_eq!(pieces(r#"${"\"}"}x"#), [r#""\"}""#, "=x"]);
        assert_eq!(pieces(r"${r'\'}x"), [r"r'\'", "=x"]);
        assert_eq!(pieces("${'''a'}'''}"), ["'''a'}'''"]);
        assert_eq!(pieces("${''}x"), ["''", "=x"]);
    }

    #[test]
    fn two_dollars_write_one() {
        assert_eq!(pieces("$${a} costs $5"), ["=${a} costs $5"]);
        assert_eq!(pieces("$$${a}"), ["=$${a}"]);
        assert_eq!(pieces("é$${é${b}"), ["=é${é", "b"]);
    }

    #[test]
    fn an_open_expression_is_a_fault_where_it_begins() {
        for text in ["ab${body.id", "ab${'}", "ab${{}"] {
            let fault = split(text).unwrap_err();
            assert_eq!((fault.at, fault.at + fault.len), (2, text.len()), "{text}");
        }
    }
}
