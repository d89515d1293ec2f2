//! routes.toml exactly as written: every value with its place, nothing defaulted, nothing looked up.
//!
//! `read` fills it in; what the values mean, and whether they fit together, is `compile`'s. A value
//! that is absent here was absent in the file, or is a finding already. Imports `expr` for values
//! with templates in them.

use std::ops::Range;

use toml::Spanned;

use crate::expr::template::Written;

use super::section::{Keys, Text};

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) sources: Vec<Source>,
    pub(super) issuers: Vec<Issuer>,
    pub(super) keys: Vec<Key>,
    pub(super) routes: Vec<Route>,
    pub(super) queries: Vec<Query>,
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) keys: Keys,
    pub(super) name: Text,
    pub(super) provider: Option<Text>,
    pub(super) secrets: Option<Spanned<Vec<Text>>>,
    pub(super) signature: Option<Spanned<Signature>>,
    pub(super) timestamp: Option<Spanned<Stamp>>,
    pub(super) tolerance: Option<Text>,
    pub(super) issuer: Option<Spanned<Vec<Text>>>,
    pub(super) event: Event,
    pub(super) each: Option<Spanned<Each>>,
    /// The provider whose handshake a generic one makes.
    pub(super) handshake: Option<Text>,
    pub(super) dedup: Option<Text>,
    pub(super) unrouted: Option<Text>,
    pub(super) body: Option<Text>,
    pub(super) rate: Option<Text>,
    pub(super) allow_ips: Option<Spanned<Vec<Text>>>,
    pub(super) max_body: Option<Text>,
    pub(super) silence: Option<Text>,
    pub(super) settings: Settings,
}

/// What single providers need of a source. Which of them takes which is the catalogue's to say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) public_keys: Option<Spanned<Vec<Text>>>,
    pub(super) jwks: Option<Text>,
    /// Files by the address of the certificate that they are a copy of.
    pub(super) certificates: Option<Spanned<Vec<(Text, Text)>>>,
    pub(super) roots: Option<Text>,
    pub(super) public_url: Option<Text>,
    pub(super) webhook_id: Option<Text>,
    pub(super) topics: Option<Spanned<Vec<Text>>>,
    pub(super) audience: Option<Text>,
    pub(super) service_account: Option<Text>,
    pub(super) client_key: Option<Text>,
    pub(super) public_key_id: Option<Text>,
    pub(super) algorithm: Option<Text>,
    /// References by key id.
    pub(super) keys: Option<Spanned<Vec<(Text, Text)>>>,
    pub(super) require: Option<Spanned<Vec<Text>>>,
    pub(super) header: Option<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) encoding: Option<Text>,
    pub(super) verify_token: Option<Text>,
}

/// `each = true`, or `each = "CEL"`.
#[derive(Debug)]
pub(super) enum Each {
    AsProvider,
    Written(String),
}

#[derive(Debug)]
pub(super) struct Signature {
    pub(super) header: Option<Text>,
    pub(super) algorithm: Option<Text>,
    pub(super) encoding: Option<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) signed: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) id_header: Option<Text>,
    pub(super) list: Option<Spanned<List>>,
}

/// `list = { … }`: how several signatures stand in the one header.
#[derive(Debug)]
pub(super) struct List {
    pub(super) tag: Option<Text>,
    pub(super) separator: Option<Text>,
    pub(super) assign: Option<Text>,
    /// The tag of the time.
    pub(super) timestamp: Option<Text>,
}

/// `timestamp = { … }`
#[derive(Debug)]
pub(super) struct Stamp {
    pub(super) header: Option<Text>,
    pub(super) unit: Option<Text>,
    pub(super) tolerance: Option<Text>,
}

#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) key: Option<Text>,
    pub(super) kind: Option<Text>,
    pub(super) time: Option<Text>,
}

#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "fields are named as the file names them"
)]
pub(super) struct Issuer {
    pub(super) keys: Keys,
    pub(super) name: Text,
    pub(super) issuer: Option<Text>,
    pub(super) audience: Option<Spanned<Vec<Text>>>,
    pub(super) azp: Option<Spanned<Vec<Text>>>,
    pub(super) jwks: Option<Text>,
    pub(super) secrets: Option<Spanned<Vec<Text>>>,
    pub(super) algorithms: Option<Spanned<Vec<Text>>>,
    pub(super) roles: Option<Text>,
}

/// `[keys.NAME]`: an API key, of which the file knows the hash alone.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: Text,
    pub(super) hash: Option<Text>,
    pub(super) roles: Option<Spanned<Vec<Text>>>,
    /// A date of TOML as its text.
    pub(super) expires: Option<Text>,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) keys: Keys,
    /// Where the route begins.
    pub(super) span: Range<usize>,
    pub(super) name: Option<Text>,
    pub(super) source: Option<Spanned<Vec<Text>>>,
    pub(super) on: Option<Spanned<Vec<Text>>>,
    pub(super) when: Option<Text>,
    pub(super) allow: Option<Spanned<Vec<Text>>>,
    pub(super) workflow: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) signal: Option<Text>,
    pub(super) args: Option<Spanned<Written>>,
    pub(super) missing: Option<Spanned<Missing>>,
    pub(super) closed: Option<Spanned<Closed>>,
    pub(super) after_park: Option<Text>,
    pub(super) pace: Option<Text>,
    pub(super) schema: Option<Text>,
    pub(super) invalid: Option<Spanned<Invalid>>,
    pub(super) drop: Option<Spanned<bool>>,
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

#[derive(Debug)]
pub(super) enum Missing {
    Word(String),
    Wait {
        wait: Option<Text>,
        then: Option<Text>,
    },
    Start(Start),
}

#[derive(Debug)]
pub(super) enum Closed {
    Word(String),
    Start(Start),
}

#[derive(Debug)]
pub(super) enum Invalid {
    Word(String),
    /// `{ signal = … }`
    Signal(Option<Text>),
}

/// `start = { … }`
#[derive(Debug)]
pub(super) struct Start {
    pub(super) kind: Option<Text>,
    pub(super) task_queue: Option<Text>,
    pub(super) id_reuse: Option<Text>,
    pub(super) args: Option<Spanned<Written>>,
}

#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "fields are named as the file names them"
)]
pub(super) struct Query {
    pub(super) name: Option<Text>,
    pub(super) path: Option<Text>,
    pub(super) workflow: Option<Text>,
    pub(super) query: Option<Text>,
    pub(super) args: Option<Spanned<Written>>,
    pub(super) namespace: Option<Text>,
    pub(super) issuer: Option<Spanned<Vec<Text>>>,
    pub(super) allow: Option<Spanned<Vec<Text>>>,
    pub(super) when: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) cache: Option<Text>,
    pub(super) run: Option<Text>,
    pub(super) rate: Option<Text>,
    pub(super) expose_errors: bool,
}
