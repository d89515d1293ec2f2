//! `silence`: an alarm for a source that has sent nothing for longer than it ever should.
//!
//! Judged by the last event seen here, or else by the newest in the store, so that neither a restart nor the replica next
//! door counts as silence; a source of which the store has nothing recent is judged from the start of the watch. Imports what
//! `gateway` does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{self, Timestamp};
use crate::config::{Plan, PlanHandle};
use crate::inbox::{EventFilter, Inbox};
use crate::telemetry::Telemetry;

/// How often sources are judged.
const TICK: Duration = Duration::from_secs(1);
/// How often the store is asked about one that seems silent.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// One source that says `silence`.
#[derive(Debug)]
struct Watched {
    limit: Duration,
    since: Timestamp,
    asked_at: Option<Timestamp>,
    silent: bool,
}

/// The sources of the plan of now.
struct Watch {
    inbox: Inbox,
    telemetry: Telemetry,
    sources: HashMap<Arc<str>, Watched>,
}

/// Watches until `stop` is ready.
pub(super) async fn watch(
    plan: Arc<PlanHandle>,
    inbox: Inbox,
    telemetry: Telemetry,
    stop: impl Future<Output = ()>,
) {
    let mut watch = Watch {
        inbox,
        telemetry,
        sources: HashMap::new(),
    };
    tokio::select! {
        () = stop => {}
        () = watch.run(&plan) => {}
    }
}

impl Watch {
    async fn run(&mut self, plan: &PlanHandle) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut adopted: Option<Arc<Plan>> = None;
        loop {
            ticks.tick().await;
            let current = plan.current();
            if !adopted
                .as_ref()
                .is_some_and(|plan| Arc::ptr_eq(plan, &current))
            {
                self.adopt(&current);
                adopted = Some(current);
            }
            self.judge().await;
        }
    }

    /// What was watched before goes on being watched.
    fn adopt(&mut self, plan: &Plan) {
        let mut before = std::mem::take(&mut self.sources);
        for (name, source) in &plan.sources {
            let Some(limit) = source.silence else {
                continue;
            };
            let watched = before.remove(name).unwrap_or_else(|| Watched {
                limit,
                since: clock::now(),
                asked_at: None,
                silent: false,
            });
            self.sources
                .insert(Arc::clone(name), Watched { limit, ..watched });
        }
        let limits = self.sources.iter().map(|(name, it)| (&**name, it.limit));
        self.telemetry.silence_watched(limits);
    }

    async fn judge(&mut self) {
        for (name, watched) in &mut self.sources {
            let quiet = watched.quiet(name, &self.telemetry);
            let due = watched
                .asked_at
                .is_none_or(|at| clock::now().since(at) >= ASK_AGAIN);
            if due && (quiet >= watched.limit || watched.asked_at.is_none()) {
                watched.asked_at = Some(clock::now());
                if let Some(at) = newest(&self.inbox, name).await {
                    self.telemetry.source_sent(name, at);
                }
            }
            let quiet = watched.quiet(name, &self.telemetry);
            let silent = quiet >= watched.limit;
            match (watched.silent, silent) {
                (false, true) => self.telemetry.source_fell_silent(name, quiet),
                (true, false) => self.telemetry.source_speaks_again(name),
                (true, true) | (false, false) => {}
            }
            watched.silent = silent;
            self.telemetry.set_source_silent(name, silent);
        }
    }
}

impl Watched {
    fn quiet(&self, name: &str, telemetry: &Telemetry) -> Duration {
        let last = telemetry.source_last_sent(name).unwrap_or(self.since);
        clock::now().since(last)
    }
}

/// When the newest event of a source came, if it is among the newest of all: one page of the store, no more.
async fn newest(inbox: &Inbox, source: &str) -> Option<Timestamp> {
    let filter = EventFilter {
        source: Some(source.to_owned()),
        limit: 1,
        ..EventFilter::default()
    };
    match inbox.events(filter).await {
        Ok(page) => page.events.first().map(|record| record.event.received_at),
        Err(error) => {
            tracing::debug!(source, %error, "the store does not say when the source last sent");
            None
        }
    }
}
