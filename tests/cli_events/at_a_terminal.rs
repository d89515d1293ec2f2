//! Bulk actions of a person at a terminal: the question, its two answers, and Ctrl-C in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use temporalio_common::protos::temporal::api::errordetails::v1::NotFoundFailure;
use tonic::Code;

use super::run;
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::grpc;
use crate::support::operator::{BY_ORDER, paid, post, route, setup};
use crate::support::temporal::{FakeTemporal, Reply};
use crate::support::terminal::{CTRL_C, Terminal};

const RETRY: [&str; 6] = ["events", "retry", "--state", "parked", "--route", "pay"];

/// A Temporal whose workflows appear when told to.
struct Absent {
    fake: FakeTemporal,
    there: Arc<AtomicBool>,
}

impl Absent {
    async fn start() -> Self {
        let fake = FakeTemporal::start().await;
        let there = Arc::new(AtomicBool::new(false));
        let appeared = Arc::clone(&there);
        fake.otherwise(move |request| {
            let known = request.workflow.starts_with("order-");
            if known && !appeared.load(Ordering::Relaxed) {
                let detail = NotFoundFailure::default();
                Reply::Fail(grpc::status(Code::NotFound, "no workflow", &detail))
            } else {
                Reply::Ok
            }
        });
        Self { fake, there }
    }

    fn appear(&self) {
        self.there.store(true, Ordering::Relaxed);
    }
}

/// Events in this state, each of one delivery.
async fn count(gateway: &Gateway, state: &str) -> u64 {
    let asked = json!({ "filter": { "state": state }, "dry_run": true });
    let (status, answer) = post(gateway, "/v1/events/replay", &asked).await;
    assert_eq!(status, 200, "{answer}");
    answer["count"].as_u64().expect("a count")
}

/// A gateway with so many parked deliveries, each to a workflow of its own.
async fn with_parked(temporal: &Absent, parked: u64) -> Gateway {
    let address = temporal.fake.address.to_string();
    let gateway = setup(&route("pay", BY_ORDER), &address).start().await;
    let numbers: Vec<String> = (0..parked).map(|n| n.to_string()).collect();
    for some in numbers.chunks(32) {
        let events = some
            .iter()
            .map(async |n| paid(&gateway, n, &format!("evt_{n}")).await);
        join_all(events).await;
    }
    eventually("all are parked", async || {
        count(&gateway, "parked").await == parked
    })
    .await;
    gateway
}

fn retry_at_a_terminal(gateway: &Gateway) -> Terminal {
    Terminal::run(&RETRY, &[("SIGNALPOST_OPS_URL", gateway.ops())])
}

#[tokio::test]
async fn a_person_is_asked_and_no_or_ctrl_c_changes_nothing_and_yes_does_it() {
    let temporal = Absent::start().await;
    let gateway = with_parked(&temporal, 3).await;
    temporal.appear();
    for (keys, code, says) in [
        ("n\n", 1, "Nothing was done."),
        ("\n", 1, "Nothing was done."),
        (CTRL_C, 130, "^C"),
    ] {
        let mut terminal = retry_at_a_terminal(&gateway);
        terminal.until_shown("retry 3 deliveries? [y/N] ").await;
        terminal.types(keys);
        assert_eq!(terminal.exit_code().await, code, "{}", terminal.screen());
        terminal.until_shown(says).await;
        assert_eq!(count(&gateway, "parked").await, 3, "after {keys:?}");
    }
    let mut terminal = retry_at_a_terminal(&gateway);
    terminal.until_shown("retry 3 deliveries? [y/N] ").await;
    terminal.types("y\n");
    assert_eq!(terminal.exit_code().await, 0, "{}", terminal.screen());
    terminal.until_shown("retried 3 deliveries").await;
    eventually("all are delivered", async || {
        count(&gateway, "delivered").await == 3
    })
    .await;
}

#[tokio::test]
async fn ctrl_c_in_the_middle_of_a_bulk_action_leaves_the_rest_for_the_same_command() {
    /// One in two milliseconds at the most is retried: more than can be done before Ctrl-C arrives.
    const ALL: u64 = 500;
    let temporal = Absent::start().await;
    let gateway = with_parked(&temporal, ALL).await;
    temporal.appear();
    let mut terminal = retry_at_a_terminal(&gateway);
    terminal.until_shown("[y/N] ").await;
    terminal.types("y\n");
    eventually("some are retried", async || {
        count(&gateway, "parked").await < ALL
    })
    .await;
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit_code().await, 1, "{}", terminal.screen());
    terminal
        .until_shown("Stopped. What was retried stays so; the same command goes on with the rest.")
        .await;
    let left = count(&gateway, "parked").await;
    assert!((1..ALL).contains(&left), "{left} of {ALL} are left");
    // The last one of before may be done between the count and the action, which is then refused.
    eventually("the same command does the rest", async || {
        run(&gateway, &[&RETRY[1..], &["--yes"]].concat()).0 == 0
    })
    .await;
    eventually("each is delivered, once", async || {
        count(&gateway, "delivered").await == ALL
    })
    .await;
    for number in 0..ALL {
        let workflow = format!("order-{number}");
        // Once in vain, described, parked; then once more.
        assert_eq!(temporal.fake.received(&workflow).len(), 3, "{workflow}");
    }
}
