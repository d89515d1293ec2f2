//! From the bytes of a body to what they say, by media type and the source's rule.
//!
//! Read once the proof holds, so that a stranger's bytes reach no parser; before that only by the schemes
//! whose signature stands in the body.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value};

use super::{BodyRule, Refusal, layout, xml};
use crate::event::Content;
use crate::expr::json;

/// What the `Content-Type` tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Absent,
    Json,
    Form,
    Other,
}

pub(super) fn read(headers: &HeaderMap, body: &Bytes, rule: BodyRule) -> Result<Content, Refusal> {
    let encoded = headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        !value
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"identity")
    });
    if encoded {
        return Err(Refusal::Encoding);
    }
    let media = media(headers);
    if rule == BodyRule::ByContent
        && let Some(value) = json::read(body)
    {
        return Ok(Content::Json(value));
    }
    if rule == BodyRule::JsonLines
        && let Some(list) = list(body)
    {
        return Ok(list);
    }
    match (rule, media) {
        (BodyRule::Braintree, _) => braintree(body)
            .map(Content::Form)
            .ok_or(Refusal::Unparsable),
        (BodyRule::Json, _) | (_, Media::Json) => json::read(body)
            .map(Content::Json)
            .ok_or(Refusal::Unparsable),
        (BodyRule::Form, _)
        | (BodyRule::ByMediaType | BodyRule::ByContent | BodyRule::JsonLines, Media::Form) => {
            Ok(Content::Form(form(body)))
        }
        (BodyRule::ByMediaType, Media::Absent) => {
            Ok(json::read(body).map_or_else(|| text(body), Content::Json))
        }
        (BodyRule::ByMediaType | BodyRule::ByContent | BodyRule::JsonLines, Media::Other)
        | (BodyRule::ByContent | BodyRule::JsonLines, Media::Absent)
        | (BodyRule::Text, _) => Ok(text(body)),
    }
}

fn media(headers: &HeaderMap) -> Media {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Media::Absent;
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text.split(';').next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "" => Media::Absent,
        "application/json" => Media::Json,
        "application/x-www-form-urlencoded" => Media::Form,
        other if other.ends_with("+json") => Media::Json,
        _ => Media::Other,
    }
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    media(headers) == Media::Form
}

/// The children of the one root element, `<notification>`.
fn braintree(body: &[u8]) -> Option<Value> {
    let (_, payload) = form_urlencoded::parse(body).find(|(name, _)| name == "bt_payload")?;
    xml::read(&layout::base64_lines(&payload)?)
}

/// A list that does not stand in the body as JSON is kept beside it, like what a form says.
fn list(body: &[u8]) -> Option<Content> {
    match json::read(body) {
        Some(list @ Value::Array(_)) => Some(Content::Json(list)),
        Some(one) => Some(Content::Form(Value::Array(vec![one]))),
        None => {
            let lines = body.split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| !line.trim_ascii().is_empty());
            let values: Vec<Value> = lines.map(json::read).collect::<Option<_>>()?;
            (!values.is_empty()).then_some(Content::Form(Value::Array(values)))
        }
    }
}

fn text(body: &[u8]) -> Content {
    if std::str::from_utf8(body).is_ok() {
        Content::Text
    } else {
        Content::Binary
    }
}

