//! Where spans go, which of them, and how many may wait.

use std::time::Duration;

use http::HeaderMap;

/// Everything that an exporter needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The whole address, path included.
    pub endpoint: reqwest::Url,
    /// Sent with every export; a token may be among them, so that each is marked as sensitive.
    pub headers: HeaderMap,
    pub gzip: bool,
    /// For one export, repetitions included.
    pub timeout: Duration,
    /// Who says it: names and values.
    pub resource: Vec<(String, String)>,
    pub sampler: Sampler,
    pub batch: Batch,
}

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Of those that begin here; 0 none, 1 all.
    pub ratio: f64,
    /// Whether a trace that goes on here is recorded where it was recorded before; else it is judged like one that begins.
    pub parent_based: bool,
}

/// How spans wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// More are lost.
    pub queue: usize,
    pub size: usize,
    pub delay: Duration,
}

impl Default for Batch {
    /// OpenTelemetry's own.
    fn default() -> Self {
        Self {
            queue: 2048,
            size: 512,
            delay: Duration::from_secs(5),
        }
    }
}
