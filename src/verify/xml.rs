//! XML as Braintree writes it, read into JSON: elements become fields, `type` says what a text is.
//!
//! Strict and bounded: one root, no document type, no entities beyond XML's five, no processing
//! instructions, at most [`MAX_DEPTH`] levels and [`MAX_ELEMENTS`] elements. Nothing is fetched, nothing expands.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 50_000;

/// An element that has begun.
#[derive(Default)]
struct Element {
    name: String,
    /// The attribute `type`.
    kind: String,
    nil: bool,
    text: String,
    children: Vec<(String, Value)>,
}

/// The value of the root element; none for anything that is not such a document.
pub(super) fn read(xml: &[u8]) -> Option<Value> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).ok()?);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0_usize;
    loop {
        let event = reader.read_event().ok()?;
        if matches!(event, Event::Start(_) | Event::Empty(_)) {
            elements += 1;
            let second_root = root.is_some() && open.is_empty();
            if second_root || elements > MAX_ELEMENTS || open.len() >= MAX_DEPTH {
                return None;
            }
        }
        match event {
            Event::Start(tag) => open.push(Element::begin(&tag)?),
            Event::Empty(tag) => Element::begin(&tag)?.end(&mut open, &mut root)?,
            Event::End(_) => open.pop()?.end(&mut open, &mut root)?,
            Event::Text(text) => add_text(&mut open, &text.xml10_content())?,
            Event::CData(text) => add_text(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let letter = letter(&reference)?;
                open.last_mut()?.text.push(letter);
            }
            Event::Decl(_) if elements == 0 => {}
            Event::Comment(_) => {}
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) => return None,
            Event::Eof => break,
        }
    }
    if open.is_empty() { root } else { None }
}

/// Outside the root only white space may stand.
fn add_text(open: &mut [Element], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

fn letter(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok()?,
    }
}

impl Element {
    fn begin(tag: &BytesStart<'_>) -> Option<Self> {
        let mut element = Self {
            // As their libraries name it, and as an expression can.
            name: tag.name().into_inner().replace('-', "_"),
            ..Self::default()
        };
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            match attribute.key.into_inner() {
                "type" => element.kind = value.into_owned(),
                "nil" => element.nil = value == "true",
                _ => {}
            }
        }
        Some(element)
    }

    /// Hands its value to the element around it, or is the root.
    fn end(self, open: &mut [Self], root: &mut Option<Value>) -> Option<()> {
        let name = self.name.clone();
        let value = self.value()?;
        match open.last_mut() {
            Some(parent) => parent.children.push((name, value)),
            None => *root = Some(value),
        }
        Some(())
    }

    fn value(self) -> Option<Value> {
        if !self.children.is_empty() && !self.text.trim().is_empty() {
            return None;
        }
        Some(match (self.kind.as_str(), self.children.is_empty()) {
            _ if self.nil => Value::Null,
            ("array", _) => self.children.into_iter().map(|(_, value)| value).collect(),
            (_, false) => fields(self.children),
            ("integer", true) => self
                .text
                .parse::<i64>()
                .map_or(Value::String(self.text), Value::from),
            ("boolean", true) => match self.text.as_str() {
                "true" | "1" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                _ => Value::String(self.text),
            },
            (_, true) => Value::String(self.text),
        })
    }
}

/// A name that repeats becomes a list.
fn fields(children: Vec<(String, Value)>) -> Value {
    let mut lists: Map<String, Value> = Map::new();
    for (name, value) in children {
        let list = lists
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
    }
    for value in lists.values_mut() {
        if let Value::Array(list) = value
            && list.len() == 1
            && let Some(only) = list.pop()
        {
            *value = only;
        }
    }
    Value::Object(lists)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_become_fields() {
        let xml = br#"<?xml version="1.0" encoding="UTF-8"?>
<notification>
  <kind>subscription_canceled</kind>
  <timestamp type="datetime">2026-08-01T12:00:00Z</timestamp>
  <subject>
    <subscription>
      <id>s&amp;1 &#65;</id>
      <balance nil="true"/>
      <failure-count type="integer">3</failure-count>
      <never-expires type="boolean">true</never-expires>
      <transactions type="array"><transaction><id>t1</id></transaction><transaction><id>t2</id></transaction></transactions>
      <add-ons type="array"/>
      <note><![CDATA[a < b]]></note>
      <tag>x</tag><tag>y</tag>
      <empty></empty>
    </subscription>
  </subject>
</notification>
"#;
        assert_eq!(
            read(xml),
            Some(json!({
                "kind": "subscription_canceled",
                "timestamp": "2026-08-01T12:00:00Z",
                "subject": {"subscription": {
                    "id": "s&1 A",
                    "balance": null,
                    "failure_count": 3,
                    "never_expires": true,
                    "transactions": [{"id": "t1"}, {"id": "t2"}],
                    "add_ons": [],
                    "note": "a < b",
                    "tag": ["x", "y"],
                    "empty": "",
                }}
            }))
        );
    }

    #[test]
    fn what_is_no_such_document_is_not_read() {
        for xml in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a>x<b/></a>",
            "<a>&x;</a>",
            "<a>&#0;</a>",
            "&amp;<a/>",
            "<a b='1' b='2'/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<?php x?><a/>",
            "<a/><?xml version='1.0'?>",
        ] {
            assert_eq!(read(xml.as_bytes()), None, "{xml}");
        }
        assert_eq!(read(b"<a>\xff</a>"), None);
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_some());
        assert_eq!(read(nested(MAX_DEPTH + 1).as_bytes()), None);
        let wide = |number: usize| format!("<r>{}</r>", "<a/>".repeat(number));
        assert!(read(wide(MAX_ELEMENTS - 1).as_bytes()).is_some());
        assert_eq!(read(wide(MAX_ELEMENTS).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(xml in "(<|>|/|a|b|&|;|#|x|\"|=| |!|\\[CDATA\\[|\\]\\]>|<a>|</a>|<!--|-->|\\?){0,40}") {
            read(xml.as_bytes());
        }

        #[test]
        fn a_text_is_read_as_it_was_written(text in "[^\u{0}-\u{1f}]{0,40}") {
            let written = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let read = read(format!("<a>{written}</a>").as_bytes());
            prop_assert_eq!(read, Some(Value::String(text)));
        }
    }
}
