//! Clerk: sent by Svix: a list `v1,<base64> …` over `id.timestamp.body`.

use std::time::Duration;

use super::{Confidence, Preset, SchemeSpec};
use crate::verify::spec::{
    Copies, Encoding, KeyForm, Layout, Names, Place, SignatureSpec, TimestampSpec, Unit,
};

pub(super) static PRESET: Preset = Preset {
    name: "clerk",
    title: "Clerk",
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
    source: "https://clerk.com/docs/webhooks/sync-data",
    setup: "Dashboard → Webhooks → the endpoint → Signing Secret: `whsec_…`",
    ..Preset::BASE
};
