//! routes.toml exactly as written: every value with its place, nothing defaulted, nothing looked up.
//!
//! `read` fills it in; what the values mean, and whether they fit together, is `compile`'s. A value
//! that is absent here was absent in the file, or is a finding already. The schema for editors is made of these
//! structs: a doc comment is what an editor shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use toml::Spanned;

pub(super) use super::file_rules::{Closed, Invalid, Missing, Query, Route, Start};
use super::schema;
use super::section::{Keys, Text};

/// Which webhooks reach which workflows.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct File {
    /// Who may send, at POST /hooks/NAME.
    #[schemars(with = "Option<BTreeMap<String, Source>>", extend("propertyNames" = schema::source_names()))]
    pub(super) sources: Vec<Source>,
    /// Whose tokens are believed.
    #[schemars(with = "Option<BTreeMap<String, Issuer>>")]
    pub(super) issuers: Vec<Issuer>,
    /// API keys of machines, by their hashes.
    #[schemars(with = "Option<BTreeMap<String, Key>>", extend("propertyNames" = schema::key_names()))]
    pub(super) keys: Vec<Key>,
    /// Which event signals which workflow. Every route that fits gets the event.
    #[schemars(with = "Option<Vec<Route>>")]
    pub(super) routes: Vec<Route>,
    /// Who may ask a workflow, and what.
    #[schemars(with = "Option<Vec<Query>>")]
    pub(super) queries: Vec<Query>,
}

/// A source: who may send, and how that is proved.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Source {
    #[schemars(skip)]
    pub(super) keys: Keys,
    #[schemars(skip)]
    pub(super) name: Text,
    /// A preset, which knows signature, event key and event type; or `hmac`, a scheme of your own; `jwt`, tokens; `none`, no proof.
    #[schemars(with = "schema::Provider")]
    pub(super) provider: Option<Text>,
    /// `env:NAME` or `file:/path`, never the secret itself; two while rotating.
    #[schemars(with = "Option<Vec<schema::Reference>>")]
    pub(super) secrets: Option<Spanned<Vec<Text>>>,
    /// For `hmac`: where the signature stands, and what it signs.
    #[schemars(with = "Option<Signature>")]
    pub(super) signature: Option<Spanned<Signature>>,
    /// For `hmac`: where the time of sending stands.
    #[schemars(with = "Option<Stamp>")]
    pub(super) timestamp: Option<Spanned<Stamp>>,
    /// How far a signed time may be from now, both ways.
    #[schemars(with = "Option<schema::Duration>")]
    pub(super) tolerance: Option<Text>,
    /// For `jwt`: names of `[issuers.NAME]`, or `keys` for API keys.
    #[schemars(with = "Option<schema::Texts>")]
    pub(super) issuer: Option<Spanned<Vec<Text>>>,
    /// By what a repeat is known, and what `on` of routes looks at.
    #[schemars(with = "Option<Event>")]
    pub(super) event: Event,
    /// CEL that gives the events of one request, a list: `body` is then one item. `true`: as the provider's preset says.
    #[schemars(with = "Option<schema::Each>")]
    pub(super) each: Option<Spanned<Each>>,
    /// The provider whose handshake a source makes that is `hmac`, `jwt`, `token` or `basic`.
    #[schemars(with = "Option<schema::HandshakeName>")]
    pub(super) handshake: Option<Text>,
    /// How long keys of events are kept. Shorter than the provider goes on trying: a warning.
    #[schemars(with = "Option<schema::Duration>")]
    pub(super) dedup: Option<Text>,
    /// What becomes of an event that no route takes: kept with 200, or refused with 404.
    #[schemars(with = "Option<schema::Unrouted>")]
    pub(super) unrouted: Option<Text>,
    /// What the body is where its media type does not tell.
    #[schemars(with = "Option<schema::BodyForm>")]
    pub(super) body: Option<Text>,
    /// How many verified requests at most, as in `500/s`, `30/m` or `1000/h`; beyond it 429.
    #[schemars(with = "Option<schema::Rate>")]
    pub(super) rate: Option<Text>,
    /// Addresses and networks that may send; others: 403.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) allow_ips: Option<Spanned<Vec<Text>>>,
    /// The largest body, where that is less than the process takes.
    #[schemars(with = "Option<schema::Size>")]
    pub(super) max_body: Option<Text>,
    /// Nothing for so long is an alarm.
    #[schemars(with = "Option<schema::Duration>")]
    pub(super) silence: Option<Text>,
    #[schemars(flatten)]
    pub(super) settings: Settings,
}