/// Fields in order of their first appearance; one that repeats becomes a list.
fn form(body: &[u8]) -> Value {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = Value::String(value.into_owned());
        match fields.get_mut(name.as_ref()) {
            None => {
                fields.insert(name.into_owned(), value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(first) => {
                let before = first.take();
                *first = Value::Array(vec![before, value]);
            }
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn by(rule: BodyRule, media: Option<&str>, body: &[u8]) -> Result<Content, Refusal> {
        let mut headers = HeaderMap::new();
        if let Some(media) = media {
            headers.insert(CONTENT_TYPE, media.parse().unwrap());
        }
        read(&headers, &Bytes::copy_from_slice(body), rule)
    }

    #[test]
    fn the_media_type_tells() {
        let read = |media, body| by(BodyRule::ByMediaType, media, body);
        let json = Ok(Content::Json(json!({"a": 1})));
        assert_eq!(read(Some("application/json"), b"{\"a\":1}"), json);
        assert_eq!(
            read(
                Some("Application/CloudEvents+JSON; charset=utf-8"),
                b"{\"a\":1}"
            ),
            json
        );
        assert_eq!(read(None, b"{\"a\":1}"), json);
        assert_eq!(read(None, b"hello"), Ok(Content::Text));
        assert_eq!(read(Some("text/plain"), b"{\"a\":1}"), Ok(Content::Text));
        assert_eq!(read(Some("image/png"), b"\xff\xd8"), Ok(Content::Binary));
        assert_eq!(
            read(
                Some("application/x-www-form-urlencoded"),
                b"a=1&b=x+y&a=2&a=%33"
            ),
            Ok(Content::Form(json!({"a": ["1", "2", "3"], "b": "x y"})))
        );
    }

    #[test]
    fn declared_and_unparsable_is_refused() {
        for body in [&b"{"[..], b"", b"{\"a\":1} x"] {
            assert_eq!(
                by(BodyRule::ByMediaType, Some("application/json"), body),
                Err(Refusal::Unparsable)
            );
            assert_eq!(by(BodyRule::Json, None, body), Err(Refusal::Unparsable));
        }
    }

    #[test]
    fn the_rule_tells_where_the_media_type_does_not() {
        let plain = Some("text/plain");
        assert_eq!(
            by(BodyRule::Json, plain, b"[]"),
            Ok(Content::Json(json!([])))
        );
        assert_eq!(
            by(BodyRule::Form, plain, b"a=1"),
            Ok(Content::Form(json!({"a": "1"})))
        );
        assert_eq!(by(BodyRule::Text, None, b"{}"), Ok(Content::Text));
    }

    #[test]
    fn by_content_the_media_type_hides_no_json() {
        let read = |media, body| by(BodyRule::ByContent, Some(media), body);
        for media in [
            "text/xml",
            "application/x-www-form-urlencoded",
            "application/json",
        ] {
            assert_eq!(
                read(media, b"{\"a\":1}"),
                Ok(Content::Json(json!({"a": 1})))
            );
        }
        assert_eq!(read("text/xml", b"<a/>"), Ok(Content::Text));
        assert_eq!(
            read("application/x-www-form-urlencoded", b"a=1"),
            Ok(Content::Form(json!({"a": "1"})))
        );
        assert_eq!(read("application/json", b"<a/>"), Err(Refusal::Unparsable));
    }

    #[test]
    fn lines_of_json_are_a_list_whatever_the_media_type() {
        let json = Some("application/json");
        let read = |media, body| by(BodyRule::JsonLines, media, body);
        let two = Ok(Content::Form(json!([{"a": 1}, {"a": 2}])));
        for body in [
            &b"{\"a\":1}\n{\"a\":2}"[..],
            b"{\"a\":1}\r\n{\"a\":2}\r\n\r\n",
        ] {
            for media in [json, None, Some("application/x-ndjson")] {
                assert_eq!(read(media, body), two);
            }
        }
        let one = Ok(Content::Form(json!([{"a": 1}])));
        assert_eq!(read(json, b"{\"a\":1}\n"), one);
        assert_eq!(read(json, b"{\n \"a\": 1\n}"), one);
        let list = Ok(Content::Json(json!([{"a": 1}])));
        assert_eq!(read(json, b"[{\"a\":1}]"), list);
        for body in [&b""[..], b"\n", b"{\"a\":1}\n{", b"{\"a\":1} {\"a\":2}"] {
            assert_eq!(read(json, body), Err(Refusal::Unparsable));
            assert_eq!(read(Some("text/plain"), body), Ok(Content::Text));
        }
    }

    #[test]
    fn only_the_identity_encoding_is_taken() {
        let encoded = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, value.parse().unwrap());
            read(&headers, &Bytes::from_static(b"x"), BodyRule::Text)
        };
        assert_eq!(encoded("Identity"), Ok(Content::Text));
        assert_eq!(encoded("gzip"), Err(Refusal::Encoding));
        assert_eq!(encoded("identity, gzip"), Err(Refusal::Encoding));
    }
}
