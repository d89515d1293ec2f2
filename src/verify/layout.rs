//! How signatures stand in their header: one alone, or tagged entries of a list.
//!
//! Takes header text apart into candidates; whether one matches, and how many may be offered, is decided in `scheme`.
//! Text that does not have the form is no candidate at all, so that nothing is half-read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::spec::{Encoding, Layout};

/// The entries of a list, compiled from [`Layout::Tagged`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entries {
    separator: char,
    assign: char,
    tag: String,
}

impl Entries {
    /// None where the whole value is one signature.
    pub(super) fn of(layout: Layout<'_>) -> Option<Self> {
        match layout {
            Layout::Single => None,
            Layout::Tagged {
                separator,
                assign,
                tag,
            } => Some(Self {
                separator,
                assign,
                tag: tag.to_owned(),
            }),
        }
    }
}

/// What one header value holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Signatures of the scheme's own version, still encoded.
    pub(super) signatures: Vec<&'a str>,
    /// The text under the timestamp's tag.
    pub(super) timestamp: Option<&'a str>,
}

/// Reads one copy of the header; none where it does not have the layout's form. Of a list, what is no entry is skipped, as
/// the providers' libraries do: it spoils no good signature beside it.
pub(super) fn read<'a>(
    layout: Option<&Entries>,
    timestamp_tag: Option<&str>,
    text: &'a str,
) -> Option<Found<'a>> {
    let Some(Entries {
        separator,
        assign,
        tag,
    }) = layout
    else {
        return Some(Found {
            signatures: vec![text],
            timestamp: None,
        });
    };
    let mut found = Found::default();
    for entry in text.split(*separator) {
        let Some((name, value)) = entry.split_once(*assign) else {
            continue;
        };
        if name == tag {
            found.signatures.push(value);
        } else if timestamp_tag == Some(name) && found.timestamp.replace(value).is_some() {
            // Two times: which one was signed is anybody's guess.
            return None;
        }
    }
    Some(found)
}

/// Writes a header value as the provider would.
pub(super) fn write(
    layout: Option<&Entries>,
    timestamp: Option<(&str, &str)>,
    signature: &str,
) -> String {
    let Some(Entries {
        separator,
        assign,
        tag,
    }) = layout
    else {
        return signature.to_owned();
    };
    let signed = format!("{tag}{assign}{signature}");
    match timestamp {
        Some((name, at)) => format!("{name}{assign}{at}{separator}{signed}"),
        None => signed,
    }
}

impl Encoding {
    /// The bytes of a signature behind `prefix`, which may be missing where it is `bare`; none unless both are exact.
    pub(super) fn decode(self, prefix: &str, bare: bool, text: &str) -> Option<Vec<u8>> {
        let encoded = text.strip_prefix(prefix).or(bare.then_some(text))?;
        match self {
            Self::Hex => {
                // Room for all of it at once: `hex::decode` grows its own.
                let mut bytes = vec![0; encoded.len() / 2];
                hex::decode_to_slice(encoded, &mut bytes).ok()?;
                Some(bytes)
            }
            Self::Base64 => base64_decode(encoded),
        }
    }

    pub(super) fn encode(self, prefix: &str, bytes: &[u8]) -> String {
        let encoded = match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        };
        format!("{prefix}{encoded}")
    }
}

/// The standard alphabet with padding, and no stray bits at the end.
pub(super) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The same in lines, as mail has it: a line feed may stand anywhere.
pub(super) fn base64_lines(text: &str) -> Option<Vec<u8>> {
    base64_decode(&text.replace('\n', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(tag: &str) -> Entries {
        Entries::of(Layout::Tagged {
            separator: ',',
            assign: '=',
            tag,
        })
        .unwrap()
    }

    #[test]
    fn other_versions_are_skipped_and_several_of_ours_are_kept() {
        let found = read(Some(&pairs("v1")), Some("t"), "t=12,v1=aa,v0=bb,v1=cc,x=").unwrap();
        assert_eq!(found.signatures, ["aa", "cc"]);
        assert_eq!(found.timestamp, Some("12"));
    }

    #[test]
    fn what_is_no_entry_spoils_no_good_one() {
        for text in ["t=1,,v1=aa", "t=1,v1=aa,", "v9,t=1,v1=aa", ",t=1,x,v1=aa"] {
            let found = read(Some(&pairs("v1")), Some("t"), text).unwrap();
            assert_eq!(
                (&*found.signatures, found.timestamp),
                (&["aa"][..], Some("1")),
                "{text:?}"
            );
        }
        let nothing = read(Some(&pairs("v1")), Some("t"), "").unwrap();
        assert_eq!(nothing, Found::default());
    }

    #[test]
    fn a_list_has_one_time() {
        assert_eq!(read(Some(&pairs("v1")), Some("t"), "t=1,t=2,v1=aa"), None);
        // A space is part of the name beside it, as for the providers' own libraries.
        let spaced = read(Some(&pairs("v1")), Some("t"), "t=1, v1=aa").unwrap();
        assert!(spaced.signatures.is_empty());
    }

    #[test]
    fn signatures_decode_exactly_or_not_at_all() {
        let hex = |text| Encoding::Hex.decode("sha256=", false, text);
        assert_eq!(hex("sha256=0aFF"), Some(vec![0x0a, 0xff]));
        for text in [
            "0aff",
            "SHA256=0aff",
            "sha256=0af",
            "sha256= 0aff",
            "sha256=0x0a",
        ] {
            assert_eq!(hex(text), None, "{text:?}");
        }
        let bare = |text| Encoding::Hex.decode("sha256=", true, text);
        assert_eq!(bare("0aff"), bare("sha256=0aff"));
        assert_eq!(bare("sha1=0aff"), None);
        let base64 = |text| Encoding::Base64.decode("", false, text);
        assert_eq!(base64("+/8="), Some(vec![0xfb, 0xff]));
        for text in ["-_8=", "+/8", "+/8= ", "+/9=", "+/8=="] {
            assert_eq!(base64(text), None, "{text:?}");
        }
    }
}
