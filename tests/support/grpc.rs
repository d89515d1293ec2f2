//! gRPC as bytes: one message in, one message or a status out.
//!
//! Enough of the protocol for a server of unary calls without generated stubs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use prost::{Message, Name};
use std::convert::Infallible;
use temporalio_common::protos::google::rpc;
use tonic::{Code, Status};

pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// Flag byte and length, before every message.
const PREFIX: usize = 5;

pub(crate) fn decode<M: Message + Default>(body: &Bytes) -> M {
    M::decode(&body[PREFIX..]).expect("a message of the method's type")
}

/// `message`: encoded.
pub(crate) fn ok(message: &[u8]) -> Response<Body> {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a short message"));
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    response(BodyExt::boxed(body))
}

/// A status without a message travels in the headers.
pub(crate) fn failed(status: &Status) -> Response<Body> {
    let mut response = response(BodyExt::boxed(Empty::new()));
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(status.code() as i32));
    let text = HeaderValue::from_str(status.message()).expect("plain ASCII in tests");
    headers.insert("grpc-message", text);
    if !status.details().is_empty() {
        let details = STANDARD_NO_PAD.encode(status.details());
        let details = HeaderValue::from_str(&details).expect("base64");
        headers.insert("grpc-status-details-bin", details);
    }
    response
}

/// A status as Temporal sends it: with one detail message.
pub(crate) fn status<D: Message + Name>(code: Code, message: &str, detail: &D) -> Status {
    let outer = rpc::Status {
        code: code as i32,
        message: message.to_owned(),
        details: vec![prost_wkt_types::Any {
            type_url: format!("type.googleapis.com{}", D::type_url()),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, outer.encode_to_vec().into())
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}