/// What single providers need of a source. Which of them takes which is the catalogue's to say.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct Settings {
    /// Public keys as the vendor prints them; `env:` and `file:` too.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) public_keys: Option<Spanned<Vec<Text>>>,
    /// Where the vendor's keys are. Default: its own address, where it publishes one.
    #[schemars(with = "Option<schema::KeyLocation>")]
    pub(super) jwks: Option<Text>,
    /// Files by the address of the certificate that they are a copy of.
    #[schemars(with = "Option<schema::Pairs>")]
    pub(super) certificates: Option<Spanned<Vec<(Text, Text)>>>,
    /// A file of authorities that are trusted in place of the public ones.
    #[schemars(with = "Option<schema::FileReference>")]
    pub(super) roots: Option<Text>,
    /// The address registered at the vendor, where that is not PUBLIC_URL and the path.
    #[schemars(with = "Option<schema::WebAddress>")]
    pub(super) public_url: Option<Text>,
    /// The id of the webhook, part of what is signed.
    #[schemars(with = "Option<String>")]
    pub(super) webhook_id: Option<Text>,
    /// ARNs of the topics that may send.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) topics: Option<Spanned<Vec<Text>>>,
    /// What must stand in `aud` of the token.
    #[schemars(with = "Option<String>")]
    pub(super) audience: Option<Text>,
    /// The verified `email` of the token.
    #[schemars(with = "Option<String>")]
    pub(super) service_account: Option<Text>,
    /// The expected `iss` of the token.
    #[schemars(with = "Option<String>")]
    pub(super) client_key: Option<Text>,
    /// The id of the client that asks the vendor for its keys.
    #[schemars(with = "Option<schema::Reference>")]
    pub(super) client_id: Option<Text>,
    /// Which of the vendor's environments sends: `production`, the default, or `sandbox`.
    #[schemars(with = "Option<String>")]
    pub(super) environment: Option<Text>,
    /// Which of several public keys is ours.
    #[schemars(with = "Option<String>")]
    pub(super) public_key_id: Option<Text>,
    /// The one algorithm that is taken.
    #[schemars(with = "Option<String>")]
    pub(super) algorithm: Option<Text>,
    /// References by key id.
    #[schemars(with = "Option<schema::Pairs>")]
    pub(super) keys: Option<Spanned<Vec<(Text, Text)>>>,
    /// Components that a signature must cover.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) require: Option<Spanned<Vec<Text>>>,
    /// The header in which the token stands.
    #[schemars(with = "Option<String>")]
    pub(super) header: Option<Text>,
    /// What stands before the token, as in `Bearer `.
    #[schemars(with = "Option<String>")]
    pub(super) prefix: Option<Text>,
    /// How the signature is written, where the vendor leaves that open.
    #[schemars(with = "Option<schema::Encoding>")]
    pub(super) encoding: Option<Text>,
    /// The text that the provider shows when it asks whether the address is ours.
    #[schemars(with = "Option<schema::Reference>")]
    pub(super) verify_token: Option<Text>,
}

/// `each = true`, or `each = "CEL"`.
#[derive(Debug)]
pub(super) enum Each {
    AsProvider,
    Written(String),
}

/// The signature of a scheme of your own.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Signature {
    /// The header in which it stands.
    #[schemars(with = "schema::Filled")]
    pub(super) header: Option<Text>,
    /// The hash of the HMAC.
    #[schemars(with = "schema::HashAlgorithm")]
    pub(super) algorithm: Option<Text>,
    /// How its bytes are written.
    #[schemars(with = "schema::Encoding")]
    pub(super) encoding: Option<Text>,
    /// What stands before it in the header, as in `sha256=`.
    #[schemars(with = "Option<String>")]
    pub(super) prefix: Option<Text>,
    /// What is signed: `{body}`, `{timestamp}` and text between. Default: `{body}`.
    #[schemars(with = "Option<String>")]
    pub(super) signed: Option<Text>,
    /// What a secret is. Default: `text`.
    #[schemars(with = "Option<schema::SecretForm>")]
    pub(super) key: Option<Text>,
    /// The header that `{id}` stands for.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) id_header: Option<Text>,
    /// How several signatures stand in the one header.
    #[schemars(with = "Option<List>")]
    pub(super) list: Option<Spanned<List>>,
}

