//! What the ops listener answers, as far as it is shown to people.

use serde::Deserialize;
use serde_json::Value;

/// A page of events; each as the API wrote it.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) events: Vec<Value>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) key: String,
    pub(super) r#type: String,
    pub(super) received_at: String,
    pub(super) item: Option<usize>,
    pub(super) state: String,
    pub(super) duplicates: u64,
    pub(super) conflicts: u64,
    pub(super) erased_at: Option<String>,
    pub(super) deliveries: Vec<Delivery>,
    #[serde(default)]
    pub(super) notes: Vec<Note>,
    pub(super) headers: Option<Vec<(String, String)>>,
    pub(super) query: Option<Vec<(String, String)>>,
    pub(super) claims: Option<Value>,
    pub(super) body: Option<String>,
    pub(super) body_base64: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) route: String,
    pub(super) namespace: String,
    pub(super) workflow: String,
    pub(super) signal: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) attempts: u32,
    pub(super) next_attempt_at: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) request_id: String,
    pub(super) run_id: Option<String>,
    pub(super) settled_at: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) proof: Option<Proof>,
    pub(super) proof_unknown: Option<String>,
}

/// Where the signal stands in the workflow's history.
#[derive(Debug, Deserialize)]
pub(super) struct Proof {
    pub(super) run_id: String,
    pub(super) event_id: i64,
    pub(super) time: String,
    pub(super) url: Option<String>,
}

/// What an operator did about it.
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    pub(super) at: String,
    pub(super) action: String,
    pub(super) delivery: Option<String>,
    pub(super) who: String,
    pub(super) text: Option<String>,
}

/// A part of a bulk action.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    pub(super) done: u64,
    pub(super) skipped: u64,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Count {
    pub(super) count: u64,
}

impl Event {
    /// The first reason of a delivery, for one line.
    pub(super) fn reason(&self) -> &str {
        let mut reasons = self.deliveries.iter().filter_map(|d| d.reason.as_deref());
        reasons.next().unwrap_or_default()
    }

    /// `order-42`, or `order-42 and 2 more`.
    pub(super) fn workflows(&self) -> String {
        match self.deliveries.as_slice() {
            [] => String::new(),
            [only] => only.workflow.clone(),
            [first, rest @ ..] => format!("{} and {} more", first.workflow, rest.len()),
        }
    }
}
