//! How the store stands, for `/ready` and `/metrics`; where many replicas share it, how the work is shared out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock;
use crate::inbox::{Inbox, Shared, Stats};
use crate::telemetry::Telemetry;

/// A scrape waits so long for exact figures; then the last ones do.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counted now, if that can be had.
pub(super) async fn counted(inbox: &Inbox) -> Stats {
    match tokio::time::timeout(PATIENCE, inbox.count()).await {
        Ok(Ok(stats)) => stats,
        Ok(Err(_)) | Err(_) => inbox.stats(),
    }
}

pub(super) fn store(stats: &Stats) -> Value {
    let mut shown = json!({
        "ok": stats.trouble.is_none(),
        "trouble": stats.trouble,
        "pending": stats.pending,
        "parked": stats.parked,
        "bytes": stats.bytes,
    });
    if !stats.server.is_empty() {
        let server = stats.server.iter();
        shown["redis"] = server
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
    }
    if let (Some(shared), Some(shown)) = (&stats.shared, shown.as_object_mut()) {
        shown.extend(of_replicas(shared));
    }
    shown
}

fn of_replicas(shared: &Shared) -> [(String, Value); 3] {
    let partitions: Vec<_> = shared.partitions.iter().map(|it| it.number).collect();
    let replicas: Vec<_> = shared
        .replicas
        .iter()
        .map(|replica| {
            let mut shown = json!({ "id": replica.id, "seen": replica.seen.to_string() });
            if let (Some(about), Some(shown)) = (replica.about.as_object(), shown.as_object_mut()) {
                shown.extend(about.clone());
            }
            shown
        })
        .collect();
    [
        ("replica".to_owned(), json!(shared.replica)),
        ("partitions".to_owned(), json!(partitions)),
        ("replicas".to_owned(), json!(replicas)),
    ]
}

pub(super) fn report_shared(telemetry: &Telemetry, stats: &Stats) {
    let Some(shared) = &stats.shared else {
        return;
    };
    let now = clock::now();
    let owned: Vec<_> = shared
        .partitions
        .iter()
        .map(|it| {
            let age = it.oldest.map(|at| now.since(at)).unwrap_or_default();
            (it.number, it.members, age)
        })
        .collect();
    telemetry.set_partitions(&owned);
    telemetry.set_replicas(u64::try_from(shared.replicas.len()).unwrap_or(u64::MAX));
}
