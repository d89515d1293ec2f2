//! Clerk: what Svix sends, in its name.

use super::{Preset, svix};

pub(super) static PRESET: Preset = Preset {
    name: "clerk",
    title: "Clerk",
    source: "https://clerk.com/docs/webhooks/sync-data",
    setup: "Dashboard → Webhooks → the endpoint → Signing Secret: `whsec_…`",
    ..svix::COMMON
};
