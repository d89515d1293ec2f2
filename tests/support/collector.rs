//! A receiver of traces: OTLP over HTTP, real requests on a real port, spans decoded from protobuf and kept.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Status;
use opentelemetry_proto::tonic::trace::v1::{Span as Sent, span};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::until;

/// One span as it came; ids in hexadecimal digits.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty: it has none.
    pub(crate) parent: String,
    pub(crate) kind: i32,
    /// Trace and span of each.
    pub(crate) links: Vec<(String, String)>,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) failed: bool,
    pub(crate) service: String,
}

impl Span {
    pub(crate) fn is_server(&self) -> bool {
        self.kind == span::SpanKind::Server as i32
    }

    pub(crate) fn is_client(&self) -> bool {
        self.kind == span::SpanKind::Client as i32
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct Kept {
    spans: Mutex<Vec<Span>>,
    /// Bodies as they stand after decompression.
    raw: Mutex<Vec<u8>>,
    headers: Mutex<Vec<HeaderMap>>,
    /// It takes requests and never answers.
    hangs: bool,
}

pub(crate) struct Collector {
    address: String,
    kept: Arc<Kept>,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::with(Kept::default()).await
    }

    /// One that takes requests and never answers.
    pub(crate) async fn hanging() -> Self {
        Self::with(Kept {
            hangs: true,
            ..Kept::default()
        })
        .await
    }

    async fn with(kept: Kept) -> Self {
        let kept = Arc::new(kept);
        let router = Router::new().route("/v1/traces", post(receive));
        let router = router.with_state(Arc::clone(&kept));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            address: format!("http://{address}"),
            kept,
            serving,
        }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.kept.spans.lock().expect("spans").clone()
    }

    /// The first span that fits; waits for it.
    pub(crate) async fn span(&self, what: &str, fits: impl Fn(&Span) -> bool) -> Span {
        let found = || self.spans().into_iter().find(|span| fits(span));
        until(&format!("a span: {what}"), || found().is_some()).await;
        found().expect("it was there")
    }

    /// Everything that came, as bytes.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.kept.raw.lock().expect("bytes").clone()
    }

    /// Of each request.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.kept.headers.lock().expect("headers").clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(Shared(kept): Shared<Arc<Kept>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if kept.hangs {
        std::future::pending::<()>().await;
    }
    let body = if headers
        .get("content-encoding")
        .is_some_and(|it| it == "gzip")
    {
        let mut plain = Vec::new();
        let mut packed = flate2::read::GzDecoder::new(&*body);
        packed.read_to_end(&mut plain).expect("gzip");
        Bytes::from(plain)
    } else {
        body
    };
    kept.headers.lock().expect("headers").push(headers);
    kept.raw.lock().expect("bytes").extend_from_slice(&body);
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut spans = kept.spans.lock().expect("spans");
    for resource in request.resource_spans {
        let service = resource.resource.map(|resource| of(resource.attributes));
        let service = service.and_then(|mut known| known.remove("service.name"));
        for scope in resource.scope_spans {
            let read = scope.spans.into_iter();
            spans.extend(read.map(|span| read_span(span, service.clone().unwrap_or_default())));
        }
    }
    StatusCode::OK
}

fn read_span(sent: Sent, service: String) -> Span {
    let link = |link: span::Link| (hex::encode(link.trace_id), hex::encode(link.span_id));
    Span {
        name: sent.name,
        trace: hex::encode(sent.trace_id),
        id: hex::encode(sent.span_id),
        parent: hex::encode(sent.parent_span_id),
        kind: sent.kind,
        links: sent.links.into_iter().map(link).collect(),
        attributes: of(sent.attributes),
        failed: sent
            .status
            .is_some_and(|status| status.code == Status::Error as i32),
        service,
    }
}

fn of(attributes: Vec<KeyValue>) -> HashMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |pair: KeyValue| (pair.key, text(pair.value));
    attributes.into_iter().map(pair).collect()
}
