//! What the process says about itself: log, metrics, audit, traces.
//!
//! [`Telemetry`] is the one handle; [`report`] gives it a method for each fact, which writes the log
//! line and moves the metric together, so that the two cannot disagree. Stages return reasons and
//! their callers report them. Nothing here takes a body, a secret or a label chosen by a request.
//! May import `event` and what lies below it: the numbers of higher modules come in as plain numbers.

pub mod audit;
pub mod log;
mod metrics;
pub mod report;
pub mod trace;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock;
use metrics::Metrics;
use trace::Tracer;

/// The handle that everything reports through. Cheap to clone; clones share the metrics.
#[derive(Clone, Debug)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    audit: Arc<audit::Sink>,
    tracer: Tracer,
}

impl Telemetry {
    /// With audit lines on stderr.
    #[must_use]
    pub fn new() -> Self {
        Self::with(audit::Sink::stderr())
    }

    /// With audit lines where they are wanted; a file is opened now.
    pub fn open(target: &audit::Target) -> Result<Self, audit::Error> {
        let sink = audit::Sink::open(target, clock::now()).map_err(|source| audit::Error {
            path: match target {
                audit::Target::Stderr => PathBuf::new(),
                audit::Target::File(options) => options.path.clone(),
            },
            source,
        })?;
        Ok(Self::with(sink))
    }

    fn with(sink: audit::Sink) -> Self {
        Self {
            metrics: Arc::new(Metrics::new()),
            audit: Arc::new(sink),
            tracer: Tracer::default(),
        }
    }

    /// The same, with spans that go where `options` say; none: nowhere. Clones made before know nothing of it.
    pub fn traced(self, options: Option<trace::Options>) -> Result<Self, trace::Error> {
        let tracer = match options {
            Some(options) => Tracer::start(options, Arc::clone(&self.metrics))?,
            None => Tracer::default(),
        };
        Ok(Self { tracer, ..self })
    }

    #[must_use]
    pub const fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// All metrics as OpenMetrics text, media type [`METRICS_MEDIA_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        self.metrics.render()
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

pub const METRICS_MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
