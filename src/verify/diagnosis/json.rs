//! A JSON text written anew in the styles of common libraries, its numbers and the order of its keys as they are.
//!
//! Works on the text alone, so that `1.0` stays `1.0`: what a parser would lose is not what is looked for here.

use serde::de::IgnoredAny;

/// How a library writes JSON.
#[derive(Clone, Copy)]
pub(super) struct Style {
    layout: Layout,
    strings: Strings,
    sorted: bool,
}

#[derive(Clone, Copy)]
enum Layout {
    Compact,
    /// `, ` and `: `.
    Spaced,
    Indented(&'static str),
}

#[derive(Clone, Copy)]
enum Strings {
    AsTheyAre,
    /// Everything beyond ASCII as `\uXXXX`.
    Ascii,
    /// No `\uXXXX` that need not be one.
    Unescaped,
    SlashesEscaped,
    SlashesPlain,
}

const LAYOUTS: [(Layout, &str); 5] = [
    (Layout::Compact, "compact JSON"),
    (
        Layout::Spaced,
        "JSON with a space after `,` and `:`, as Python writes it",
    ),
    (Layout::Indented("  "), "JSON indented by two spaces"),
    (Layout::Indented("    "), "JSON indented by four spaces"),
    (Layout::Indented("\t"), "JSON indented by tabs"),
];
const STRINGS: [(Strings, &str); 5] = [
    (Strings::AsTheyAre, ""),
    (Strings::Ascii, ", everything beyond ASCII as `\\u` escapes"),
    (Strings::Unescaped, ", without `\\u` escapes"),
    (Strings::SlashesEscaped, ", each `/` as `\\/`"),
    (Strings::SlashesPlain, ", each `\\/` as `/`"),
];

enum Node<'t> {
    /// A number, a literal or a string with its quotes, as written.
    Scalar(&'t str),
    List(Vec<Node<'t>>),
    Map(Vec<(&'t str, Node<'t>)>),
}

/// Every style with its name; none where the text is no JSON.
pub(super) fn rewrites(text: &str) -> impl Iterator<Item = (String, String)> + use<'_> {
    // The parser bounds the depth, so that the reader below need not.
    let valid = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let root = valid.then(|| Reader { text, at: 0 }.node()).flatten();
    root.into_iter().flat_map(|root| {
        let styles = [false, true].into_iter().flat_map(|sorted| {
            STRINGS.into_iter().flat_map(move |(strings, how)| {
                LAYOUTS.into_iter().map(move |(layout, name)| {
                    let keys = if sorted { ", its keys sorted" } else { "" };
                    let style = Style {
                        layout,
                        strings,
                        sorted,
                    };
                    (format!("{name}{how}{keys}"), style)
                })
            })
        });
        styles.map(move |(name, style)| {
            let mut out = String::new();
            style.write(&root, 0, &mut out);
            (name, out)
        })
    })
}

/// Over a text that is known to be JSON.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn node(&mut self) -> Option<Node<'t>> {
        match self.peek()? {
            b'[' => self.items(b']', Self::node).map(Node::List),
            b'{' => self.items(b'}', Self::entry).map(Node::Map),
            _ => self.scalar().map(Node::Scalar),
        }
    }

    fn items<T>(&mut self, end: u8, item: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == end => {
                    self.at += 1;
                    return Some(items);
                }
                _ => items.push(item(self)?),
            }
        }
    }

    fn entry(&mut self) -> Option<(&'t str, Node<'t>)> {
        let key = self.scalar()?;
        self.peek().filter(|&byte| byte == b':')?;
        self.at += 1;
        Some((key, self.node()?))
    }

    fn scalar(&mut self) -> Option<&'t str> {
        let first = self.peek()?;
        let rest = self.text.get(self.at..)?;
        let length = if first == b'"' {
            string_length(rest)?
        } else {
            let end = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}' | ':');
            rest.find(end).unwrap_or(rest.len())
        };
        self.at += length;
        rest.get(..length).filter(|text| !text.is_empty())
    }
}

/// With both quotes.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

