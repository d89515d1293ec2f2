//! What a name stands for, as a value that can be looked into without copying it.
//!
//! A [`View`] is JSON, text, or one of the small tables an event brings along (headers, query
//! parameters, its own fields). It knows nothing of CEL: `node` shows it to CEL, `path` walks it.

use std::borrow::Cow;

use serde_json::Value;

use super::{Body, Error, EventFields, Variables};
use crate::event::Content;

type Pairs<'a> = &'a [(String, String)];

#[derive(Clone)]
pub(super) enum View<'a> {
    Json(&'a Value),
    Text(Cow<'a, str>),
    Headers(Pairs<'a>),
    Parameters(Pairs<'a>),
    Event(EventFields<'a>),
    Roles(&'a [String]),
    /// A part that is absent: a map without fields.
    Nothing,
}

const EVENT_FIELDS: [&str; 5] = ["id", "source", "key", "type", "received_at"];

impl<'a> View<'a> {
    /// The value of a top-level name.
    pub(super) fn root(name: &str, vars: &Variables<'a>) -> Result<Self, Error> {
        Ok(match name {
            "body" => return Self::body(vars.body.as_ref()),
            "request" => return Self::body(vars.whole()),
            "headers" => Self::Headers(vars.headers),
            "query" => Self::Parameters(vars.query),
            "path" => Self::Parameters(vars.path),
            "roles" => Self::Roles(vars.roles),
            "claims" => vars.claims.map_or(Self::Nothing, Self::Json),
            "event" => vars.event.map_or(Self::Nothing, Self::Event),
            _ => Self::Nothing,
        })
    }

    fn body(body: Option<&Body<'a>>) -> Result<Self, Error> {
        let Some(body) = body else {
            return Ok(Self::Nothing);
        };
        match body.content {
            Content::Json(value) | Content::Form(value) => Ok(Self::Json(value)),
            Content::Text => body.text().map(|text| Self::Text(Cow::Borrowed(text))),
            Content::Binary => Err(Error::new("the body is not text")),
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Json(Value::Array(_)) | Self::Roles(_))
    }

    pub(super) fn is_map(&self) -> bool {
        match self {
            Self::Json(value) => value.is_object(),
            Self::Headers(_) | Self::Parameters(_) | Self::Event(_) | Self::Nothing => true,
            Self::Text(_) | Self::Roles(_) => false,
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Json(value) => value.as_object()?.get(name).map(Self::Json),
            Self::Headers(pairs) => header(pairs, name).map(Self::Text),
            Self::Parameters(pairs) => pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| Self::Text(Cow::Borrowed(value))),
            Self::Event(event) => event_field(event, name).map(|it| Self::Text(Cow::Borrowed(it))),
            Self::Text(_) | Self::Roles(_) | Self::Nothing => None,
        }
    }

    pub(super) fn element(&self, index: usize) -> Option<Self> {
        match self {
            Self::Json(value) => value.as_array()?.get(index).map(Self::Json),
            Self::Roles(roles) => roles
                .get(index)
                .map(|role| Self::Text(Cow::Borrowed(role.as_str()))),
            _ => None,
        }
    }

    /// Number of elements or fields.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(Value::Array(list)) => list.len(),
            Self::Json(Value::Object(map)) => map.len(),
            Self::Roles(roles) => roles.len(),
            Self::Json(_) | Self::Text(_) | Self::Nothing => 0,
            Self::Headers(_) | Self::Parameters(_) | Self::Event(_) => self.names().len(),
        }
    }

    /// Names of the fields, each once.
    pub(super) fn names(&self) -> Vec<&'a str> {
        match self {
            Self::Json(Value::Object(map)) => map.keys().map(String::as_str).collect(),
            Self::Headers(pairs) | Self::Parameters(pairs) => {
                let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                names
            }
            Self::Event(_) => EVENT_FIELDS.to_vec(),
            Self::Json(_) | Self::Text(_) | Self::Roles(_) | Self::Nothing => Vec::new(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Json(value) => (*value).clone(),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::Roles(roles) => Value::from(roles.to_vec()),
            _ => self
                .names()
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), self.field(name)?.to_json())))
                .collect(),
        }
    }
}

/// The values of a header joined by ", "; its name in any case.
fn header<'a>(pairs: Pairs<'a>, name: &str) -> Option<Cow<'a, str>> {
    let mut values = pairs
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str());
    let first = values.next()?;
    let mut joined = Cow::Borrowed(first);
    for value in values {
        joined = Cow::Owned(format!("{joined}, {value}"));
    }
    Some(joined)
}

fn event_field<'a>(event: &EventFields<'a>, name: &str) -> Option<&'a str> {
    match name {
        "id" => Some(event.id),
        "source" => Some(event.source),
        "key" => Some(event.key),
        "type" => Some(event.kind),
        "received_at" => Some(event.received_at),
        _ => None,
    }
}
