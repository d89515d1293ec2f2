//! How much at once, for each namespace: grown while Temporal keeps up, halved when it does not. Pure.
//!
//! Slow start, then additive increase and multiplicative decrease, as in TCP (RFC 5681): there is no right
//! constant, and a backlog of a million must not be what takes Temporal down. A throttled namespace pauses alone; what concerns
//! the whole cluster pauses all. Time is an argument. Imports `clock` and the kinds of failure.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::temporal::FailureKind;

/// What a namespace that nothing is known of begins with.
const FIRST_WINDOW: f64 = 16.0;
/// Answers that are this many times slower than the best, and slow at all, are a queue on the other side.
const SLOWER: u32 = 8;
const SLOW: Duration = Duration::from_millis(500);
/// One halving for what was in flight together.
const ROUND: Duration = Duration::from_millis(250);
const NAMESPACE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
const SYSTEM_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// What one call says about the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Answered,
    NamespaceThrottled,
    SystemThrottled,
    TimedOut,
    /// Nothing was asked of the server.
    Nothing,
}

impl Sign {
    pub(super) const fn of(failure: Option<FailureKind>) -> Self {
        match failure {
            Some(FailureKind::NamespaceThrottled) => Self::NamespaceThrottled,
            Some(FailureKind::SystemThrottled) => Self::SystemThrottled,
            Some(FailureKind::Ambiguous) => Self::TimedOut,
            Some(FailureKind::Transient) => Self::Nothing,
            Some(
                FailureKind::WorkflowNotFound
                | FailureKind::NamespaceNotFound
                | FailureKind::AlreadyStarted { .. }
                | FailureKind::PayloadTooLarge
                | FailureKind::SignalLimit
                | FailureKind::RunEnding
                | FailureKind::BadArgument
                | FailureKind::BusyWorkflow
                | FailureKind::Unauthorized
                | FailureKind::Unimplemented
                | FailureKind::Other,
            )
            | None => Self::Answered,
        }
    }
}

#[derive(Debug)]
pub(super) struct Pressure {
    /// The largest window.
    most: f64,
    /// As many as the routing file names, over time.
    namespaces: HashMap<Box<str>, Namespace>,
    system: Pause,
}

#[derive(Debug)]
struct Namespace {
    /// How many calls may be in flight; its fraction is growth that has not added up to one yet.
    window: f64,
    /// Below it the window doubles with each full window of answers: nothing has ever gone wrong there.
    proven: f64,
    in_flight: usize,
    /// How many of these are looks at a workflow that is waited for.
    looks: usize,
    pause: Pause,
    halved_at: Timestamp,
    latency: Option<Latency>,
}

/// Nothing is sent until then; longer each time it comes back at once.
#[derive(Debug, Default)]
struct Pause {
    until: Timestamp,
    streak: u32,
}

#[derive(Clone, Copy, Debug)]
struct Latency {
    best: Duration,
    recent: Duration,
}

impl Pressure {
    /// `most`: in flight at once, of one namespace.
    pub(super) fn new(most: usize) -> Self {
        let most = u32::try_from(most.max(1)).unwrap_or(u32::MAX);
        Self {
            most: f64::from(most),
            namespaces: HashMap::new(),
            system: Pause::default(),
        }
    }

    /// How many more may be sent to the namespace now.
    pub(super) fn room(&self, namespace: &str, now: Timestamp) -> usize {
        if self.system.holds(now) {
            return 0;
        }
        match self.namespaces.get(namespace) {
            Some(it) if it.pause.holds(now) => 0,
            Some(it) => it.slots().saturating_sub(it.in_flight),
            None => slots(FIRST_WINDOW.min(self.most)),
        }
    }

    /// Whether signals alone keep the namespace busy: looks for absent workflows then give way.
    pub(super) fn is_tight(&self, namespace: &str) -> bool {
        let known = self.namespaces.get(namespace);
        known.is_some_and(|it| {
            let signals = it.in_flight.saturating_sub(it.looks);
            signals * 2 >= it.slots() || it.pause.streak > 0
        })
    }

