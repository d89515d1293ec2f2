//! JSON from its bytes, as liberally as RFC 8259 lets a sender write it.
//!
//! What is good JSON and cannot be held as a value is read as what comes nearest: half of a surrogate pair, which senders
//! write that cut a text inside an emoji (§8.2), as U+FFFD; a number beyond every float (§6) as the largest one there is.
//! The bytes stay as they are, and so does what is cut out of them. More than 127 levels are refused.

use serde::de::IgnoredAny;
use serde_json::Value;

/// The value; none where the bytes are no JSON.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Value> {
    let strict = serde_json::from_slice(bytes).ok();
    strict.or_else(|| serde_json::from_slice(&mended(bytes)?).ok())
}

/// With everything replaced that has no value of its own; none if there is nothing of the kind.
fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(json.len());
    let (mut at, mut changes, mut in_text) = (0, 0_usize, false);
    while let Some(&byte) = json.get(at) {
        let (len, instead) = if in_text {
            escaped(json, at)
        } else {
            number(json, at)
        };
        in_text ^= byte == b'"';
        let end = json.len().min(at + len);
        changes += usize::from(instead.is_some());
        mended.extend_from_slice(instead.map_or(json.get(at..end)?, str::as_bytes));
        at = end;
    }
    (changes > 0).then_some(mended)
}

/// How far to go inside a text, and what to write for it.
fn escaped(json: &[u8], at: usize) -> (usize, Option<&'static str>) {
    const HALF: (usize, Option<&str>) = (6, Some("\\ufffd"));
    match (json.get(at), unit(json, at)) {
        (_, Some(0xD800..=0xDBFF)) => match unit(json, at + 6) {
            Some(0xDC00..=0xDFFF) => (12, None),
            _ => HALF,
        },
        (_, Some(0xDC00..=0xDFFF)) => HALF,
        (Some(b'\\'), _) => (2, None),
        _ => (1, None),
    }
}

/// What `\uXXXX` at this place stands for.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok()?;
    let plain = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(text, 16).ok())?
}

/// The same outside of texts, where a number may begin.
fn number(json: &[u8], at: usize) -> (usize, Option<&'static str>) {
    let part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let rest = json.get(at..).unwrap_or_default();
    let len = rest.iter().take_while(part).count();
    let text = rest.get(..len).map(String::from_utf8_lossy);
    let beyond = text.filter(|text| is_beyond(text));
    (
        len.max(1),
        beyond.map(|text| {
            if text.starts_with('-') {
                "-1.7976931348623157e308"
            } else {
                "1.7976931348623157e308"
            }
        }),
    )
}

fn is_beyond(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_infinite)
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn half_a_surrogate_pair_is_no_reason_to_lose_an_event() {
        for (sent, read_as) in [
            (r#"{"a":"\ud83d"}"#, "\u{fffd}"),
            (r#"{"a":"x\udc00y"}"#, "x\u{fffd}y"),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, "\u{fffd}\u{1f600}"),
            (r#"{"a":"\\ud83d\ud83d"}"#, "\\ud83d\u{fffd}"),
            (r#"{"a":"\"1e999\ud83d"}"#, "\"1e999\u{fffd}"),
        ] {
            assert_eq!(
                read(sent.as_bytes()),
                Some(json!({ "a": read_as })),
                "{sent}"
            );
        }
        for bad in [r#"{"a":"\ud83d"#, r#"{"a":"\ud83"}"#] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_number_beyond_every_float_is_the_largest_one() {
        let long = format!("[{}]", "9".repeat(400));
        for (sent, value) in [
            ("[1e309]", f64::MAX),
            ("[-1E+309]", f64::MIN),
            ("[1.5e99999999999999999999]", f64::MAX),
            (&long, f64::MAX),
        ] {
            assert_eq!(read(sent.as_bytes()), Some(json!([value])), "{sent}");
        }
        assert_eq!(read(b"[1e-999, 0e999]"), Some(json!([0.0, 0.0])));
        for bad in [
            "[01e309]",
            "[1e309",
            "[+1e309]",
            "[1e309.5]",
            "[1.e309]",
            "[NaN]",
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(read(b"\"1e309\""), Some(json!("1e309")));
    }

    #[test]
    fn json_is_taken_down_to_127_levels() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(127).as_bytes()).is_some());
        assert_eq!(read(nested(128).as_bytes()), None);
    }

    proptest! {
        /// No more is taken than JSON is: what the grammar refuses stays refused.
        #[test]
        fn what_is_read_is_json(bytes in "[\\[\\]{}\":,0-9eE+.\\\\uda-]{0,24}") {
            if read(bytes.as_bytes()).is_some() {
                prop_assert!(serde_json::from_str::<IgnoredAny>(&bytes).is_ok(), "{bytes}");
            }
        }
    }
}
