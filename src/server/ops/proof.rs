//! Where a delivery's signal stands in its workflow's history, for whoever wants to see it there.
//!
//! Asks Temporal and changes nothing. Where the search came to no end, that is said: no proof is not a
//! proof of the contrary.

use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::super::Ops;
use super::super::record::{Proven, ShownProof};
use crate::event::Delivery;
use crate::inbox::EventRecord;
use crate::temporal::{Proof, Search};

/// For one call to Temporal, and for all that one request asks.
const CALL: Duration = Duration::from_secs(4);
const REQUEST: Duration = Duration::from_secs(20);

/// For each delivery of the event, in their order.
pub(super) async fn of(ops: &Ops, record: &EventRecord) -> Vec<Proven> {
    let end = Instant::now() + REQUEST;
    let mut proofs = Vec::with_capacity(record.deliveries.len());
    for delivery in &record.deliveries {
        let searched = tokio::time::timeout_at(end, of_delivery(ops, delivery)).await;
        proofs.push(searched.unwrap_or_else(|_| unknown("there was no time left to search")));
    }
    proofs
}

async fn of_delivery(ops: &Ops, delivery: &Delivery) -> Proven {
    if delivery.first_attempt_at.is_none() {
        // It was never sent.
        return Proven::default();
    }
    let searched = ops
        .temporal
        .prove(delivery, delivery.accepted_at, CALL)
        .await;
    match searched {
        Ok(Search::Found(proof)) => Proven {
            proof: Some(ShownProof {
                url: ops
                    .temporal_ui
                    .as_ref()
                    .and_then(|ui| link(ui, delivery, &proof)),
                run_id: proof.run_id,
                event_id: proof.event_id,
                time: proof.time.to_rfc3339(),
            }),
            proof_unknown: None,
        },
        Ok(Search::NotFound) => Proven::default(),
        Ok(Search::Unknown(why)) => unknown(&why),
        Err(failure) => unknown(&failure.message),
    }
}

fn unknown(why: &str) -> Proven {
    Proven {
        proof: None,
        proof_unknown: Some(why.to_owned()),
    }
}

/// The page of the run's history. None for ids that no address can hold.
fn link(ui: &Url, delivery: &Delivery, proof: &Proof) -> Option<String> {
    let target = &delivery.target;
    let parts = [
        "namespaces",
        &target.namespace,
        "workflows",
        &target.workflow,
        &proof.run_id,
        "history",
    ];
    // As parts of a path these mean something else, encoded or not.
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return None;
    }
    let mut url = ui.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(parts);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::samples;

    fn linked(workflow: &str) -> Option<String> {
        let ui = Url::parse("https://temporal.example/ui/").unwrap();
        let mut delivery = samples::delivery(Timestamp::from_seconds(0));
        workflow.clone_into(&mut delivery.target.workflow);
        let proof = Proof {
            run_id: "run".to_owned(),
            event_id: 5,
            time: Timestamp::from_seconds(0),
        };
        link(&ui, &delivery, &proof)
    }

    #[test]
    fn a_link_holds_any_id_that_a_path_can() {
        assert_eq!(
            linked("order/4 2?").as_deref(),
            Some(
                "https://temporal.example/ui/namespaces/default/workflows/order%2F4%202%3F/run/history"
            )
        );
        assert_eq!(linked(".."), None);
    }
}
