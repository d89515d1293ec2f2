//! Stripe: `t=<s>,v1=<hex>` over `t.body`, keyed with the whole `whsec_…` text.

use std::borrow::Cow::Borrowed;

use super::{Preset, days, minutes};
use crate::verify::BodyRule;
use crate::verify::spec::{
    Algorithm, Copies, Encoding, KeyForm, Layout, Place, SignatureSpec, TimestampSpec, Unit,
};

pub(super) static PRESET: Preset = Preset {
    name: "stripe",
    title: "Stripe",
    signature: SignatureSpec {
        header: Borrowed("stripe-signature"),
        // After a secret is rolled, two `v1` stand side by side for up to a day.
        layout: Layout::Tagged {
            separator: ',',
            assign: '=',
            tag: Borrowed("v1"),
        },
        copies: Copies::One,
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Hex,
        prefix: Borrowed(""),
        signed: Borrowed("{timestamp}.{body}"),
        id_header: None,
        key_form: KeyForm::Plain,
    },
    timestamp: Some(TimestampSpec {
        place: Place::Tag(Borrowed("t")),
        unit: Unit::Seconds,
        tolerance: Some(minutes(5)),
    }),
    key: Some("body.id"),
    kind: Some("body.type"),
    body: BodyRule::Json,
    dedup: None,
    horizon: Some(days(3)),
    source: "https://docs.stripe.com/webhooks",
};
