//! The plan that runs, and how a new one takes its place.
//!
//! Everything that can fail is done first, then one pointer is swapped (P8): a bad file never replaces
//! a good plan, and a request keeps the plan that it began with. Under a bad file the secrets of the
//! plan that runs are renewed all the same. Knows no signals and no HTTP: who wants a reload calls
//! [`PlanHandle::reload`], who wants to know of one subscribes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{Files, Loaded, Options, Plan, Problem, compile_after, load, load_after};
use crate::clock::{self, Timestamp};

/// Content is looked at this often, which keeps "within 5 s" with room to spare.
const POLL: Duration = Duration::from_secs(1);

/// The current plan, for everybody who needs it.
#[derive(Debug)]
pub struct PlanHandle {
    path: PathBuf,
    options: Options,
    current: ArcSwap<Plan>,
    /// What the last attempt read, whether or not it gave a plan. Held while a plan is compiled, so that
    /// two reloads cannot overtake each other.
    files: Mutex<Files>,
    status: watch::Sender<Status>,
}

/// What `GET /v1/config` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub digest: String,
    /// 1 for the plan of the start, one more for each that took its place.
    pub generation: u64,
    pub loaded_at: Timestamp,
    /// Why the last reload was refused, its problems as text; none if it was not.
    pub last_problem: Option<String>,
    /// One line on what the plan has that the one before had not; none for the plan of the start.
    pub last_change: Option<String>,
}

impl PlanHandle {
    /// The plan of the start, with its warnings; or every problem.
    pub fn open(
        path: PathBuf,
        options: Options,
    ) -> Result<(Arc<Self>, Vec<Problem>), Vec<Problem>> {
        let loaded = load(&path, &options);
        let Some(plan) = loaded.plan else {
            return Err(loaded.problems);
        };
        let status = Status {
            digest: plan.digest.clone(),
            generation: 1,
            loaded_at: clock::now(),
            last_problem: None,
            last_change: None,
        };
        let handle = Self {
            path,
            options,
            current: ArcSwap::from_pointee(plan),
            files: Mutex::new(loaded.files),
            status: watch::Sender::new(status),
        };
        Ok((Arc::new(handle), loaded.problems))
    }

    #[must_use]
    pub fn current(&self) -> Arc<Plan> {
        self.current.load_full()
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Changes with every attempt to reload; a new `generation` says that the plan is another.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Compiles everything, then swaps. The warnings of the new plan, or why there is none. Reads
    /// files: async callers come through `spawn_blocking`.
    pub fn reload(&self) -> Result<Vec<Problem>, Vec<Problem>> {
        let mut held = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let running = self.current();
        let loaded = load_after(&self.path, &self.options, Some(&running));
        let Loaded {
            plan,
            problems,
            files,
            ..
        } = loaded;
        if let Some(plan) = plan {
            *held = files;
            self.swap(&running, plan, None);
            for warning in &problems {
                tracing::warn!(code = warning.code, "routing file:\n{warning}");
            }
            return Ok(problems);
        }
        let texts: Vec<String> = problems.iter().map(Problem::to_string).collect();
        let why = texts.join("\n");
        let again = self.compile_again(&running);
        *held = files.and(again.files);
        match again.plan {
            Some(plan) if plan.holds_other_secrets(&running) => {
                self.swap(&running, plan, Some(why));
            }
            _ => self
                .status
                .send_modify(|status| status.last_problem = Some(why)),
        }
        Err(problems)
    }

    /// The routing file that runs, with its secrets as they are now.
    fn compile_again(&self, running: &Plan) -> Loaded {
        let file = self.path.display().to_string();
        let files = Files::default();
        compile_after(&running.text, &file, files, &self.options, Some(running))
    }

    fn swap(&self, running: &Plan, plan: Plan, problem: Option<String>) {
        let digest = plan.digest.clone();
        let mut change = running.change_to(&plan).to_string();
        let renewed = plan.renewed_secrets(running);
        if !renewed.is_empty() {
            change = format!("{change}; secrets read anew: {}", renewed.join(", "));
        }
        self.current.store(Arc::new(plan));
        let generation = self.status.borrow().generation + 1;
        tracing::info!(generation, change, "another plan runs");
        self.status.send_replace(Status {
            digest,
            generation,
            loaded_at: clock::now(),
            last_problem: problem,
            last_change: Some(change),
        });
    }

    /// Reloads whenever a file that the last attempt named has another content, until `shutdown`. A content
    /// counts once two looks have found the same: what is being written in place is not taken half.
    pub async fn watch(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = None;
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = ticks.tick() => {}
            }
            let handle = Arc::clone(&self);
            let before: Option<Files> = seen.take();
            match tokio::task::spawn_blocking(move || handle.look(before.as_ref())).await {
                Ok(found) => seen = found,
                Err(error) => {
                    tracing::error!(%error, "the watch over the routing file failed once");
                }
            }
        }
    }

    /// Compares the files with those in use. Changed ones are loaded if the look `before` found them so
    /// too; else they are returned, for the next look.
    fn look(&self, before: Option<&Files>) -> Option<Files> {
        let files = self
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let now = files.look_again();
        if now == files {
            return None;
        }
        if before != Some(&now) {
            return Some(now);
        }
        // Both outcomes are in the status, which its subscribers report.
        self.reload().ok();
        None
    }
}