/// How several signatures stand in the one header, as in `t=1785585600,v1=…,v1=…`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct List {
    /// What stands before each signature, as `v1`.
    #[schemars(with = "schema::Filled")]
    pub(super) tag: Option<Text>,
    /// Between entries. Default: `,`.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) separator: Option<Text>,
    /// Between a tag and its value. Default: `=`.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) assign: Option<Text>,
    /// The tag of the time.
    #[schemars(with = "Option<schema::Filled>")]
    pub(super) timestamp: Option<Text>,
}

/// The signed time of a scheme of your own.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Stamp {
    /// The header in which it stands.
    #[schemars(with = "schema::Filled")]
    pub(super) header: Option<Text>,
    /// Seconds, the default, or milliseconds since 1970.
    #[schemars(with = "Option<schema::Unit>")]
    pub(super) unit: Option<Text>,
    /// How far it may be from now, both ways. Default: `5m`.
    #[schemars(with = "Option<schema::Duration>")]
    pub(super) tolerance: Option<Text>,
}

/// What is read of each request: CEL over `body`, `headers`, `query` and `claims`.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Event {
    /// The id by which a repeat is known.
    #[schemars(with = "Option<String>")]
    pub(super) key: Option<Text>,
    /// What `on` of routes looks at.
    #[schemars(rename = "type", with = "Option<String>")]
    pub(super) kind: Option<Text>,
    /// When it was sent, RFC 3339 or Unix time: what is older than `dedup` is refused.
    #[schemars(with = "Option<String>")]
    pub(super) time: Option<Text>,
}

/// An issuer of tokens.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "fields are named as the file names them"
)]
pub(super) struct Issuer {
    #[schemars(skip)]
    pub(super) keys: Keys,
    #[schemars(skip)]
    pub(super) name: Text,
    /// What `iss` of its tokens must be.
    #[schemars(with = "schema::Filled")]
    pub(super) issuer: Option<Text>,
    /// One of these must stand in `aud`.
    #[schemars(with = "schema::Texts")]
    pub(super) audience: Option<Spanned<Vec<Text>>>,
    /// If given, one of these must be `azp`: the client that the token was made for.
    #[schemars(with = "Option<schema::Texts>")]
    pub(super) azp: Option<Spanned<Vec<Text>>>,
    /// Where its keys are, https://… or file:/path. Default: found by OIDC discovery from `issuer`.
    #[schemars(with = "Option<schema::KeyLocation>")]
    pub(super) jwks: Option<Text>,
    /// Shared secrets for HS256, HS384 and HS512, never beside `jwks`.
    #[schemars(with = "Option<Vec<schema::Reference>>")]
    pub(super) secrets: Option<Spanned<Vec<Text>>>,
    /// Default: RS256, ES256 and EdDSA.
    #[schemars(with = "Option<Vec<schema::TokenAlgorithm>>")]
    pub(super) algorithms: Option<Spanned<Vec<Text>>>,
    /// Where roles stand: CEL over `claims`, giving a list or text with spaces between.
    #[schemars(with = "Option<String>")]
    pub(super) roles: Option<Text>,
}

/// `[keys.NAME]`: an API key, of which the file knows the hash alone.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Key {
    #[schemars(skip)]
    pub(super) name: Text,
    /// As `signalpost keys new` prints it.
    #[schemars(with = "schema::KeyHash")]
    pub(super) hash: Option<Text>,
    /// The roles of its bearer.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) roles: Option<Spanned<Vec<Text>>>,
    /// A date and time of TOML, as in 2027-01-01T00:00:00Z.
    #[schemars(with = "Option<String>")]
    pub(super) expires: Option<Text>,
    /// For people alone.
    #[expect(dead_code, reason = "read to be known, and meant for people")]
    #[schemars(with = "Option<String>")]
    pub(super) note: Option<Text>,
}
