//! What was answered 200 against what stands in the workflows' histories (P3, P4, P5).

use std::collections::HashSet;

use serde_json::Value;

use super::gateway::Gateway;
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

/// Keys of events whose delivery is parked because nobody can know whether it arrived (SP-D207): kept, and told. Parked for
/// any other reason is a failure, and so are more than one of ten events.
pub(crate) async fn unknown(gateway: &Gateway, events: usize) -> HashSet<String> {
    let mut keys = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/events?state=parked&limit=1000{cursor}");
        let (status, page) = gateway.get(&path).await;
        assert_eq!(status, 200, "{page}");
        for event in page["events"].as_array().expect("events") {
            for delivery in event["deliveries"].as_array().expect("deliveries") {
                assert_eq!(delivery["reason"], "SP-D207", "{event}");
            }
            keys.insert(event["key"].as_str().expect("a key").to_owned());
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let parked = keys.len();
    assert!(
        parked * 10 <= events,
        "{parked} are parked, for nobody knows whether they arrived"
    );
    keys
}

/// Each of an order's payments stands once in the histories of its workflow's runs, in order, and each run has counted those
/// that came before it; of the `unknown` ones each stands there or not. Returns how many runs there are.
pub(crate) async fn compare(
    workflows: &Workflows,
    order: &str,
    each: usize,
    unknown: &HashSet<String>,
) -> usize {
    let events: Vec<String> = (0..each).map(|number| event(order, number)).collect();
    let least = events.iter().filter(|key| !unknown.contains(*key)).count();
    let runs = workflows.live_runs(&format!("order-{order}"), least).await;
    let mut signals = Vec::new();
    for run in &runs {
        assert_eq!(
            run.course.counted,
            signals.len(),
            "{order}: what the workflow counted against what stands in its histories"
        );
        signals.extend_from_slice(&run.signals);
    }
    assert!(
        (least..=each).contains(&signals.len()),
        "{order}: a signal that no provider sent, or one twice"
    );
    let there: HashSet<String> = signals.iter().map(|it| payment(&it.args[0])).collect();
    let acknowledged: Vec<String> = events
        .iter()
        .map(|key| (unknown.contains(key), format!("pi_{key}")))
        .filter(|(unknown, payment)| !unknown || there.contains(payment))
        .map(|(_, payment)| payment)
        .collect();
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
