//! Who this replica is among those that share a Redis.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::keys;

#[derive(Clone, Debug)]
pub(super) struct Replica {
    /// Another one at each start: what a former process of this machine was granted is not ours.
    pub id: Arc<str>,
    /// JSON that others may read: which names it writes, and where it runs.
    pub about: Arc<str>,
}

impl Replica {
    pub(super) fn new() -> Self {
        let about = json!({
            "schema": keys::SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "host": gethostname::gethostname().to_string_lossy(),
        });
        Self {
            id: Uuid::new_v4().simple().to_string().into(),
            about: about.to_string().into(),
        }
    }
}
