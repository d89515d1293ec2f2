//! Resend: what Svix sends, in its name.

use super::{Preset, svix};

pub(super) static PRESET: Preset = Preset {
    name: "resend",
    title: "Resend",
    source: "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
    setup: "Webhooks → the webhook → Signing Secret: `whsec_…`",
    ..svix::COMMON
};
