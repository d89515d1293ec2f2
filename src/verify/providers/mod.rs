//! Every provider that routes.toml can name, as data.
//!
//! One small file each, and one line in [`ALL`], which everything else reads: config, the command
//! `providers`, and the tests. Figures are the vendors' own; `source` names the page they stand on. A scheme that is
//! no data is code in `verify::schemes`, and its preset names the function that builds it.

mod adyen;
mod adyen_platform;
mod aftership;
mod asana;
mod atlassian_connect;
mod auth0;
mod aws_sns;
mod azure_event_grid;
mod bitbucket;
mod braintree;
mod calcom;
mod calendly;
mod chargebee;
mod checkout;
mod clerk;
mod cloudevents;
mod coinbase_commerce;
mod contentful;
mod datadog;
mod dhl;
mod discord;
mod docusign;
mod dropbox;
mod easypost;
mod easyship;
mod fedex;
mod flutterwave;
mod fusionauth;
mod github;
mod gitlab;
mod gitlab_signing;
mod gocardless;
mod google_pubsub;
mod heroku;
mod http_signatures;
mod hubspot;
mod intercom;
mod jira;
mod klarna;
mod lemonsqueezy;
mod line;
mod linear;
mod mailgun;
mod meta;
mod microsoft_graph;
mod mollie;
mod okta;
mod paddle;
mod pagerduty;
mod paypal;
mod paystack;
mod plaid;
mod postmark;
mod razorpay;
mod resend;
mod sendgrid;
mod sentry;
mod shipengine;
mod shippo;
mod shopify;
mod slack;
mod square;
mod standard_webhooks;
mod stripe;
mod svix;
mod telegram;
mod twilio;
mod twilio_sharedkey;
mod typeform;
mod ups;
mod vercel;
mod webflow;
mod wise;
mod woocommerce;
mod x;
mod zendesk;
mod zoom;

use std::time::Duration;

use super::BodyRule;
use super::given::Build;
use super::schemes::credential::Credential;
use super::spec::{SignatureSpec, TimestampSpec};

/// What `provider = "NAME"` stands for. A source's own settings win over each of these.
#[derive(Debug)]
pub struct Preset {
    /// As routes.toml spells it.
    pub name: &'static str,
    /// As the vendor spells it.
    pub title: &'static str,
    pub scheme: SchemeSpec,
    /// Whether the proof covers the whole body; else anyone who sees one request can reuse it with another.
    pub binds_body: bool,
    /// Keys of a source, beyond the general ones, that this preset takes.
    pub settings: &'static [&'static str],
    /// Where the vendor publishes the keys that it signs with, unless the source says `jwks`.
    pub jwks: Option<&'static str>,
    /// CEL for the event key; none where nothing signed holds an id: then a digest of the body. It may say `null` for
    /// those of the provider's events that have none.
    pub key: Option<&'static str>,
    /// What the digest is of that stands in for a key, for people.
    pub digest_of: &'static str,
    /// CEL for the event type.
    pub kind: Option<&'static str>,
    /// How a request that holds several events is taken apart, where a source says `each`.
    pub batch: Option<Batch>,
    pub body: BodyRule,
    /// Retention of keys where the general default is not right.
    pub dedup: Option<Duration>,
    /// How long the provider goes on retrying: a shorter retention lets a retry in again.
    pub horizon: Option<Duration>,
    /// How sure the facts are.
    pub confidence: Confidence,
    /// The page that the facts come from.
    pub source: &'static str,
    /// Where in the vendor's console the secret or key is found, in a few words.
    pub setup: &'static str,
    /// What a scheme that is code does, for people.
    pub words: Words,
    /// Lines that a source cannot do without beyond `provider` and `secrets`, as an example.
    pub example: &'static [&'static str],
}

/// A scheme in words. All empty where the scheme is data, which speaks for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    pub headers: &'static [&'static str],
    pub algorithm: &'static str,
    pub signed: &'static str,
    pub encoding: &'static str,
    /// What a secret is.
    pub key: &'static str,
    pub tolerance: Option<Duration>,
}

impl Words {
    pub const NONE: Self = Self {
        headers: &[],
        algorithm: "",
        signed: "",
        encoding: "",
        key: "",
        tolerance: None,
    };

    /// A token, alone in its header.
    const TOKEN: Self = Self {
        algorithm: "none: a token, compared in constant time",
        signed: "nothing",
        encoding: "as it is",
        key: "the token",
        ..Self::NONE
    };
}

/// How a preset proves who sent.
#[derive(Clone, Copy, Debug)]
pub enum SchemeSpec {
    /// An HMAC, as data.
    Signature {
        signature: SignatureSpec<'static>,
        timestamp: Option<TimestampSpec<'static>>,
    },
    /// Anything else.
    Code {
        /// Whether the source must give `secrets`.
        secrets: bool,
        /// Whether the signature covers a time, so that a `tolerance` means something.
        signs_time: bool,
        /// Headers that the scheme signs, lower case: an event key may come from these.
        signed_headers: &'static [&'static str],
        build: Build,
    },
}

/// Events of one request: CEL, with `body` as the item in `key` and `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// CEL over the whole request that gives the list.
    pub each: &'static str,
    pub key: Option<&'static str>,
    pub kind: Option<&'static str>,
}

