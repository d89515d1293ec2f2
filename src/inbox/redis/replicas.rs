//! Who this replica is among those that share a Redis.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::keys;

#[derive(Clone, Debug)]
pub(super) struct Replica {
    /// Another one at each start: what a former process of this machine was granted is not ours.
    pub id: Arc<str>,
    host: Arc<str>,
}

impl Replica {
    pub(super) fn new() -> Self {
        Self {
            id: Uuid::new_v4().simple().to_string().into(),
            host: gethostname::gethostname().to_string_lossy().into(),
        }
    }

    /// JSON that others may read: which names it writes, where it runs, and which routing it serves.
    pub(super) fn about(&self, config: &str) -> String {
        json!({
            "schema": keys::SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "host": &*self.host,
            "config": config,
        })
        .to_string()
    }
}
