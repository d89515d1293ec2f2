//! A request as somebody captured it: a file with the bytes of HTTP/1.1, or the flags of curl.
//!
//! The body is exactly what is there, for a signature counts its bytes; what a server would have read otherwise is
//! said in `notes`. Lines that begin with `#` before the request are remarks.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use http::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::verify::WebhookRequest;

const MAX_HEADERS: usize = 256;

#[derive(Args, Debug)]
pub(super) struct RequestFlags {
    /// File with a request as it was captured: request line, headers, an empty line, the body's bytes; `-` is stdin.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["method", "header", "data_binary", "url", "query"]
    )]
    request: Option<PathBuf>,

    /// As curl has it: the method of a request that is given in flags.
    #[arg(short = 'X', long, value_name = "METHOD", conflicts_with = "query")]
    method: Option<String>,

    /// As curl has it: a header, such as `Stripe-Signature: t=…`; may be repeated.
    #[arg(
        short = 'H',
        long,
        value_name = "NAME: VALUE",
        value_parser = header,
        conflicts_with = "query"
    )]
    header: Vec<(HeaderName, HeaderValue)>,

    /// As curl has it: the body, or `@FILE`.
    #[arg(long, value_name = "TEXT", conflicts_with = "query")]
    data_binary: Option<String>,

    /// Path and parameters: `/hooks/stripe?a=1`; a whole address too.
    #[arg(long, value_name = "PATH", conflicts_with = "query")]
    url: Option<String>,
}

pub(in crate::cli) fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let wrong = "a header is written `Name: value`";
    let (name, value) = text.split_once(':').ok_or(wrong)?;
    let name = name.trim().parse().map_err(|_| wrong)?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| wrong)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[derive(Debug)]
pub(in crate::cli) struct Captured {
    pub(in crate::cli) method: Method,
    pub(in crate::cli) path: String,
    /// `https://hooks.example.com`, where the capture has a whole address; else empty.
    pub(in crate::cli) origin: String,
    /// As sent, without the `?`; none where there is not even that.
    pub(in crate::cli) query: Option<String>,
    pub(in crate::cli) headers: HeaderMap,
    pub(in crate::cli) body: Bytes,
    /// What a person should know of the capture.
    pub(in crate::cli) notes: Vec<String>,
}

pub(super) fn of(flags: &RequestFlags) -> Result<Captured, String> {
    if let Some(path) = &flags.request {
        let bytes = if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.map_err(|error| format!("stdin: {error}"))?;
            bytes
        } else {
            read(path)?
        };
        return Captured::parse(&bytes).map_err(|why| format!("{}: {why}", path.display()));
    }
    if flags.data_binary.is_none() && flags.header.is_empty() {
        return Err(
            "give a request (--request FILE, or -H, --data-binary and --url), an event's id, or --query"
                .to_owned(),
        );
    }
    let body = match flags.data_binary.as_deref() {
        None => Vec::new(),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => read(Path::new(path))?,
            None => text.as_bytes().to_vec(),
        },
    };
    let method = flags.method.as_deref().unwrap_or("POST");
    Captured::new(
        method,
        flags.url.as_deref().unwrap_or_default(),
        flags.header.iter().cloned().collect(),
        body,
    )
}

pub(in crate::cli) fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

impl Captured {
    /// As the gateway would take it in.
    pub(super) fn request(&self) -> WebhookRequest {
        // A path of a capture that is no address proves nothing, and signs nothing.
        let target = match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        let target = target.parse().unwrap_or_else(|_| Uri::from_static("/"));
        WebhookRequest::new(
            self.method.clone(),
            &target,
            self.headers.clone(),
            String::new(),
            self.body.clone(),
        )
    }