impl Style {
    fn write(self, node: &Node<'_>, depth: usize, out: &mut String) {
        match node {
            Node::Scalar(text) => self.scalar(text, out),
            Node::List(items) => self.group('[', ']', items, depth, out, |item, out| {
                self.write(item, depth + 1, out);
            }),
            Node::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                if self.sorted {
                    entries.sort_by_key(|(key, _)| *key);
                }
                self.group('{', '}', &entries, depth, out, |(key, value), out| {
                    self.scalar(key, out);
                    out.push_str(match self.layout {
                        Layout::Compact => ":",
                        Layout::Spaced | Layout::Indented(_) => ": ",
                    });
                    self.write(value, depth + 1, out);
                });
            }
        }
    }

    fn group<T>(
        self,
        open: char,
        close: char,
        items: &[T],
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(&T, &mut String),
    ) {
        out.push(open);
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            match self.layout {
                Layout::Indented(by) => line(by, depth + 1, out),
                Layout::Spaced if number > 0 => out.push(' '),
                Layout::Spaced | Layout::Compact => {}
            }
            write(item, out);
        }
        if let (Layout::Indented(by), false) = (self.layout, items.is_empty()) {
            line(by, depth, out);
        }
        out.push(close);
    }

    fn scalar(self, text: &str, out: &mut String) {
        if !text.starts_with('"') {
            return out.push_str(text);
        }
        match self.strings {
            Strings::AsTheyAre => out.push_str(text),
            Strings::Ascii => ascii(text, out),
            Strings::SlashesPlain => slashes(text, "/", out),
            Strings::SlashesEscaped => slashes(text, "\\/", out),
            Strings::Unescaped => {
                let value = serde_json::from_str::<String>(text).ok();
                let written = value.and_then(|value| serde_json::to_string(&value).ok());
                out.push_str(written.as_deref().unwrap_or(text));
            }
        }
    }
}

fn line(by: &str, depth: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str(by);
    }
}

/// Each slash, escaped or not, as `slash`.
fn slashes(text: &str, slash: &str, out: &mut String) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' => out.push_str(slash),
            '\\' => match chars.next() {
                Some('/') => out.push_str(slash),
                escaped => out.extend([Some(c), escaped].into_iter().flatten()),
            },
            c => out.push(c),
        }
    }
}

fn ascii(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Into text: this cannot fail.
                let _written: std::fmt::Result = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str, name: &str) -> String {
        let found = rewrites(text).find(|(style, _)| style == name);
        found.expect("a style of this name").1
    }

    #[test]
    fn numbers_and_order_stay_and_the_rest_follows_the_style() {
        let text = "{ \"b\" : [1.0, 1e2,[ ]],\n \"a\":\"x/\\u00e9\" }";
        assert_eq!(
            written(text, "compact JSON"),
            r#"{"b":[1.0,1e2,[]],"a":"x/\u00e9"}"#
        );
        assert_eq!(
            written(text, "compact JSON, without `\\u` escapes, its keys sorted"),
            "{\"a\":\"x/é\",\"b\":[1.0,1e2,[]]}"
        );
        assert_eq!(
            written(text, "JSON indented by two spaces"),
            "{\n  \"b\": [\n    1.0,\n    1e2,\n    []\n  ],\n  \"a\": \"x/\\u00e9\"\n}"
        );
        assert_eq!(rewrites("{\"a\":}").count(), 0);
    }

    proptest! {
        /// Whatever the style, it says the same.
        #[test]
        fn a_rewrite_says_the_same(text in "[\\[\\]{}:,\"a0-9.eé/ \\\\\\n-]{0,60}", key in "\\PC{0,8}") {
            let made = serde_json::json!({ key.clone(): [key, {}], "n": [1.5, null, "a/b"] }).to_string();
            for text in [text, made] {
                let value = serde_json::from_str::<serde_json::Value>(&text).ok();
                for (style, rewritten) in rewrites(&text) {
                    prop_assert_eq!(serde_json::from_str(&rewritten).ok(), value.clone(), "{}", style);
                }
            }
        }
    }
}
