//! The text of routes.toml with its lines: from byte offsets to what a person sees.
//!
//! Finds line and column of an offset, the place in the file of a character inside a string with
//! escapes, and draws a line with its caret. Decides nothing about what is wrong. Secrets are masked
//! here, so that no other place needs to think of them. Imports nothing of this crate.

use std::ops::Range;

/// Longer lines are cut around the caret.
const SHOWN_BEFORE: usize = 80;
const SHOWN: usize = 160;

const MASK: &str = "***";

/// Some editors begin a file with it; nobody sees it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file's name and text.
#[derive(Debug)]
pub(super) struct SourceText<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
    line_starts: Vec<usize>,
    /// Byte ranges that are never shown.
    masks: Vec<Range<usize>>,
}

/// One line as shown, and where its caret stands in it, in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) caret: usize,
    pub(super) width: usize,
}

impl<'t> SourceText<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            masks: Vec::new(),
        }
    }

    pub(super) fn mask(&mut self, ranges: impl IntoIterator<Item = Range<usize>>) {
        self.masks.extend(ranges);
    }

    /// Line and column, both from 1; columns count characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let index = self.line_index(offset);
        let start = self.line_starts.get(index).copied().unwrap_or(0);
        let before = self.text.get(start..offset.max(start)).unwrap_or("");
        (
            index + 1,
            before.trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1,
        )
    }

    /// The first line of `span` with a caret under the part of the span that stands in it.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let index = self.line_index(span.start);
        let start = self.line_starts.get(index).copied().unwrap_or(0);
        let line = self.text.get(start..).and_then(|rest| rest.lines().next());
        let mut shown = Shown::default();
        let mut masked = false;
        for (at, c) in line.unwrap_or("").char_indices() {
            let offset = start + at;
            shown.mark(offset, span);
            if c == BYTE_ORDER_MARK {
                continue;
            }
            let mask = self.masks.iter().any(|mask| mask.contains(&offset));
            match (mask, masked) {
                (true, true) => {}
                (true, false) => shown.chars.extend(MASK.chars()),
                (false, _) => shown.chars.push(if c.is_control() { ' ' } else { c }),
            }
            masked = mask;
        }
        shown.finish()
    }

    /// Where characters `at..at + len` (in bytes) of a string's content stand in the file, given the
    /// span of the whole string with its quotes.
    pub(super) fn inside(&self, string: &Range<usize>, at: usize, len: usize) -> Range<usize> {
        let raw = self.text.get(string.clone()).unwrap_or("");
        let start = string.start + raw_offset(raw, at);
        let end = string.start + raw_offset(raw, at.saturating_add(len));
        start..end.max(start)
    }

    fn line_index(&self, offset: usize) -> usize {
        self.line_starts
            .partition_point(|&start| start <= offset)
            .saturating_sub(1)
    }
}

#[derive(Default)]
struct Shown {
    chars: Vec<char>,
    caret: Option<usize>,
    end: Option<usize>,
}

impl Shown {
    fn mark(&mut self, offset: usize, span: &Range<usize>) {
        if offset >= span.start {
            self.caret.get_or_insert(self.chars.len());
        }
        if offset >= span.end {
            self.end.get_or_insert(self.chars.len());
        }
    }

    fn finish(self) -> Excerpt {
        let length = self.chars.len();
        let caret = self.caret.unwrap_or(length);
        let end = self.end.unwrap_or(length);
        let from = if length > SHOWN {
            caret.saturating_sub(SHOWN_BEFORE)
        } else {
            0
        };
        let to = length.min(from + SHOWN);
        let lead = if from > 0 { "…" } else { "" };
        let tail = if to < length { "…" } else { "" };
        let middle: String = self.chars.into_iter().skip(from).take(to - from).collect();
        Excerpt {
            line: format!("{lead}{middle}{tail}").trim_end().to_owned(),
            caret: caret - from + lead.chars().count(),
            width: end.min(to).saturating_sub(caret).max(1),
        }
    }
}

/// The offset in a TOML string as written of byte `target` of its content.
fn raw_offset(raw: &str, target: usize) -> usize {
    let (open, escapes) = match raw {
        _ if raw.starts_with("\"\"\"") => (3, true),
        _ if raw.starts_with("'''") => (3, false),
        _ => (1, raw.starts_with('"')),
    };
    let mut at = open;
    if open == 3 {
        // A newline right after the opening quotes is not part of the content.
        let rest = raw.get(open..).unwrap_or("");
        at += if rest.starts_with("\r\n") {
            2
        } else {
            usize::from(rest.starts_with('\n'))
        };
    }
    let mut content = 0;
    while content < target {
        let rest = raw.get(at..).unwrap_or("");
        let Some(c) = rest.chars().next() else { break };
        let (taken, gives) = if escapes && c == '\\' {
            escape(rest)
        } else {
            (c.len_utf8(), c.len_utf8())
        };
        at += taken;
        content += gives;
    }
    at.min(raw.len().saturating_sub(1))
}

/// Length of the escape that `rest` begins with, and of what it stands for, both in bytes.
fn escape(rest: &str) -> (usize, usize) {
    let digits = match rest.chars().nth(1) {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some(c) if c.is_whitespace() => {
            let after = rest.get(1..).unwrap_or("");
            return (rest.len() - after.trim_start().len(), 0);
        }
        _ => return (2, 1),
    };
    let value = rest
        .get(2..2 + digits)
        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        .and_then(char::from_u32);
    (2 + digits, value.map_or(1, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = SourceText::new("f", "a = 1\nü = \"é\" # x\n");
        assert_eq!(text.position(0), (1, 1));
        let quote = text.text.find('"').unwrap();
        assert_eq!(text.position(quote), (2, 5));
    }

    #[test]
    fn an_offset_inside_a_string_is_found_behind_escapes() {
        let raw = r#""a\"\u00e9\\b""#;
        // The content is a"é\b, in which b is byte 5.
        assert_eq!(raw.get(raw_offset(raw, 5)..), Some("b\""));
        assert_eq!(raw_offset("'a\\b'", 2), 3);
        assert_eq!(raw_offset("\"\"\"\nab\"\"\"", 1), 5);
        assert_eq!(raw_offset("\"\"\"a\\\n   b\"\"\"", 1), 4);
    }

    #[test]
    fn a_mask_hides_its_range_and_moves_the_caret() {
        let line = "secrets = [\"hush-hush\"] # note";
        let mut text = SourceText::new("f", line);
        let start = line.find("hush").unwrap();
        text.mask(std::iter::once(start..start + 9));
        let note = line.find("note").unwrap();
        let excerpt = text.excerpt(&(note..note + 4));
        assert_eq!(excerpt.line, "secrets = [\"***\"] # note");
        assert_eq!((excerpt.caret, excerpt.width), (20, 4));
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let line = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let excerpt = SourceText::new("f", &line).excerpt(&(500..501));
        assert_eq!(excerpt.line.chars().count(), SHOWN + 2);
        assert_eq!(excerpt.line.chars().nth(excerpt.caret), Some('X'));
    }
}
