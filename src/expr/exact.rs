//! JSON text cut out of a body exactly as it was sent: `0.10`, `1e2`, twenty-digit integers, the
//! order of keys. No number passes through a float on its way to a workflow.
//!
//! Walks the raw text one level at a time; of a key that stands twice the last one counts, as it
//! does for the parsed value. Pure text: knows neither CEL nor templates.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// The text of the value at `path`; none where it is not there or `raw` is not JSON.
pub(super) fn cut<'a>(raw: &'a str, path: &[Segment]) -> Option<&'a str> {
    let mut text = raw.trim_matches([' ', '\t', '\r', '\n']);
    for segment in path {
        let mut reader = serde_json::Deserializer::from_str(text);
        text = segment.deserialize(&mut reader).ok()??.get();
    }
    Some(text)
}

/// The texts of the elements of a list.
pub(super) fn elements(list: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

impl<'de> DeserializeSeed<'de> for &Segment {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        match self {
            Segment::Key(_) => reader.deserialize_map(self),
            Segment::Index(_) => reader.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for &Segment {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Key(_) => f.write_str("an object"),
            Segment::Index(_) => f.write_str("a list"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Segment::Key(name) = self else {
            return Ok(None);
        };
        let mut found = None;
        while let Some(matches) = map.next_key_seed(Name(name))? {
            if matches {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Segment::Index(index) = *self else {
            return Ok(None);
        };
        for _ in 0..index {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// Whether a key is this one; compared without copying it.
struct Name<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    /// As bytes, so that half a surrogate pair in another key does no harm.
    fn visit_bytes<E>(self, key: &[u8]) -> Result<bool, E> {
        Ok(key == self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(raw: &str, path: &[&str]) -> Option<String> {
        let path: Vec<Segment> = path
            .iter()
            .map(|name| match name.parse() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::Key((*name).to_owned()),
            })
            .collect();
        cut(raw, &path).map(str::to_owned)
    }

    #[test]
    fn numbers_and_key_order_stay_as_sent() {
        let raw = r#" {"a":{"n":0.10,"e":1e2,"big":123456789012345678901234567890,
            "o":{"z":1, "a":2}},"l":[1,{"x":-0}]} "#;
        assert_eq!(at(raw, &["a", "n"]).unwrap(), "0.10");
        assert_eq!(at(raw, &["a", "e"]).unwrap(), "1e2");
        assert_eq!(
            at(raw, &["a", "big"]).unwrap(),
            "123456789012345678901234567890"
        );
        assert_eq!(at(raw, &["a", "o"]).unwrap(), r#"{"z":1, "a":2}"#);
        assert_eq!(at(raw, &["l", "1", "x"]).unwrap(), "-0");
        assert_eq!(at(raw, &[]).unwrap(), raw.trim());
    }

    #[test]
    fn the_last_of_equal_keys_counts_however_it_is_written() {
        let raw = r#"{"a":1,"b":0,"\u0061":{"c":2},"a":{"c":3,"c":4.0}}"#;
        assert_eq!(at(raw, &["a", "c"]).unwrap(), "4.0");
    }

    #[test]
    fn odd_keys_and_numbers_beside_it_do_no_harm() {
        let raw = r#"{"\ud83d":{"\udc00":1e999},"a":{"x":-1e999,"\ud83d":2}}"#;
        assert_eq!(at(raw, &["a", "x"]).unwrap(), "-1e999");
    }

    #[test]
    fn what_is_not_there_is_none() {
        for path in [["b", "c"], ["a", "0"], ["l", "7"], ["l", "x"], ["a", "x"]] {
            assert_eq!(at(r#"{"a":{"b":1},"l":[1]}"#, &path), None, "{path:?}");
        }
    }
}
