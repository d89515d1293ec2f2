//! How spans leave: a bounded queue, one thread that empties it, one request for each batch.
//!
//! Whoever ends a span never waits: where the queue is full the span is lost. What is lost is counted, and said at most once
//! a minute. The address is never logged, for it may hold a token; nor are the headers.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, Protocol, SpanExporter as Otlp, WithExportConfig,
    WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler as SdkSampler, SdkTracerProvider, Span,
    SpanData, SpanExporter, SpanProcessor,
};

use super::super::log;
use super::super::metrics::{ByReason, Metrics};
use super::{Options, Sampler};
use crate::clock;

/// A receiver's answer beyond this is none.
const MAX_ANSWER: usize = 64 << 10;

/// Seconds between two lines about spans that are lost.
const LINE_EVERY: i64 = 60;

/// Why spans cannot be exported at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the client for OTEL_EXPORTER_OTLP_ENDPOINT cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the OpenTelemetry exporter cannot be made: {0}")]
    Exporter(#[from] ExporterBuildError),
}

pub(super) fn provider(
    options: Options,
    metrics: Arc<Metrics>,
) -> Result<SdkTracerProvider, Error> {
    let losses = Arc::new(Losses::new(metrics));
    let client = Client {
        http: reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("signalpost/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            .build()?,
        headers: options.headers,
        runtime: tokio::runtime::Handle::current(),
        losses: Arc::clone(&losses),
    };
    let mut builder = Otlp::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(options.endpoint.as_str())
        .with_timeout(options.timeout);
    if options.gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    let queued = Arc::new(AtomicUsize::new(0));
    let exporter = Exporter {
        inner: builder.build()?,
        queued: Arc::clone(&queued),
        losses: Arc::clone(&losses),
    };
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(options.batch.queue)
        .with_max_export_batch_size(options.batch.size)
        .with_scheduled_delay(options.batch.delay)
        .build();
    let processor = Queue {
        inner: BatchSpanProcessor::builder(exporter)
            .with_batch_config(batch)
            .build(),
        queued,
        most: options.batch.queue,
        losses,
    };
    let resource = options.resource.into_iter();
    let resource = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(resource.map(|(name, value)| KeyValue::new(name, value)))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler(options.sampler))
        .with_resource(resource)
        .build())
}

fn sampler(sampler: Sampler) -> SdkSampler {
    let root = if sampler.ratio >= 1.0 {
        SdkSampler::AlwaysOn
    } else if sampler.ratio <= 0.0 {
        SdkSampler::AlwaysOff
    } else {
        SdkSampler::TraceIdRatioBased(sampler.ratio)
    };
    if sampler.parent_based {
        SdkSampler::ParentBased(Box::new(root))
    } else {
        root
    }
}

/// The crate's queue tells nobody when it is full: here it is never asked to take more than it can.
#[derive(Debug)]
struct Queue {
    inner: BatchSpanProcessor,
    queued: Arc<AtomicUsize>,
    most: usize,
    losses: Arc<Losses>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.losses.lost(1, "queue_full");
            return;
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// The crate's exporter, and what became of what it was given.
#[derive(Debug)]
struct Exporter {
    inner: Otlp,
    queued: Arc<AtomicUsize>,
    losses: Arc<Losses>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.inner.export(batch).await;
        self.queued.fetch_sub(count, Ordering::Relaxed);
        if result.is_err() {
            self.losses.lost(count, "export_failed");
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[derive(Debug)]
struct Losses {
    metrics: Arc<Metrics>,
    /// When the last line was written, in seconds since 1970.
    said: AtomicI64,
    /// Why the last export failed, in words without an address.
    why: Mutex<String>,
}

impl Losses {
    fn new(metrics: Arc<Metrics>) -> Self {
        for reason in ["queue_full", "export_failed"] {
            metrics
                .spans_dropped
                .get_or_create(&ByReason { reason })
                .inc_by(0);
        }
        Self {
            metrics,
            said: AtomicI64::new(0),
            why: Mutex::default(),
        }
    }

    fn lost(&self, count: usize, reason: &'static str) {
        let counter = self
            .metrics
            .spans_dropped
            .get_or_create(&ByReason { reason });
        counter.inc_by(count as u64);
        let (now, said) = (clock::now().seconds(), self.said.load(Ordering::Relaxed));
        let claim = |said| {
            let order = Ordering::Relaxed;
            self.said.compare_exchange(said, now, order, order).is_ok()
        };
        if now.saturating_sub(said) >= LINE_EVERY && claim(said) {
            let error = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            tracing::warn!(
                reason,
                error = *error,
                "spans are lost; the metric signalpost_spans_dropped_total counts them"
            );
        }
    }

    fn failed(&self, why: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// Carries a batch on our runtime: the thread that waits for it has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    headers: HeaderMap,
    runtime: tokio::runtime::Handle,
    losses: Arc<Losses>,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        request.headers_mut().extend(self.headers.clone());
        let sent = self.runtime.spawn(send(self.http.clone(), request));
        let sent = sent.await.map_err(HttpError::from).and_then(|sent| sent);
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self
                .losses
                .failed(format!("the receiver answered {}", answer.status())),
            Err(error) => self.losses.failed(log::causes(&**error)),
        }
        sent
    }
}

async fn send(
    http: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request).map_err(reqwest::Error::without_url)?;
    let answer = http.execute(request).await;
    let mut answer = answer.map_err(reqwest::Error::without_url)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err("the receiver's answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    std::mem::swap(response.headers_mut(), answer.headers_mut());
    Ok(response)
}
