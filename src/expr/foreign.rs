//! Habits of other languages in an expression, and what CEL has in their place.
//!
//! Advice alone: CEL has refused the text already. Knows words and signs, nothing of what they are used on.

use std::ops::Range;

/// A sign that CEL does not have: where it stands, what is said of it, and the help.
pub(super) struct Sign {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// Looked for in this order; those that the parser stumbles over elsewhere count wherever they stand.
const SIGNS: [(&str, &str); 8] = [
    ("===", "write `==`"),
    ("!==", "write `!=`"),
    (
        "=>",
        "as in `body.items.exists(item, item.price > 3)`: the name, a comma, the condition",
    ),
    ("=~", "as in `body.type.matches('^pay')`"),
    ("??", "as in `has(body.amount) ? body.amount : 0`"),
    ("?.", "`has(body.order.id)` asks whether it is there"),
    ("<>", "write `!=`"),
    ("**", "CEL does not raise to a power"),
];

/// The first sign of another language outside quotes.
pub(super) fn sign(text: &str) -> Option<Sign> {
    let bare = without_quoted(text);
    let found = SIGNS.into_iter().find_map(|(sign, help)| {
        let at = bare.find(sign)?;
        Some((at..at + sign.len(), sign, help))
    });
    if let Some((at, sign, help)) = found {
        return Some(Sign {
            at,
            message: format!("CEL has no `{sign}`"),
            help,
        });
    }
    let quote = bare.char_indices().find(|(_, c)| is_curly(*c))?;
    Some(Sign {
        at: quote.0..quote.0 + quote.1.len_utf8(),
        message: "these are no quotes".to_owned(),
        help: "the quotes of CEL are `'` and `\"`",
    })
}

const fn is_curly(c: char) -> bool {
    matches!(c, '“' | '”' | '„' | '‘' | '’' | '«' | '»')
}

/// The same text with blanks in the place of what is quoted, byte for byte.
fn without_quoted(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut open = None;
    let mut escaped = false;
    for c in text.chars() {
        let quoted = open.is_some();
        match open {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if c == quote => open = None,
            None if matches!(c, '\'' | '"') => open = Some(c),
            _ => {}
        }
        if quoted || open.is_some() {
            bare.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            bare.push(c);
        }
    }
    bare
}

/// For a word that CEL did not expect, by the word before it too.
pub(super) fn word(token: &str, before: &str) -> Option<&'static str> {
    let last = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next();
    match (token, last) {
        ("is" | "IS", _) => Some("write `==`, or `has(body.field)` for what may be absent"),
        ("not" | "NOT", _) => Some("as in `!(body.type in ['a', 'b'])`"),
        ("like" | "LIKE", _) => {
            Some("as in `body.type.startsWith('pay')`; also endsWith, contains and matches")
        }
        ("between" | "BETWEEN", _) => Some("as in `body.amount >= 1 && body.amount <= 9`"),
        (_, Some("typeof")) => Some("as in `type(body.id) == string`"),
        (";", _) => Some("an expression ends without a sign"),
        _ => None,
    }
}

/// For an end that came too early.
pub(super) fn ending(text: &str) -> Option<&'static str> {
    let bare = without_quoted(text);
    let count = |sign: char| bare.matches(sign).count();
    if count('(') > count(')') {
        return Some("a `(` is not closed");
    }
    if count('[') > count(']') {
        return Some("a `[` is not closed");
    }
    (count('?') > count(':')).then_some("`condition ? one : other` needs its `:`")
}

/// For a name that nobody has given.
pub(super) fn variable(name: &str, before: &str) -> Option<&'static str> {
    match name {
        "True" | "TRUE" => return Some("write `true`"),
        "False" | "FALSE" => return Some("write `false`"),
        "None" | "nil" | "undefined" | "NULL" | "Null" => {
            return Some("write `null`; what may be absent is asked for by `has(body.field)`");
        }
        _ => {}
    }
    let mut signs = before.chars().rev();
    let joined = signs.next() == Some('-') && signs.next().is_some_and(char::is_alphanumeric);
    joined.then_some("a name with `-` in it stands in brackets: `headers['x-name']`")
}

/// For a function that there is not.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "includes" | "indexOf" | "contain" => {
            "as in `'vip' in body.tags` for a list, `body.text.contains('vip')` for text"
        }
        "length" | "len" | "count" => "as in `size(body.items)`",
        "parseInt" | "parseFloat" | "Number" | "number" | "toInt" => {
            "as in `int(body.amount)` or `double(body.amount)`"
        }
        "toString" | "String" | "str" => "as in `string(body.id)`",
        "some" | "any" => "as in `body.items.exists(item, item.price > 3)`",
        "every" => "as in `body.items.all(item, item.price > 3)`",
        "match" | "test" | "regex" | "search" => "as in `body.type.matches('^pay')`",
        "isEmpty" | "empty" => "as in `size(body.items) == 0`",
        "exist" | "isSet" | "defined" => "as in `has(body.order.id)`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sign_counts_outside_quotes_alone() {
        for (text, found) in [
            ("a === 'b'", Some(2..5)),
            ("a !== 'b'", Some(2..5)),
            ("a == '==='", None),
            ("a == 'it\\'s ??' && b ?? c", Some(21..23)),
            ("a == ‘b’", Some(5..8)),
            ("a ? b : c", None),
        ] {
            assert_eq!(sign(text).map(|sign| sign.at), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_sign_stands_where_it_is_said(text in "[a-z'\"\\\\=?.>é‘ ]{0,40}") {
            prop_assert_eq!(without_quoted(&text).len(), text.len());
            if let Some(sign) = sign(&text) {
                prop_assert!(text.get(sign.at).is_some());
            }
            let _end: Option<&str> = ending(&text);
        }
    }
}
