//! The addresses that a provider may have called in the place of the one that a source gives, and the queries that it
//! may have called them with.
//!
//! Made of the source's own address, of what a proxy says it changed, and of what the capture says. Fewest changes
//! first, and no more than [`MAX_CALLS`]. What a header says is believed by nobody: a signature must fit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST};

use super::super::WebhookRequest;

/// Tried for one request.
const MAX_CALLS: usize = 250;
/// Of each part of an address; an address of a hundred segments has as many endings.
const MAX_FORMS: usize = 24;
/// Headers in which proxies keep what they were called by.
const PATHS: [&str; 4] = [
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-envoy-original-path",
];

/// One way of calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Without a query.
    pub(super) address: String,
    pub(super) query: Query,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) text: String,
    /// How it differs from the one that came; empty: not at all.
    pub(super) change: &'static str,
    /// A `?` with nothing behind it.
    pub(super) bare: bool,
}

/// An address without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    scheme: String,
    /// With its `@`, or empty.
    user: String,
    authority: String,
    path: String,
}

impl Parts {
    fn of(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, authority) = place.split_at(place.rfind('@').map_or(0, |at| at + 1));
        Some(Self {
            scheme: scheme.to_owned(),
            user: user.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }

    fn origin(&self) -> String {
        let Self {
            scheme,
            user,
            authority,
            ..
        } = self;
        format!("{scheme}://{user}{authority}")
    }
}

/// As it may be shown: a password in it is not.
pub(super) fn shown(address: &str) -> String {
    let address = address.split('?').next().unwrap_or_default();
    match Parts::of(address) {
        Some(parts) if !parts.user.is_empty() => {
            let Parts {
                scheme,
                authority,
                path,
                ..
            } = parts;
            format!("{scheme}://…@{authority}{path}")
        }
        _ => address.to_owned(),
    }
}

/// `own`: what the source gives, without a query. `called`: a path or a whole address, as the capture has it.
pub(super) fn calls(own: &str, called: &str, request: &WebhookRequest) -> Vec<Call> {
    let Some(own) = Parts::of(own) else {
        return Vec::new();
    };
    let captured = Parts::of(called);
    let path = captured.as_ref().map_or(called, |parts| &parts.path);
    let origins = origins(&own, captured.as_ref(), request);
    let paths = paths(&own.path, path, request);
    let queries = queries(request);
    let mut ways = Vec::new();
    for (o, origin) in origins.iter().enumerate() {
        for (p, path) in paths.iter().enumerate() {
            for (q, query) in queries.iter().enumerate() {
                let changed = [o, p, q].iter().filter(|&&at| at > 0).count();
                ways.push((changed, o + p + q, origin, path, query));
            }
        }
    }
    ways.sort_by_key(|(changed, far, ..)| (*changed, *far));
    let ways = ways.into_iter().take(MAX_CALLS);
    ways.map(|(_, _, origin, path, query)| Call {
        address: format!("{origin}{path}"),
        query: query.clone(),
    })
    .collect()
}

/// A list without repeats, and with an end.
struct Forms(Vec<String>);

impl Forms {
    fn add(&mut self, form: impl Into<String>) {
        let form = form.into();
        if self.0.len() < MAX_FORMS && !self.0.contains(&form) {
            self.0.push(form);
        }
    }
}

fn header<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
    let text = request.headers.get(name)?.to_str().ok()?;
    let first = text.split(',').next().unwrap_or_default().trim();
    (!first.is_empty()).then_some(first)
}

/// The source's own first.
fn origins(own: &Parts, captured: Option<&Parts>, request: &WebhookRequest) -> Vec<String> {
    let mut forms = Forms(vec![own.origin()]);
    let other = if own.scheme == "https" {
        "http"
    } else {
        "https"
    };
    let schemes = [own.scheme.as_str(), other];
    let mut hosts = Forms(vec![own.authority.clone()]);
    let forwarded = header(request, "forwarded").and_then(|text| {
        let mut parts = text.split(';');
        parts.find_map(|part| part.trim().strip_prefix("host="))
    });
    let said = [
        header(request, "x-forwarded-host"),
        header(request, "x-original-host"),
        forwarded.map(|host| host.trim_matches('"')),
        captured.map(|parts| parts.authority.as_str()),
        header(request, HOST.as_str()),
    ];
    for host in said.into_iter().flatten() {
        hosts.add(host);
    }
    let port = header(request, "x-forwarded-port");
    for host in &hosts.0 {
        let bare = without_port(host);
        for scheme in schemes {
            let usual = if scheme == "https" { "443" } else { "80" };
            forms.add(format!("{scheme}://{}{host}", own.user));
            forms.add(format!("{scheme}://{}{bare}", own.user));
            for port in [Some(usual), port].into_iter().flatten() {
                forms.add(format!("{scheme}://{}{bare}:{port}", own.user));
            }
        }
    }
    for user in [Some(String::new()), user(request)].into_iter().flatten() {
        forms.add(format!("{}://{user}{}", own.scheme, own.authority));
    }
    forms.0
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    }
}

/// Name and password, as the address of the provider held them: they come as a header.
fn user(request: &WebhookRequest) -> Option<String> {
    let text = request.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let pair = STANDARD.decode(text.strip_prefix("Basic ")?).ok()?;
    Some(format!("{}@", String::from_utf8(pair).ok()?))
}

