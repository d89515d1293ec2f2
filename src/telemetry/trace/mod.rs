//! Traces by OpenTelemetry: a span for each webhook and query, one for each stage of them, one for each attempt at a
//! delivery.
//!
//! [`Tracer`] makes spans, [`Span`] is one. Off, both are nothing: no thread, no allocation, no id. What goes into a span is
//! names of routes.toml, ids and codes of ours; never a body, a header, a secret, or an error's own words. Spans leave by
//! `export`, which never makes anybody wait. May import `event` and what lies below it.

mod export;
mod options;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};

use super::metrics::Metrics;
use crate::event::TraceContext;
pub use export::Error;
pub use options::{Batch, Options, Sampler};

/// Makes spans, or nothing. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<On>>);

#[derive(Debug)]
struct On {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// What a request says of the trace that it is part of, and whether who says it is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    pub context: Option<TraceContext>,
    pub trusted: bool,
}

impl Tracer {
    /// Exports from now on; must be called within a runtime, which carries the exports.
    pub(super) fn start(options: Options, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let provider = export::provider(options, metrics)?;
        let scope = InstrumentationScope::builder("signalpost")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let tracer = provider.tracer_with_scope(scope);
        Ok(Self(Some(Arc::new(On { provider, tracer }))))
    }

    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The span of one request. Of a peer that is trusted it goes on with the peer's trace; of any other it begins one of its
    /// own, and links to what the peer said: a stranger chooses neither our ids nor what is recorded.
    #[must_use]
    pub fn request(
        &self,
        method: &'static str,
        route: impl fmt::Display,
        incoming: Incoming,
    ) -> Span {
        let Some(on) = &self.0 else {
            return Span::default();
        };
        let name = format!("{method} {route}");
        let (parent, link) = if incoming.trusted {
            (incoming.context, None)
        } else {
            (None, incoming.context)
        };
        let mut span = on.span(name.into(), SpanKind::Server, parent, link);
        span.set("http.request.method", method);
        span.note("http.route", route);
        span
    }

    /// The span of something done for a trace that may have begun long ago, and elsewhere; none: a trace of its own.
    #[must_use]
    pub fn continued(&self, name: impl FnOnce() -> String, parent: Option<TraceContext>) -> Span {
        match &self.0 {
            Some(on) => on.span(name().into(), SpanKind::Client, parent, None),
            None => Span::default(),
        }
    }

    /// Hands over what is waiting, for no longer than this. What does not get out is lost.
    pub async fn close(&self, within: Duration) {
        let Some(on) = self.0.clone() else { return };
        let closed = tokio::task::spawn_blocking(move || on.provider.shutdown_with_timeout(within));
        if !matches!(closed.await, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be exported");
        }
    }
}

impl On {
    fn span(
        self: &Arc<Self>,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: Option<TraceContext>,
        link: Option<TraceContext>,
    ) -> Span {
        let parent = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(remote(parent))
        });
        let links = link
            .map(|link| Link::with_context(remote(link)))
            .into_iter();
        let builder = self.tracer.span_builder(name).with_kind(kind);
        let builder = builder.with_links(links.collect());
        let span = self.tracer.build_with_context(builder, &parent);
        Span::live(self, span)
    }
}

/// One span, which ends when it is dropped; or nothing.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Live>>);

#[derive(Debug)]
struct Live {
    on: Arc<On>,
    span: SdkSpan,
}

impl Span {
    fn live(on: &Arc<On>, span: SdkSpan) -> Self {
        let on = Arc::clone(on);
        Self(Some(Box::new(Live { on, span })))
    }

    /// What others go on from; there is one for a span that is not recorded too.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span.span_context();
        TraceContext::new(
            context.trace_id().to_bytes(),
            context.span_id().to_bytes(),
            context.is_sampled(),
        )
    }

    /// A part of this one.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        match self.recorded() {
            Some(Live { on, span }) => {
                let parent = Context::new().with_remote_span_context(span.span_context().clone());
                Self::live(on, on.tracer.start_with_context(name, &parent))
            }
            None => Self::default(),
        }
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(live) = self.recorded_mut() {
            live.span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// The same of something that is put into words only where it is recorded.
    pub fn note(&mut self, key: &'static str, value: impl fmt::Display) {
        if let Some(live) = self.recorded_mut() {
            live.span
                .set_attribute(KeyValue::new(key, value.to_string()));
        }
    }

    /// `code` is a constant of ours.
    pub fn fail(&mut self, code: &'static str) {
        if let Some(live) = self.recorded_mut() {
            live.span.set_attribute(KeyValue::new("error.type", code));
            live.span.set_status(Status::error(code));
        }
    }

    fn recorded(&self) -> Option<&Live> {
        self.0.as_deref().filter(|live| live.span.is_recording())
    }

    fn recorded_mut(&mut self) -> Option<&mut Live> {
        self.0
            .as_deref_mut()
            .filter(|live| live.span.is_recording())
    }
}

fn remote(context: TraceContext) -> SpanContext {
    let flags = if context.is_sampled() {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    SpanContext::new(
        TraceId::from_bytes(context.trace()),
        SpanId::from_bytes(context.span()),
        flags,
        true,
        TraceState::default(),
    )
}
