//! One step of a decision as it is told.

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Step {
    #[serde(rename = "step")]
    pub(super) name: &'static str,
    /// Null: said beside the decision, and decides nothing.
    pub(super) ok: Option<bool>,
    pub(super) text: String,
}

impl Step {
    pub(super) fn well(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Some(true), text)
    }

    pub(super) fn failed(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Some(false), text)
    }

    pub(super) fn aside(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, None, text)
    }

    fn new(name: &'static str, ok: Option<bool>, text: impl Into<String>) -> Self {
        Self {
            name,
            ok,
            text: text.into(),
        }
    }

    /// Whether it is part of an answer to "why not?".
    pub(in crate::cli) fn tells_why_not(&self) -> bool {
        self.ok != Some(true) && self.name != "limits"
    }

    /// For people.
    pub(in crate::cli) fn line(&self) -> String {
        let mark = match self.ok {
            Some(true) => "ok",
            Some(false) => "NO",
            None => "--",
        };
        format!("{mark}  {:<9} {}", self.name, self.text)
    }
}
