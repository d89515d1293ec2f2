//! The rules of routes.toml exactly as written: routes and queries. The rest is `file`'s, and so are the rules for both.

use std::ops::Range;

use schemars::JsonSchema;
use toml::Spanned;

use crate::expr::template::Written;

use super::schema;
use super::section::{Keys, Text};

/// A rule from events to a workflow and a signal.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Route {
    #[schemars(skip)]
    pub(super) keys: Keys,
    /// Where the route begins.
    #[schemars(skip)]
    pub(super) span: Range<usize>,
    /// Unique: a label of metrics and deliveries.
    #[schemars(with = "schema::Filled")]
    pub(super) name: Option<Text>,
    /// Names of `[sources.NAME]`.
    #[schemars(with = "schema::Texts")]
    pub(super) source: Option<Spanned<Vec<Text>>>,
    /// Types of events, exact or with a `*` at the end. Default: every type.
    #[schemars(with = "Option<schema::Texts>")]
    pub(super) on: Option<Spanned<Vec<Text>>>,
    /// CEL giving true or false, for what `on` cannot say; an error in it is no match.
    #[schemars(with = "Option<String>")]
    pub(super) when: Option<Text>,
    /// Roles of which the sender needs one; only where all sources are `jwt`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) allow: Option<Spanned<Vec<Text>>>,
    /// The id of the workflow, with `${…}` in it; a lone `${…}` may give a list.
    #[schemars(with = "Option<String>")]
    pub(super) workflow: Option<Text>,
    /// Temporal's namespace. Default: that of the process.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) namespace: Option<Text>,
    /// The name of the signal.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) signal: Option<Text>,
    /// Arguments of the signal, with `${…}` in their texts. Default: the body as sent.
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub(super) args: Option<Spanned<Written>>,
    /// What happens where there is no such workflow. Default: `{ wait = "5m", then = "park" }`.
    #[schemars(with = "Option<Missing>")]
    pub(super) missing: Option<Spanned<Missing>>,
    /// What happens where the workflow is closed. Default: `park`.
    #[schemars(with = "Option<Closed>")]
    pub(super) closed: Option<Spanned<Closed>>,
    /// Whether a parked delivery holds up the workflow's later ones. Default: `continue`.
    #[schemars(with = "Option<schema::AfterPark>")]
    pub(super) after_park: Option<Text>,
    /// How many signals one workflow gets at most, as in `5/s` or `30/m`.
    #[schemars(with = "Option<schema::Pace>")]
    pub(super) pace: Option<Text>,
    /// A file with the JSON Schema of the arguments, relative to the routing file.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) schema: Option<Text>,
    /// What becomes of an event whose arguments do not fit `schema`. Default: `park`.
    #[schemars(with = "Option<Invalid>")]
    pub(super) invalid: Option<Spanned<Invalid>>,
    /// Known and unwanted: kept as dropped, needs no `workflow` and no `signal`.
    #[schemars(with = "Option<bool>")]
    pub(super) drop: Option<Spanned<bool>>,
    /// Later routes of the source are not looked at.
    #[schemars(with = "Option<bool>")]
    pub(super) stop: bool,
}

impl Route {
    /// As a person calls it.
    pub(super) fn title(&self) -> String {
        match &self.name {
            Some(name) => format!("route `{}`", name.get_ref()),
            None => "this route".to_owned(),
        }
    }
}

#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub(super) enum Missing {
    Word(#[schemars(with = "schema::Then")] String),
    Wait {
        /// How long the workflow is waited for.
        #[schemars(with = "schema::Duration")]
        wait: Option<Text>,
        /// And what then. Default: `park`.
        #[schemars(with = "Option<schema::Then>")]
        then: Option<Text>,
    },
    /// Start it, and signal it.
    #[schemars(schema_with = "schema::start")]
    Start(Start),
}

#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum Closed {
    Word(#[schemars(with = "schema::Then")] String),
    /// Start a new run, and signal it.
    #[schemars(schema_with = "schema::start_again")]
    Start(Start),
}

/// What does not fit the schema: refused, parked, or told to the workflow.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum Invalid {
    Word(#[schemars(with = "schema::InvalidWord")] String),
    /// A signal of its own, with the reason and the body.
    Signal(#[schemars(schema_with = "schema::invalid_signal")] Option<Text>),
}

/// The workflow to start.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Start {
    /// The workflow's type.
    #[schemars(rename = "type", with = "schema::Filled")]
    pub(super) kind: Option<Text>,
    /// Where its workers look.
    #[schemars(with = "schema::Filled")]
    pub(super) task_queue: Option<Text>,
    /// Whether a closed run may be followed by this one.
    #[schemars(with = "Option<schema::IdReuse>")]
    pub(super) id_reuse: Option<Text>,
    /// Arguments of the workflow, with `${…}` in their texts.
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub(super) args: Option<Spanned<Written>>,
}

/// A question that callers may ask of a workflow.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "fields are named as the file names them"
)]
pub(super) struct Query {
    /// Unique: a label of metrics.
    #[schemars(with = "schema::Filled")]
    pub(super) name: Option<Text>,
    /// Where it is asked, as in `/orders/{order_id}/status`.
    #[schemars(with = "schema::QueryPath")]
    pub(super) path: Option<Text>,
    /// The id of the workflow, with `${path.…}` in it.
    #[schemars(with = "schema::Filled")]
    pub(super) workflow: Option<Text>,
    /// The workflow's query, or `$status`.
    #[schemars(with = "schema::Filled")]
    pub(super) query: Option<Text>,
    /// Arguments of the query, with `${…}` in their texts.
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub(super) args: Option<Spanned<Written>>,
    /// Temporal's namespace. Default: that of the process.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) namespace: Option<Text>,
    /// Names of `[issuers.NAME]`, or `keys` for API keys.
    #[schemars(with = "schema::Texts")]
    pub(super) issuer: Option<Spanned<Vec<Text>>>,
    /// Roles of which the caller needs one; `["*"]` is every caller with a valid token.
    #[schemars(with = "Vec<String>")]
    pub(super) allow: Option<Spanned<Vec<Text>>>,
    /// CEL over `path`, `query`, `body`, `claims` and `roles` that must hold too.
    #[schemars(with = "Option<String>")]
    pub(super) when: Option<Text>,
    /// How long an answer is waited for, at most `20s`. Default: `10s`.
    #[schemars(with = "Option<schema::Duration>")]
    pub(super) timeout: Option<Text>,
    /// For how long an answer may be repeated, at most `1m`. Default: not at all.
    #[schemars(with = "Option<schema::Duration>")]
    pub(super) cache: Option<Text>,
    /// The parameter by which callers may pin a run, as in `?run=…`.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) run: Option<Text>,
    /// How many questions at most, as in `500/s`; beyond it 429.
    #[schemars(with = "Option<schema::Rate>")]
    pub(super) rate: Option<Text>,
    /// Whether callers are told what the workflow's own error says.
    #[schemars(with = "Option<bool>")]
    pub(super) expose_errors: bool,
}
