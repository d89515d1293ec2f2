//! What an operator's request says: the id in its path, and a JSON body that is small, whole, and without
//! members that mean nothing.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::body;
use super::super::error::Failure;
use super::super::guard::Caller;
use super::refusal::Refusal;
use crate::inbox::Note;

const LIMITS: body::Options = body::Options {
    max_bytes: 64 * 1024,
    timeout: Duration::from_secs(10),
};
const MAX_NOTE: usize = 1000;

/// A body that an action takes.
pub(super) trait Input: DeserializeOwned {
    /// Its members, for whoever sent others.
    const MEMBERS: &str;
}

/// What `retry`, `drop` and `erase` take.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Noted {
    pub(super) note: Option<String>,
}

impl Input for Noted {
    const MEMBERS: &str = "note (text)";
}

/// The id in the path. What is no id is nobody's.
pub(super) fn id<T: FromStr>(path: Result<Path<String>, PathRejection>) -> Result<T, Refusal> {
    let id = path.ok().and_then(|Path(id)| id.parse().ok());
    id.ok_or_else(|| Failure::OpsNotFound.into())
}

/// Reads it; an empty body is an empty object.
pub(super) async fn read<T: Input>(request: Request) -> Result<T, Refusal> {
    let bytes = body::read(request.into_body(), LIMITS)
        .await
        .map_err(|error| match error {
            body::Error::TooLarge { .. } => Failure::OpsTooLarge,
            body::Error::TooSlow { .. } => Failure::OpsTooSlow,
            body::Error::BrokenOff => Failure::OpsBrokenOff,
        })?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(|_| {
        let members = T::MEMBERS;
        Refusal::parameter(format!("The body is a JSON object with: {members}."))
    })
}

/// The note under which the action is kept.
pub(super) fn note(caller: &Caller, text: Option<String>) -> Result<Note, Refusal> {
    if text.as_ref().is_some_and(|text| text.len() > MAX_NOTE) {
        return Err(Refusal::parameter(format!(
            "`note` is at most {MAX_NOTE} bytes."
        )));
    }
    Ok(Note {
        who: caller.who.to_string(),
        text,
    })
}
