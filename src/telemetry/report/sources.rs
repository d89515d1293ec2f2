//! When sources last sent something, and which of them have been silent for too long.

use std::time::Duration;

use super::super::Telemetry;
use super::super::metrics::BySource;
use crate::clock::Timestamp;

impl Telemetry {
    /// A source has sent a proven event at that time, here or where others share the store.
    pub fn source_sent(&self, source: &str, at: Timestamp) {
        let last = self.metrics.source_last_event.get_or_create(&of(source));
        last.set(last.get().max(at.seconds()));
    }

    /// As far as this process knows.
    #[must_use]
    pub fn source_last_sent(&self, source: &str) -> Option<Timestamp> {
        let last = self.metrics.source_last_event.get(&of(source))?;
        Some(Timestamp::from_seconds(last.get()))
    }

    /// The sources of a routing file now served that say `silence`, and what they say.
    pub fn silence_watched<'a>(&self, sources: impl IntoIterator<Item = (&'a str, Duration)>) {
        self.metrics.source_silence.clear();
        self.metrics.source_silent.clear();
        for (source, silence) in sources {
            let silence = silence.as_secs_f64();
            self.metrics
                .source_silence
                .get_or_create(&of(source))
                .set(silence);
        }
    }

    pub fn set_source_silent(&self, source: &str, silent: bool) {
        self.metrics
            .source_silent
            .get_or_create(&of(source))
            .set(i64::from(silent));
    }

    /// Said once, when it begins.
    pub fn source_fell_silent(&self, source: &str, quiet: Duration) {
        let seconds = quiet.as_secs();
        tracing::error!(
            source,
            seconds,
            "the source has sent nothing for longer than its `silence`"
        );
    }

    pub fn source_speaks_again(&self, source: &str) {
        tracing::info!(source, "the source sends again");
    }
}

fn of(source: &str) -> BySource {
    BySource {
        source: source.to_owned(),
    }
}