    pub(in crate::cli) fn new(
        method: &str,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Self, String> {
        let (origin, path, query) = target(url);
        let mut captured = Self {
            method: method
                .parse()
                .map_err(|_| format!("{method:?} is no method"))?,
            path,
            origin,
            query,
            headers,
            body: body.into(),
            notes: Vec::new(),
        };
        captured.look();
        Ok(captured)
    }

    /// Reads a whole request; lines may end in LF alone, and the request line may lack its version.
    pub(in crate::cli) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = with_version(without_remarks(bytes));
        let mut space = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut space);
        let start = match request.parse(&bytes) {
            Ok(httparse::Status::Complete(start)) => start,
            Ok(httparse::Status::Partial) => {
                return Err("no empty line ends the headers".to_owned());
            }
            Err(error) => {
                return Err(format!(
                    "this is no HTTP request ({error}): a line as `POST /hooks/NAME HTTP/1.1`, the headers, an empty line, the body"
                ));
            }
        };
        let mut headers = HeaderMap::new();
        for header in request.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_bytes(header.value);
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(format!("{:?} is no header", header.name));
            };
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Self::new(
            request.method.unwrap_or_default(),
            request.path.unwrap_or_default(),
            headers,
            bytes.get(start..).unwrap_or_default().to_vec(),
        )
    }

    /// `stripe` of `/hooks/stripe`.
    pub(super) fn source(&self) -> Option<&str> {
        let name = self.path.strip_prefix("/hooks/")?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }

    fn look(&mut self) {
        let chunked = self.headers.get(TRANSFER_ENCODING);
        if chunked.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"))
            && let Some(body) = unchunked(&self.body)
        {
            self.body = body.into();
            self.notes
                .push("the body was sent in chunks, and is put together here".to_owned());
        }
        let said = self.headers.get(CONTENT_LENGTH);
        let said = said.and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
        let found = self.body.len();
        if let Some(said) = said.filter(|&said| said != found) {
            let newline = if said + 1 == found && self.body.ends_with(b"\n") {
                ", the last of which is a newline: most likely an editor's"
            } else {
                ""
            };
            self.notes.push(format!(
                "Content-Length says {said} bytes, and the body here has {found}{newline}"
            ));
        }
    }
}

/// Origin, path and query.
fn target(url: &str) -> (String, String, Option<String>) {
    let (origin, path) = match url.find("://") {
        Some(mark) => {
            let host = mark + "://".len();
            let rest = url.get(host..).unwrap_or_default();
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (origin, path) = url.split_at(host + end);
            (origin, if path.is_empty() { "/" } else { path })
        }
        None => ("", url),
    };
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (path, None),
    };
    (origin.to_owned(), path.to_owned(), query)
}

fn without_remarks(mut bytes: &[u8]) -> &[u8] {
    while let [b'#' | b'\r' | b'\n', ..] = bytes {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        bytes = end.and_then(|at| bytes.get(at + 1..)).unwrap_or_default();
    }
    bytes
}

/// As files of HTTP clients write it, a request line may end with the path.
fn with_version(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let line = end.and_then(|at| bytes.get(..at)).unwrap_or(bytes);
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    let words = text.split_ascii_whitespace().count();
    if words == 2 {
        let rest = bytes.get(line.len()..).unwrap_or_default();
        return [text.as_bytes(), b" HTTP/1.1", rest].concat();
    }
    bytes.to_vec()
}

/// None: these are no chunks, or not all of them; then the bytes stay as they are.
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        bytes = bytes.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_body_is_what_follows_the_empty_line_to_the_byte() {
        for (text, body, notes) in [
            (
                "POST /hooks/a?x=1 HTTP/1.1\r\nA: b\r\n\r\n{}\r\n",
                "{}\r\n",
                0,
            ),
            ("# remark\nPOST /hooks/a?x=1\nA: b\n\n{}", "{}", 0),
            (
                "POST /hooks/a?x=1 HTTP/1.1\nA: b\nContent-Length: 2\n\n{}\n",
                "{}\n",
                1,
            ),
            (
                "POST /hooks/a?x=1 HTTP/1.1\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                "{}",
                1,
            ),
        ] {
            let captured = Captured::parse(text.as_bytes()).unwrap();
            assert_eq!(captured.body, body, "{text}");
            assert_eq!(captured.source(), Some("a"), "{text}");
            assert_eq!(captured.query.as_deref(), Some("x=1"), "{text}");
            assert_eq!(captured.headers["a"], "b", "{text}");
            assert_eq!(captured.notes.len(), notes, "{:?}", captured.notes);
        }
        for text in [
            "",
            "POST",
            "POST / HTTP/1.1\nA: b",
            "POST / HTTP/1.1\nA b\n\n",
        ] {
            assert!(Captured::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _read: Result<_, _> = Captured::parse(&bytes);
            let head = b"POST /hooks/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
            let read = Captured::parse(&[&head[..], &bytes].concat());
            prop_assert!(read.is_ok());
        }
    }
}
