//! Svix: a list `v1,<base64> …` over `id.timestamp.body`, in `svix-*` headers, or in `webhook-*` where none of those is there.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::BodyRule;
use crate::verify::spec::{
    Copies, Encoding, KeyForm, Layout, Names, Place, SignatureSpec, TimestampSpec, Unit,
};

/// What Svix sends, in whosever name.
pub(super) const COMMON: Preset = Preset {
    scheme: SchemeSpec::Signature {
        signature: SignatureSpec {
            header: "svix-signature",
            layout: Layout::Tagged {
                separator: ' ',
                assign: ',',
                tag: "v1",
            },
            copies: Copies::Several,
            encoding: Encoding::Base64,
            signed: "{id}.{timestamp}.{body}",
            id_header: Some("svix-id"),
            key_form: KeyForm::Whsec,
            other: Some(Names {
                header: "webhook-signature",
                id_header: Some("webhook-id"),
                timestamp: Some("webhook-timestamp"),
            }),
            ..SignatureSpec::BODY
        },
        timestamp: Some(TimestampSpec {
            place: Place::Header("svix-timestamp"),
            unit: Unit::Seconds,
            tolerance: Some(Duration::from_mins(5)),
        }),
    },
    key: Some("'svix-id' in headers ? headers['svix-id'] : headers['webhook-id']"),
    kind: Some("body.type"),
    confidence: Confidence::Library,
    ..Preset::BASE
};

pub(super) static PRESET: Preset = Preset {
    name: "svix",
    title: "Svix",
    body: BodyRule::ByMediaType,
    source: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
    setup: "the sender's portal → the endpoint → Signing Secret: `whsec_…`",
    ..COMMON
};
