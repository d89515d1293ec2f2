//! `schema`: what the arguments of a signal must look like, compiled once and asked for each event.
//!
//! A schema is one file: a `$ref` leads to a place within it and nowhere else, so nothing is fetched. Patterns run on
//! an engine of linear time. A [`Fault`] names a place in the arguments and what the schema asks for there, never
//! what stood there: it is shown to people who may not see bodies.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde::Serialize;
use serde_json::Value;

use super::recursion::Recursion;
use crate::expr::json;

/// Faults that are named; the first ones say enough.
const MAX_FAULTS: usize = 10;
/// A place or a demand is cut here, in characters: both hold names that a sender or a schema chose.
const MAX_SHOWN: usize = 200;
/// Larger arguments are judged, but it is not said where they are wrong: all faults are found at once, and an argument of
/// a million faults would take memory accordingly.
const MAX_EXPLAINED: usize = 64 * 1024;
/// Of one compiled pattern.
const MAX_PATTERN: usize = 1024 * 1024;

/// A JSON Schema, ready to be asked.
pub struct Schema {
    /// The file as the routing file names it.
    pub name: String,
    validator: Validator,
    recursion: Recursion,
}

/// `schema` of one route, and what becomes of an event that does not fit.
#[derive(Debug)]
pub struct Contract {
    pub schema: Arc<Schema>,
    pub invalid: OnInvalid,
    /// With one argument the schema describes that argument, with several the list of them.
    pub lone: bool,
}

/// `invalid`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnInvalid {
    /// The request is refused, and with it what other routes would have sent.
    Refuse,
    Park,
    /// This signal is sent in the place of the route's own.
    Signal(String),
}

/// Where the arguments do not fit, and what is asked for there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer into what the schema describes; empty: the whole.
    pub path: String,
    pub error: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.error),
            path => write!(f, "{path}: {}", self.error),
        }
    }
}

impl Schema {
    /// The draft is what `$schema` says, else 2020-12. The error says what is wrong with the schema.
    pub fn compile(name: &str, schema: &Value) -> Result<Self, String> {
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .with_retriever(OneFile)
            .build(schema)
            .map_err(|error| unusable(&error))?;
        Ok(Self {
            name: name.to_owned(),
            validator,
            recursion: Recursion::of(schema),
        })
    }

    /// Whether a value is all right, else what is not; `size` is that of its text. Never an empty list.
    fn judge(&self, value: &Value, size: usize) -> Result<(), Vec<Fault>> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let mut faults = Vec::new();
        if size <= MAX_EXPLAINED && self.recursion.is_cheap(value) {
            let errors = self.validator.iter_errors(value).take(MAX_FAULTS);
            faults.extend(errors.map(|error| fault(&error)));
        }
        if faults.is_empty() {
            faults.push(Fault {
                path: String::new(),
                error: "does not fit, and is too large to say where".to_owned(),
            });
        }
        Err(faults)
    }
}

/// Fetches nothing, whatever else in the program makes the library able to.
struct OneFile;

impl Retrieve for OneFile {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        Err("a schema is one file".into())
    }
}

impl Contract {
    /// Judges arguments as they would be sent: JSON text of a list. A copy of them is read, the text stays.
    pub(super) fn judge(&self, args: &str) -> Result<(), Vec<Fault>> {
        let unreadable = || {
            vec![Fault {
                path: String::new(),
                error: "cannot be read as JSON".to_owned(),
            }]
        };
        let value = json::read(args.as_bytes()).ok_or_else(unreadable)?;
        match &value {
            Value::Array(list) if self.lone => match list.as_slice() {
                [only] => self.schema.judge(only, args.len()),
                _ => Err(unreadable()),
            },
            _ => self.schema.judge(&value, args.len()),
        }
    }
}

/// In words that hold nothing of the value. Those that would name what the sender put there are ours.
fn fault(error: &ValidationError<'_>) -> Fault {
    let said = match error.kind() {
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has members that the schema does not know".to_owned()
        }
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => {
            "has items that the schema does not know".to_owned()
        }
        Kind::PropertyNames { .. } => "has a member whose name is not allowed".to_owned(),
        Kind::Custom { .. }
        | Kind::FromUtf8 { .. }
        | Kind::BacktrackLimitExceeded { .. }
        | Kind::RegexEngineFailure { .. }
        | Kind::Referencing(_) => format!("does not fit `{}`", error.kind().keyword()),
        _ => error.masked_with("it").to_string(),
    };
    Fault {
        path: shown(error.instance_path().as_str()),
        error: shown(&said),
    }
}

/// A schema is the operator's own: what is wrong with it may be shown.
fn unusable(error: &ValidationError<'_>) -> String {
    let place = match error.instance_path().as_str() {
        "" => String::new(),
        path => format!("at `{}`: ", shown(path)),
    };
    format!("{place}{}", shown(&error.to_string()))
}

fn shown(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = plain.take(MAX_SHOWN).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
