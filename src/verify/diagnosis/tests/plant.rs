//! A provider that signs, a gateway that judges, and what may be put wrong between them.

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::super::{Advice, Candidate, Known, diagnose};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::verify::answers::Answers;
use crate::verify::providers::{self, Preset, SchemeSpec};
use crate::verify::scheme::Scheme;
use crate::verify::spec::{Place, SignatureSpec, TimestampSpec, Unit};
use crate::verify::{BodyRule, Proof, Refusal, Source, WebhookRequest, authenticate};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_785_585_600);
pub(super) const BODY: &str = "{\"id\":\"e/1\",\"b\":[1.0,2],\"a\":\"\u{e9}\"}";
/// Base64 of 24 bytes, so that it is a secret of every scheme.
pub(super) const SECRET: &str = "c2VjcmV0LW9mLXRoZS1zaG9wLTE=";
pub(super) const OTHER: &str = "c2VjcmV0LW9mLWFub3RoZXItMQ==";

/// A scheme as data.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) spec: SignatureSpec<'static>,
    pub(super) time: Option<TimestampSpec<'static>>,
}

pub(super) fn preset(preset: &'static Preset) -> Shape {
    let SchemeSpec::Signature {
        signature,
        timestamp,
    } = preset.scheme
    else {
        panic!("{} is code", preset.name);
    };
    Shape {
        name: preset.name,
        spec: signature,
        time: timestamp,
    }
}

pub(super) fn hmac() -> Shape {
    Shape {
        name: "hmac",
        spec: SignatureSpec {
            header: "x-carrier-signature",
            prefix: "sha256=",
            signed: "{timestamp}.{body}",
            ..SignatureSpec::BODY
        },
        time: Some(TimestampSpec {
            place: Place::Header("x-carrier-timestamp"),
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_mins(5)),
        }),
    }
}

pub(super) fn shapes() -> [Shape; 3] {
    let find = |name| preset(providers::find(name).unwrap());
    [find("stripe"), find("svix"), hmac()]
}

/// What the provider does, and what arrives.
pub(super) struct Plant {
    /// How the provider signs.
    pub(super) signer: Shape,
    pub(super) key: Vec<u8>,
    pub(super) signed: Vec<u8>,
    pub(super) signed_at: Timestamp,
    /// What the gateway has.
    pub(super) secret: Vec<u8>,
    pub(super) sent: Vec<u8>,
    pub(super) edit: fn(&mut HeaderMap, &Shape),
    /// In the signature's header, what stands in the place of what.
    pub(super) rewrite: Option<(&'static str, &'static str)>,
}

impl Plant {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            signer: shape.clone(),
            key: SECRET.into(),
            signed: BODY.into(),
            signed_at: NOW,
            secret: SECRET.into(),
            sent: BODY.into(),
            edit: |_, _| {},
            rewrite: None,
        }
    }

    pub(super) fn diagnose(&self, shape: &Shape) -> (Option<Refusal>, Vec<Advice>) {
        let key = [Secret::new(self.key.clone())];
        let signer = Scheme::compile(&self.signer.spec, self.signer.time.as_ref(), &key).unwrap();
        let mut headers = HeaderMap::new();
        let (from, to) = self.rewrite.unwrap_or(("", ""));
        for (name, value) in signer.sign(&self.signed, "msg_1", self.signed_at) {
            let value = value.replacen(from, to, 1);
            headers.insert(
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            );
        }
        (self.edit)(&mut headers, shape);
        let sent = self.sent.clone().into();
        let target = Uri::from_static("/hooks/shop");
        let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), sent);
        let source = source("shop", shape, &self.secret);
        let other = source_of_other();
        let candidate = |name: &str, reference: &str, secret: &[u8]| Candidate {
            source: name.to_owned(),
            reference: reference.to_owned(),
            secret: Secret::new(secret.to_vec()),
        };
        let secrets = [
            candidate("shop", "env:SHOP", &self.secret),
            candidate("other", "env:OTHER", OTHER.as_bytes()),
        ];
        let known = Known {
            sources: &[&source, &other],
            secrets: &secrets,
            called: "",
        };
        match authenticate(&source, &request, NOW) {
            Ok(_) => (None, Vec::new()),
            Err(refusal) => {
                let advice = diagnose(&source, &request, &refusal, known, NOW);
                (Some(refusal), advice)
            }
        }
    }
}

pub(super) fn source(name: &str, shape: &Shape, secret: &[u8]) -> Source {
    // A secret that the scheme cannot decode has a stand-in, as when it is loaded.
    let scheme = [secret, b"c3RhbmQtaW4tb2YtdGhlLXRlc3Q="]
        .into_iter()
        .find_map(|secret| {
            let secrets = [Secret::new(secret.to_vec())];
            Scheme::compile(&shape.spec, shape.time.as_ref(), &secrets).ok()
        });
    Source {
        name: Arc::from(name),
        proof: Proof::Signature(scheme.unwrap()),
        body: BodyRule::Text,
        key: None,
        kind: None,
        time: None,
        dedup: Duration::from_hours(24 * 7),
        refuse_unrouted: false,
        rate: None,
        allow_ips: None,
        max_body: None,
        silence: None,
        preset: None,
        each: None,
        handshake: None,
        answers: Answers::DEFAULT,
        recipe: None,
    }
}

pub(super) fn source_of_other() -> Source {
    let github = preset(providers::find("github").unwrap());
    source("other", &github, OTHER.as_bytes())
}
