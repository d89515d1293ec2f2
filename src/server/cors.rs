//! Which web pages may ask queries: none, unless their origins are named.
//!
//! A browser asks before it sends a token (the preflight), and shows a page the answer only if we name its origin.
//! Only query paths take part; webhooks are no affair of browsers. What is sent back is our own list's text, never
//! the request's, and cookies are never asked for.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::Public;

/// Pages' origins as browsers write them: `https://shop.example`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Arc<[HeaderValue]>,
}

/// What an origin looks like: a scheme, a host in lower case, a port if it is not the scheme's own.
pub fn origin(text: &str) -> Result<HeaderValue, &'static str> {
    let wrong =
        "allowed are origins as browsers write them: https://shop.example, http://localhost:5173";
    let (scheme, host) = text.split_once("://").ok_or(wrong)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]_".contains(c);
    if !matches!(scheme, "http" | "https") || host.is_empty() || !host.chars().all(plain) {
        return Err(wrong);
    }
    let default = if scheme == "https" { ":443" } else { ":80" };
    if host.ends_with(default) || host.ends_with(':') {
        return Err("an origin leaves out its scheme's own port");
    }
    HeaderValue::from_str(text).map_err(|_| wrong)
}

impl Cors {
    #[must_use]
    pub fn new(origins: Vec<HeaderValue>) -> Self {
        Self {
            origins: origins.into(),
        }
    }

    /// Nobody is let in, and nothing is asked.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.origins.is_empty()
    }

    /// Our own text of the origin that a request names.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut named = headers.get_all(ORIGIN).iter();
        let origin = named.next()?;
        if named.next().is_some() {
            return None;
        }
        self.origins.iter().find(|own| *own == origin).cloned()
    }
}

pub(super) async fn apply(State(gateway): State<Public>, request: Request, next: Next) -> Response {
    let cors = &gateway.cors;
    let path = request.uri().path();
    if gateway.plan.current().queries.find(path).is_none() {
        return next.run(request).await;
    }
    let origin = cors.allowed(request.headers());
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(_) if preflight => permission(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    // Also where no origin was named: a cache must not show that answer to a page.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let shown = HeaderValue::from_static("Retry-After, X-Request-Id");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    }
    response
}

/// The answer to a preflight: the same for every path.
fn permission() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for text in [
            "https://shop.example",
            "http://localhost:5173",
            "http://[::1]:8080",
        ] {
            assert!(origin(text).is_ok(), "{text}");
        }
        for text in [
            "*",
            "null",
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://Shop.example",
            "https://shop.example:443",
            "ftp://shop.example",
            "https://a b",
            "https://shop.example\r\nx: y",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