fn paths(own: &str, captured: &str, request: &WebhookRequest) -> Vec<String> {
    let mut forms = Forms(vec![own.to_owned()]);
    let said = PATHS.into_iter().filter_map(|name| header(request, name));
    let said: Vec<String> = said
        .filter_map(|text| {
            let path = match Parts::of(text) {
                Some(parts) => parts.path,
                None => text.to_owned(),
            };
            let path = path.split('?').next().unwrap_or_default();
            path.starts_with('/').then(|| path.to_owned())
        })
        .collect();
    let mut bases: Vec<&str> = vec![own];
    bases.extend(said.iter().map(String::as_str));
    bases.extend(captured.starts_with('/').then_some(captured));
    for base in &bases {
        forms.add(*base);
        match base.strip_suffix('/') {
            Some(bare) => forms.add(bare),
            None => forms.add(format!("{base}/")),
        }
    }
    if let Some(prefix) = header(request, "x-forwarded-prefix") {
        let prefix = prefix.trim_end_matches('/');
        for base in &bases {
            forms.add(format!("{prefix}{base}"));
        }
    }
    // What a proxy strips, it strips from the front.
    for base in &bases {
        let cuts = base.match_indices('/').skip(1).map(|(at, _)| at);
        for at in cuts {
            forms.add(base.get(at..).unwrap_or_default());
        }
    }
    forms.0
}

/// As it came first.
fn queries(request: &WebhookRequest) -> Vec<Query> {
    let sent = request.query.as_str();
    let mut queries: Vec<Query> = Vec::new();
    let mut add = |text: String, change, bare| {
        let query = Query { text, change, bare };
        let known = queries
            .iter()
            .any(|it| it.text == query.text && it.bare == bare);
        if !known {
            queries.push(query);
        }
    };
    add(sent.to_owned(), "", false);
    if sent.is_empty() {
        add(String::new(), "a bare `?` behind it", true);
    }
    let said = PATHS.into_iter().filter_map(|name| header(request, name));
    for text in said {
        let query = text.split_once('?').map_or("", |(_, query)| query);
        add(
            query.to_owned(),
            "the query that the proxy says it had",
            false,
        );
    }
    if sent.is_empty() {
        return queries;
    }
    add(String::new(), "no query", false);
    add(
        sent.replace('+', "%20"),
        "`%20` for `+` in its query",
        false,
    );
    add(
        sent.replace("%20", "+"),
        "`+` for `%20` in its query",
        false,
    );
    let anew = "its query encoded otherwise";
    add(escapes(sent, Escapes::Upper), anew, false);
    add(escapes(sent, Escapes::Lower), anew, false);
    add(escapes(sent, Escapes::Undone), anew, false);
    let fields = form_urlencoded::parse(sent.as_bytes());
    let form: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    add(form.replace('+', "%20"), anew, false);
    add(form, anew, false);
    queries
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Upper,
    Lower,
    /// All that stand for a printable character of ASCII.
    Undone,
}

fn escapes(query: &str, how: Escapes) -> String {
    let mut written = String::with_capacity(query.len());
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('%') {
        written.push_str(before);
        let digits = after.get(..2);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, digits) {
            (Some(byte), _) if how == Escapes::Undone && byte.is_ascii_graphic() => {
                written.push(char::from(byte));
            }
            (Some(_), Some(digits)) => {
                written.push('%');
                written.push_str(&match how {
                    Escapes::Lower => digits.to_ascii_lowercase(),
                    Escapes::Upper | Escapes::Undone => digits.to_ascii_uppercase(),
                });
            }
            _ => {
                written.push('%');
                rest = after;
                continue;
            }
        }
        rest = after.get(2..).unwrap_or_default();
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, Method, Uri};
    use proptest::prelude::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> WebhookRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let target: Uri = target.parse().unwrap();
        WebhookRequest::new(Method::POST, &target, map, String::new(), Bytes::new())
    }

    #[test]
    fn the_sources_own_address_is_the_first_and_none_is_tried_twice() {
        let request = request(
            "/hooks/a?x=a+b%3a",
            &[
                ("host", "gateway:8080"),
                ("x-forwarded-host", "hooks.example.com, proxy"),
                ("x-original-uri", "/in/hooks/a?x=a%20b"),
            ],
        );
        let calls = calls("https://h/hooks/a", "/hooks/a", &request);
        assert_eq!(calls[0].address, "https://h/hooks/a");
        assert_eq!(calls[0].query.change, "");
        assert_eq!(calls.len(), MAX_CALLS);
        for (at, call) in calls.iter().enumerate() {
            assert!(!calls[..at].contains(call), "{call:?}");
        }
        for (address, query) in [
            ("https://hooks.example.com/hooks/a", "x=a+b%3a"),
            ("http://gateway:8080/hooks/a", "x=a+b%3a"),
            ("https://h/in/hooks/a", "x=a%20b"),
            ("https://h/hooks/a/", "x=a+b%3a"),
            ("https://h/hooks/a", ""),
            ("https://h/hooks/a", "x=a%20b%3a"),
            ("https://h/hooks/a", "x=a+b%3A"),
            ("https://h/hooks/a", "x=a+b:"),
        ] {
            let found = calls.iter().any(|call| {
                call.address == address && call.query.text == query && !call.query.bare
            });
            assert!(found, "{address} {query}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        assert_eq!(shown("https://ann:secret@h/x?token=1"), "https://…@h/x");
        assert_eq!(shown("https://h:1/x"), "https://h:1/x");
    }

    proptest! {
        #[test]
        fn whatever_a_stranger_says_there_is_an_end(
            host in "[ -~]{0,60}",
            path in "/[ -~]{0,60}",
            called in ".{0,60}",
        ) {
            let names = ["x-original-uri", "x-forwarded-prefix"];
            let headers = names.map(|name| (name, path.as_str()));
            let more = ["host", "forwarded", "authorization"].map(|name| (name, host.as_str()));
            let request = request("/hooks/a?b=%zz%4", &[&headers[..], &more].concat());
            prop_assert!(calls("https://h/hooks/a", &called, &request).len() <= MAX_CALLS);
        }
    }
}
