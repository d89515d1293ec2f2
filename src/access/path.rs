//! `/orders/{order_id}/status`: the path of a query rule, and request paths taken apart.
//!
//! A parameter is one whole segment. Every segment of a request is percent-decoded once; what is
//! empty or no UTF-8 after that fits nothing. Imports nothing of this crate.

use std::fmt;

/// More segments than any sensible path has; bounds the work of a look-up.
const MAX_SEGMENTS: usize = 32;

/// A path with `{parameters}`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Parameter(String),
}

/// As it is written in routes.toml.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
        })
    }
}

impl PathPattern {
    /// The sentence says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a path begins with `/`".to_owned());
        };
        let mut segments = Vec::new();
        for part in rest.split('/') {
            let segment = Segment::parse(part)?;
            if segments.contains(&segment) && matches!(segment, Segment::Parameter(_)) {
                return Err(format!("the parameter `{part}` stands twice in the path"));
            }
            segments.push(segment);
        }
        if segments.len() > MAX_SEGMENTS {
            return Err(format!("a path has at most {MAX_SEGMENTS} segments"));
        }
        Ok(Self { segments })
    }

    /// Whether some path fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|pair| match pair {
                    (Segment::Literal(one), Segment::Literal(two)) => one == two,
                    (Segment::Parameter(_), _) | (_, Segment::Parameter(_)) => true,
                })
    }

    /// The text of the first segment, unless that is a parameter.
    #[must_use]
    pub fn first_literal(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, String> {
        if part.is_empty() {
            return Err("a path has no empty segment, and no `/` at its end".to_owned());
        }
        if let Some(name) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            return if is_identifier(name) {
                Ok(Self::Parameter(name.to_owned()))
            } else {
                Err(format!(
                    "`{part}`: the name of a parameter is a letter or `_`, then letters, digits and `_`"
                ))
            };
        }
        if part.contains(['{', '}']) {
            return Err(format!("`{part}`: a parameter is one whole segment"));
        }
        if part == "." || part == ".." {
            return Err(format!("`{part}`: clients remove such a segment"));
        }
        if let Some(bad) = part.chars().find(|&c| !is_plain(c)) {
            return Err(format!(
                "`{bad}` cannot stand in a path: letters, digits, `-`, `.`, `_` and `~` can"
            ));
        }
        Ok(Self::Literal(part.to_owned()))
    }
}

/// The segments of a request path, decoded; none where nothing can fit it.
pub(super) fn decode(path: &str) -> Option<Vec<String>> {
    let segments = path
        .strip_prefix('/')?
        .split('/')
        .take(MAX_SEGMENTS + 1)
        .map(decode_segment)
        .collect::<Option<Vec<_>>>()?;
    (segments.len() <= MAX_SEGMENTS).then_some(segments)
}

fn decode_segment(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok().filter(|s| !s.is_empty())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Names that CEL can read as `path.name`.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// RFC 3986 `unreserved`: no encoding changes what such a character means.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in [
            "orders", "", "/", "/orders/", "//a", "/a{b}", "/{}", "/{1a}", "/{a}/{a}", "/a b",
            "/../x", "/%41", "/{a-b}",
        ] {
            assert!(PathPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn overlap_needs_one_path_that_fits_both() {
        assert!(pattern("/a/{x}").overlaps(&pattern("/{y}/b")));
        assert!(pattern("/a/{x}").overlaps(&pattern("/a/b")));
        assert!(!pattern("/a/{x}").overlaps(&pattern("/b/{x}")));
        assert!(!pattern("/a/{x}").overlaps(&pattern("/a/{x}/c")));
    }

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(decode("/a%2Fb/%2541").unwrap(), ["a/b", "%41"]);
        for bad in ["/a//b", "/%", "/%4", "/%zz", "/%ff", "a", "/a/"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
