//! What was answered 200 against what stands in the workflows' histories (P3, P4, P5).

use std::collections::HashSet;

use serde_json::Value;

use super::provider::event;
use super::workflows::{Signaled, Workflows};

/// Payments of `sender::payment`, each a signal whose one argument [`payment`] reads.
pub(crate) const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "payment"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"
args     = [{ payment = "${body.data.object.id}" }]
"#;

/// The payment's id in a signal's first argument.
pub(crate) fn payment(argument: &str) -> String {
    let value: Value = serde_json::from_str(argument).expect("JSON");
    value["payment"].as_str().expect("a payment").to_owned()
}

/// Every acknowledged payment is there once, in the order of the yeses. What was sent and never answered may be
/// there too, once.
pub(crate) fn nothing_lost_twice_or_out_of_order(acknowledged: &[String], signals: &[Signaled]) {
    let arrived: Vec<String> = signals
        .iter()
        .map(|signal| payment(&signal.args[0]))
        .collect();
    let distinct: HashSet<&String> = arrived.iter().collect();
    assert_eq!(
        distinct.len(),
        arrived.len(),
        "a payment arrived twice: {arrived:?}"
    );
    let yes: HashSet<&String> = acknowledged.iter().collect();
    let in_order: Vec<&String> = arrived
        .iter()
        .filter(|payment| yes.contains(payment))
        .collect();
    assert_eq!(
        in_order,
        acknowledged.iter().collect::<Vec<_>>(),
        "lost or out of order"
    );
}

/// Each of an order's payments stands once in the histories of its workflow's runs, in order, and each run has counted those
/// that came before it. Returns how many runs there are.
pub(crate) async fn compare(workflows: &Workflows, order: &str, each: usize) -> usize {
    let acknowledged: Vec<String> = (0..each)
        .map(|number| format!("pi_{}", event(order, number)))
        .collect();
    let runs = workflows.live_runs(&format!("order-{order}"), each).await;
    let mut signals = Vec::new();
    for run in &runs {
        assert_eq!(
            run.course.counted,
            signals.len(),
            "{order}: what the workflow counted against what stands in its histories"
        );
        signals.extend_from_slice(&run.signals);
    }
    assert_eq!(
        signals.len(),
        each,
        "{order}: a signal that no provider sent, or one twice"
    );
    nothing_lost_twice_or_out_of_order(&acknowledged, &signals);
    runs.len()
}

/// The sum of all samples whose line begins with `prefix`.
pub(crate) fn sum(metrics: &str, prefix: &str) -> u64 {
    metrics
        .lines()
        .filter(|line| line.starts_with(prefix))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}
