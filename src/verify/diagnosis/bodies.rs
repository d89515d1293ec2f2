//! What a body may have been before something on its way changed it.
//!
//! Made one at a time, so that a large body is not held fifty times.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::CONTENT_ENCODING;

use super::super::WebhookRequest;
use super::{Advice, json};

/// Of a body that is unpacked.
const MAX_UNPACKED: u64 = 16 * 1024 * 1024;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A body that may have been signed.
pub(super) struct Form {
    pub(super) cause: &'static str,
    /// A whole sentence.
    pub(super) text: String,
    pub(super) bytes: Vec<u8>,
}

/// The likelier ones first.
pub(super) fn forms(body: &[u8]) -> impl Iterator<Item = Form> + use<'_> {
    let text = std::str::from_utf8(body).ok();
    let ends = ends(body)
        .into_iter()
        .chain(text.into_iter().flat_map(texts))
        .map(|(cause, text, bytes)| Form {
            cause,
            text: text.to_owned(),
            bytes,
        });
    let rewritten = text.into_iter().flat_map(json::rewrites);
    let rewritten = rewritten.map(|(style, text)| Form {
        cause: "body_rewritten",
        text: format!(
            "the signature matches the body written as {style}: something between provider and gateway parsed it and wrote it anew; it must pass the bytes on as they came"
        ),
        bytes: text.into_bytes(),
    });
    ends.chain(rewritten).filter(move |form| form.bytes != body)
}

type Sentence = (&'static str, &'static str, Vec<u8>);

const ADDED: &str = "the signature matches the body without its last newline: something between provider and gateway appended one (an editor or `echo`, if this is a captured file)";
const REMOVED: &str = "the signature matches the body with a newline behind it: something between provider and gateway cut it off (an editor or a copy by hand, if this is a captured file)";

fn ends(body: &[u8]) -> Vec<Sentence> {
    let mut forms = Vec::new();
    let cut = body.strip_suffix(b"\n");
    if let Some(cut) = cut {
        let cut = cut.strip_suffix(b"\r").unwrap_or(cut);
        forms.push(("body_newline_added", ADDED, cut.to_vec()));
    }
    for newline in [&b"\n"[..], b"\r\n"] {
        forms.push(("body_newline_removed", REMOVED, [body, newline].concat()));
    }
    forms.push((
        "body_whitespace",
        "the signature matches the body without the whitespace around it: something between provider and gateway added it",
        body.trim_ascii().to_vec(),
    ));
    forms.extend(body.strip_prefix(BOM).map(|rest| {
        (
            "body_bom",
            "the signature matches the body without the byte order mark before it: something between provider and gateway put one there",
            rest.to_vec(),
        )
    }));
    forms.extend(unpacked(body).map(|plain| {
        (
            "body_gzip",
            "the signature matches the body once it is unpacked: something compressed it (gzip, deflate) after it was signed; have that switched off for webhooks",
            plain,
        )
    }));
    if std::str::from_utf8(body).is_err() {
        let text: String = body.iter().map(|&byte| char::from(byte)).collect();
        forms.push((
            "body_charset",
            "the signature matches the body in UTF-8, and it came in Latin-1: something between provider and gateway changed its character set",
            text.into_bytes(),
        ));
    }
    forms
}

/// Of a body that looks packed; no more than [`MAX_UNPACKED`] bytes, and none where it holds more.
fn unpacked(body: &[u8]) -> Option<Vec<u8>> {
    let read = |packed: &mut dyn Read| {
        let mut plain = Vec::new();
        packed
            .take(MAX_UNPACKED + 1)
            .read_to_end(&mut plain)
            .ok()
            .filter(|&length| length as u64 <= MAX_UNPACKED)
            .map(|_| plain)
    };
    if is_gzip(body) {
        return read(&mut MultiGzDecoder::new(body));
    }
    if is_zlib(body) {
        return read(&mut ZlibDecoder::new(body));
    }
    None
}

fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(b"\x1f\x8b")
}

/// RFC 1950 §2.2: the method, and a check over the two bytes.
fn is_zlib(body: &[u8]) -> bool {
    let [first, second, ..] = body else {
        return false;
    };
    first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
}

/// What `Content-Encoding` says, and the body is not.
fn encoding_left(request: &WebhookRequest) -> Option<&str> {
    let said = request.headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
    let packed = match said.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => is_gzip(&request.body),
        "deflate" => is_zlib(&request.body),
        // Nothing in its first bytes tells.
        _ => true,
    };
    (!packed).then_some(said)
}

/// For a signature that holds over a body that is said to be packed.
pub(super) fn of_encoding(request: &WebhookRequest) -> Advice {
    if let Some(said) = encoding_left(request) {
        let text = format!(
            "the signature holds over the body as it is, and `Content-Encoding: {said}` stands beside a body that is not packed so: something unpacked it and left the header; it must take the header away"
        );
        return Advice::new("body_encoding_header", text);
    }
    Advice::new(
        "body_encoded",
        "the signature holds, and the body is still compressed: have whatever compresses it (a proxy, the sender's client) send it plain",
    )
}

/// What cannot be proven, for no packing can be repeated to the byte: said where nothing that can be was found.
pub(super) fn may_be_unpacked(request: &WebhookRequest, found: &[Advice]) -> Option<Advice> {
    let said = encoding_left(request)?;
    if found.iter().any(|advice| advice.cause != "no_match") {
        return None;
    }
    Some(Advice::new(
        "body_unpacked",
        format!(
            "perhaps: `Content-Encoding: {said}` stands beside a body that is not packed so; if the sender signs the packed bytes, whatever unpacked them (a proxy, a load balancer) broke the signature and must pass them on as they came"
        ),
    ))
}

fn texts(text: &str) -> Vec<Sentence> {
    let lf = text.replace("\r\n", "\n");
    let crlf = lf.replace('\n', "\r\n");
    let mut forms: Vec<Sentence> = Vec::new();
    let (to_crlf, to_lf) = ("body_crlf", "body_lf");
    forms.push((to_crlf, "the signature matches the body with line ends of LF: something between provider and gateway turned them into CRLF", lf.into_bytes()));
    forms.push((to_lf, "the signature matches the body with line ends of CRLF: something between provider and gateway turned them into LF", crlf.into_bytes()));
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    forms.extend(latin1.map(|bytes| {
        (
            "body_charset",
            "the signature matches the body in Latin-1 (or the UTF-8 that was taken for it): something between provider and gateway changed its character set",
            bytes,
        )
    }));
    let fields: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
    if text.contains('=') && !text.trim_start().starts_with(['{', '[']) {
        let written: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        forms.push((
            "body_form",
            "the signature matches the form's fields encoded anew: something between provider and gateway decoded them and wrote them otherwise",
            written.into_bytes(),
        ));
        forms.push((
            "body_form",
            "the signature matches the form's fields encoded anew, spaces as %20: something between provider and gateway decoded them and wrote them otherwise",
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&fields)
                .finish()
                .replace('+', "%20")
                .into_bytes(),
        ));
        let decoded: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        forms.push((
            "body_form_decoded",
            "the signature matches the form decoded: the sender signs it before it is encoded",
            decoded.join("&").into_bytes(),
        ));
        forms.extend(fields.iter().take(8).map(|(_, value)| {
            (
                "body_form_field",
                "the signature matches one field of the form: the provider signs that field's text, not the form",
                value.as_bytes().to_vec(),
            )
        }));
    } else {
        // A form that was decoded on its way.
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        forms.push((
            "body_form",
            "the signature matches the body with percent-encoding: something between provider and gateway decoded it",
            encoded.into_bytes(),
        ));
    }
    forms.push((
        "body_signed_empty",
        "the signature matches an empty body: the sender signs before it has put the body in",
        Vec::new(),
    ));
    forms
}
