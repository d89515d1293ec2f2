//! The audit line: who did what, and whether it was allowed (P9).
//!
//! One line of JSON for each accepted or refused access and each operator's action, on stderr or in a file
//! (`file`); `sink` knows whether it could be written. It does not pass through the log, so no filter can
//! silence it. No secrets, no bodies.

mod file;
mod sink;

use std::path::PathBuf;

use serde::Serialize;

use crate::clock::Timestamp;
pub use file::Options as FileOptions;
pub use sink::Standing;
pub(super) use sink::{Change, Sink, Written};

/// Where the lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    #[default]
    Stderr,
    File(FileOptions),
}

impl Target {
    /// A file that is begun anew at 100 MiB, with the ten before it.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        Self::File(FileOptions {
            path,
            required: false,
            max_bytes: 100 * 1024 * 1024,
            max_age: None,
            keep: 10,
        })
    }
}

/// Why there is no audit file at the start.
#[derive(Debug, thiserror::Error)]
#[error("--audit: {path} cannot be opened: {source}")]
pub struct Error {
    pub(super) path: PathBuf,
    pub(super) source: std::io::Error,
}

/// One access, or one action. What is not known is left out of the line.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The request's id; empty, and left out, where it was no request.
    pub request: &'a str,
    /// What was tried: `webhook`, `query`, `reload`, …
    pub action: &'a str,
    /// What became of it: `accepted`, `refused`, `failed`, …
    pub outcome: &'a str,
    /// The token's issuer and subject, or the name of an operator's token, or the peer's address.
    pub who: &'a str,
    pub subject: Subject<'a>,
    pub workflow: Option<&'a str>,
    /// How many events the request held, where it may hold several.
    pub events: Option<usize>,
    /// Why, where the outcome is not the wished one; or the operator's note.
    pub reason: Option<&'a str>,
}

/// What the access was to: names from routes.toml, or the id of a delivery or event.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject<'a> {
    Source(&'a str),
    Query(&'a str),
    Delivery(&'a str),
    Event(&'a str),
    /// The process itself.
    #[serde(untagged)]
    Process {},
}

#[derive(Serialize)]
struct Line<'a> {
    target: &'static str,
    time: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    request: &'a str,
    action: &'a str,
    outcome: &'a str,
    who: &'a str,
    #[serde(flatten)]
    subject: Subject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Entry<'_> {
    fn to_line(self, time: Timestamp) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(&Line {
            target: "audit",
            time: time.to_rfc3339(),
            request: self.request,
            action: self.action,
            outcome: self.outcome,
            who: self.who,
            subject: self.subject,
            workflow: self.workflow,
            events: self.events,
            reason: self.reason,
        })?;
        line.push(b'\n');
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry<'_> = Entry {
        request: "0190",
        action: "webhook",
        outcome: "refused",
        who: "192.0.2.1",
        subject: Subject::Source("stripe"),
        workflow: None,
        events: None,
        reason: Some("wrong signature"),
    };

    fn line(entry: Entry<'_>) -> String {
        let line = entry.to_line(Timestamp::from_seconds(0)).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn the_line_has_the_fields_of_the_contract() {
        let expected = concat!(
            r#"{"target":"audit","time":"1970-01-01T00:00:00.000Z","request":"0190","#,
            r#""action":"webhook","outcome":"refused","who":"192.0.2.1","source":"stripe","#,
            r#""reason":"wrong signature"}"#,
            "\n"
        );
        assert_eq!(line(ENTRY), expected);
    }

    #[test]
    fn text_from_outside_cannot_begin_a_second_line() {
        let entry = Entry {
            who: "mallory\n{\"target\":\"audit\"}",
            subject: Subject::Process {},
            ..ENTRY
        };
        assert_eq!(line(entry).matches('\n').count(), 1);
    }
}