    pub(super) fn begin(&mut self, namespace: &str, look: bool) {
        let it = self.namespace(namespace);
        it.in_flight += 1;
        it.looks += usize::from(look);
    }

    pub(super) fn end(&mut self, namespace: &str, look: bool) {
        let it = self.namespace(namespace);
        it.in_flight = it.in_flight.saturating_sub(1);
        it.looks = it.looks.saturating_sub(usize::from(look));
    }

    /// What a call to the namespace came to, and how long it took.
    pub(super) fn observe(&mut self, namespace: &str, sign: Sign, took: Duration, now: Timestamp) {
        let most = self.most;
        match sign {
            Sign::Nothing => return,
            Sign::SystemThrottled => self.system.start(SYSTEM_PAUSE, now),
            Sign::Answered => self.system.streak = 0,
            Sign::NamespaceThrottled | Sign::TimedOut => {}
        }
        let it = self.namespace(namespace);
        match sign {
            Sign::Nothing => {}
            Sign::Answered => {
                it.pause.streak = 0;
                if it.slowed_down(took) {
                    it.halve(now);
                } else {
                    it.grow(most);
                }
            }
            Sign::NamespaceThrottled => {
                it.pause.start(NAMESPACE_PAUSE, now);
                it.halve(now);
            }
            Sign::SystemThrottled | Sign::TimedOut => it.halve(now),
        }
    }

    /// When the next pause ends.
    pub(super) fn reopens(&self, now: Timestamp) -> Option<Timestamp> {
        let namespaces = self.namespaces.values().map(|it| &it.pause);
        namespaces
            .chain([&self.system])
            .map(|pause| pause.until)
            .filter(|until| *until > now)
            .min()
    }

    fn namespace(&mut self, name: &str) -> &mut Namespace {
        let window = FIRST_WINDOW.min(self.most);
        self.namespaces
            .entry(name.into())
            .or_insert_with(|| Namespace {
                window,
                proven: f64::INFINITY,
                in_flight: 0,
                looks: 0,
                pause: Pause::default(),
                halved_at: Timestamp::default(),
                latency: None,
            })
    }
}

impl Namespace {
    fn slots(&self) -> usize {
        slots(self.window)
    }

    /// By one for each answer, and once something has gone wrong, from half of that on, by one for each full window of
    /// answers. A window that is not used says nothing about a larger one.
    fn grow(&mut self, most: f64) {
        if self.in_flight * 2 >= self.slots() {
            let step = if self.window < self.proven {
                1.0
            } else {
                1.0 / self.window
            };
            self.window = (self.window + step).min(most);
        }
    }

    fn halve(&mut self, now: Timestamp) {
        if now.since(self.halved_at) >= ROUND {
            self.window = (self.window / 2.0).max(1.0);
            self.proven = self.window;
            self.halved_at = now;
            // What is slow at half the load is measured anew.
            if let Some(latency) = &mut self.latency {
                latency.recent = latency.best;
            }
        }
    }

    fn slowed_down(&mut self, took: Duration) -> bool {
        let Some(latency) = &mut self.latency else {
            self.latency = Some(Latency {
                best: took,
                recent: took,
            });
            return false;
        };
        latency.recent = latency.recent * 7 / 8 + took / 8;
        // The best is forgotten slowly: a server may have become slower for good.
        latency.best = (latency.best + latency.best / 1024).min(latency.recent);
        latency.recent >= SLOW && latency.recent >= latency.best * SLOWER
    }
}

impl Pause {
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// What was in flight when it began does not make it longer.
    fn start(&mut self, (first, longest): (Duration, Duration), now: Timestamp) {
        if self.holds(now) {
            return;
        }
        let factor = 1_u32 << self.streak.min(10);
        self.until = now.plus(first.saturating_mul(factor).min(longest));
        self.streak = self.streak.saturating_add(1);
    }
}

/// At least one: a namespace is never given up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a window is between 1 and the number of slots, which is small"
)]
fn slots(window: f64) -> usize {
    (window as usize).max(1)
}

#[cfg(test)]
mod tests;