/// Where the facts of a preset come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// They agree with the vendor's own library.
    Library,
    /// Read in the vendor's or the reference library's source.
    Code,
    /// The vendor's documentation.
    Documentation,
    /// Third parties that agree with each other.
    ThirdParty,
    /// General knowledge: check before you rely on it.
    Unconfirmed,
}

impl Preset {
    /// A JSON body, signed whole: what a preset says differs from this.
    const BASE: Self = Self {
        name: "",
        title: "",
        scheme: SchemeSpec::Signature {
            signature: SignatureSpec::BODY,
            timestamp: None,
        },
        binds_body: true,
        settings: &[],
        jwks: None,
        key: None,
        digest_of: "the body",
        kind: None,
        batch: None,
        body: BodyRule::Json,
        dedup: None,
        horizon: None,
        confidence: Confidence::Documentation,
        source: "",
        setup: "",
        words: Words::NONE,
        example: &[],
    };

    /// A token that travels along and binds nothing: `build` says in which header.
    const TOKEN: Self = Self {
        scheme: SchemeSpec::Code {
            secrets: true,
            signs_time: false,
            signed_headers: &[],
            build: |given| Credential::token(given, None),
        },
        binds_body: false,
        words: Words::TOKEN,
        ..Self::BASE
    };

    /// A token that the operator chose, in `Authorization` unless the source names another header.
    const AUTHORIZATION: Self = Self {
        scheme: SchemeSpec::Code {
            secrets: true,
            signs_time: false,
            signed_headers: &[],
            build: |given| Credential::token(given, Some("authorization")),
        },
        words: Words {
            headers: &["authorization"],
            ..Words::TOKEN
        },
        settings: &["header", "prefix"],
        ..Self::TOKEN
    };

    /// `Authorization: Basic`.
    const BASIC: Self = Self {
        scheme: SchemeSpec::Code {
            secrets: true,
            signs_time: false,
            signed_headers: &[],
            build: Credential::basic,
        },
        words: Words {
            headers: &["authorization"],
            algorithm: "none: a user and a password, compared in constant time",
            encoding: "base64 behind `Basic `",
            key: "`user:password`",
            ..Words::TOKEN
        },
        ..Self::TOKEN
    };

    /// Whether the signature covers a time.
    #[must_use]
    pub fn signs_time(&self) -> bool {
        match self.scheme {
            SchemeSpec::Signature { timestamp, .. } => timestamp.is_some(),
            SchemeSpec::Code { signs_time, .. } => signs_time,
        }
    }
}

/// By name, in alphabetical order.
pub static ALL: [&Preset; 77] = [
    &adyen::PRESET,
    &adyen_platform::PRESET,
    &aftership::PRESET,
    &asana::PRESET,
    &atlassian_connect::PRESET,
    &auth0::PRESET,
    &aws_sns::PRESET,
    &azure_event_grid::PRESET,
    &bitbucket::PRESET,
    &braintree::PRESET,
    &calcom::PRESET,
    &calendly::PRESET,
    &chargebee::PRESET,
    &checkout::PRESET,
    &clerk::PRESET,
    &cloudevents::PRESET,
    &coinbase_commerce::PRESET,
    &contentful::PRESET,
    &datadog::PRESET,
    &dhl::PRESET,
    &discord::PRESET,
    &docusign::PRESET,
    &dropbox::PRESET,
    &easypost::PRESET,
    &easyship::PRESET,
    &fedex::PRESET,
    &flutterwave::PRESET,
    &fusionauth::PRESET,
    &github::PRESET,
    &gitlab::PRESET,
    &gitlab_signing::PRESET,
    &gocardless::PRESET,
    &google_pubsub::PRESET,
    &heroku::PRESET,
    &http_signatures::PRESET,
    &hubspot::PRESET,
    &intercom::PRESET,
    &jira::PRESET,
    &klarna::PRESET,
    &lemonsqueezy::PRESET,
    &line::PRESET,
    &linear::PRESET,
    &mailgun::PRESET,
    &meta::PRESET,
    &microsoft_graph::PRESET,
    &mollie::PRESET,
    &okta::PRESET,
    &paddle::PRESET,
    &pagerduty::PRESET,
    &paypal::PRESET,
    &paystack::PRESET,
    &plaid::PRESET,
    &postmark::PRESET,
    &razorpay::PRESET,
    &resend::PRESET,
    &sendgrid::PRESET,
    &sentry::PRESET,
    &shipengine::PRESET,
    &shippo::PRESET,
    &shopify::PRESET,
    &slack::PRESET,
    &square::PRESET,
    &standard_webhooks::PRESET,
    &stripe::PRESET,
    &svix::PRESET,
    &telegram::PRESET,
    &twilio::PRESET,
    &twilio_sharedkey::PRESET,
    &typeform::PRESET,
    &ups::PRESET,
    &vercel::PRESET,
    &webflow::PRESET,
    &wise::PRESET,
    &woocommerce::PRESET,
    &x::PRESET,
    &zendesk::PRESET,
    &zoom::PRESET,
];

#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name).copied()
}

const fn days(count: u64) -> Duration {
    Duration::from_hours(count * 24)
}
