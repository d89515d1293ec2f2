//! The one `Authorization: Bearer` of a request (RFC 6750 §2.1); tokens are read from nowhere else.
//!
//! A second header of that name is no token at all: which of the two was meant is anybody's guess.
//! Whether the token is a good one is not asked here.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Why a request carries no bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    Missing,
    Repeated,
    Malformed,
}

/// The token's text as it was sent.
pub fn bearer(headers: &HeaderMap) -> Result<&str, BearerFault> {
    let mut copies = headers.get_all(AUTHORIZATION).iter();
    let value = copies.next().ok_or(BearerFault::Missing)?;
    if copies.next().is_some() {
        return Err(BearerFault::Repeated);
    }
    let text = value.to_str().map_err(|_| BearerFault::Malformed)?;
    // The name of the scheme is case-insensitive (RFC 9110 §11.1).
    text.split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token)
        .ok_or(BearerFault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Result<String, BearerFault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, http::HeaderValue::from_static(value));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn one_header_of_the_scheme_is_a_token() {
        assert_eq!(read(&["Bearer abc"]).as_deref(), Ok("abc"));
        assert_eq!(read(&["bEARER abc"]).as_deref(), Ok("abc"));
    }

    #[test]
    fn anything_else_is_none() {
        assert_eq!(read(&[]), Err(BearerFault::Missing));
        let twice = read(&["Bearer abc", "Bearer abc"]);
        assert_eq!(twice, Err(BearerFault::Repeated));
        for other in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(read(&[other]), Err(BearerFault::Malformed), "{other:?}");
        }
    }
}
