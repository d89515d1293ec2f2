//! A crash between any two steps of accept, claim, attempt and settle loses nothing and repeats nothing.
//!
//! The process aborts at one named place after another; a provider repeats what was not answered; then the histories
//! are compared with the yeses.

use signalpost::crash::POINTS;

use crate::support::gateway::{Gateway, Setup};
use crate::support::workflows::{Workflows, unique};
use crate::support::{eventually, ledger, sender};

const EVENTS: usize = 30;

#[tokio::test]
async fn a_crash_between_any_two_steps_loses_nothing_and_repeats_nothing() {
    let workflows = Workflows::connect().await;
    for point in POINTS {
        let order = unique("c");
        workflows.start(&format!("order-{order}")).await;
        let mut gateway = Setup::new(ledger::ROUTES, workflows.address())
            .env("SECRET", sender::STRIPE_SECRET)
            .env("CRASH_AT", &format!("{point}:7"))
            .start()
            .await;
        let mut crashed = false;
        let mut acknowledged = Vec::new();
        for number in 0..EVENTS {
            let event = format!("{order}_{number:03}");
            send_until_kept(&mut gateway, &order, &event, &mut crashed).await;
            acknowledged.push(format!("pi_{event}"));
        }
        if !crashed {
            // The place is on delivery's own clock: it may come after the last yes.
            eventually(&format!("the crash at {point}"), || {
                std::future::ready(gateway.is_gone())
            })
            .await;
            gateway.restart_without("CRASH_AT").await;
        }
        gateway.settled().await;
        let signals = workflows.signals(&format!("order-{order}"), EVENTS).await;
        assert_eq!(signals.len(), EVENTS, "after a crash at {point}");
        ledger::nothing_lost_twice_or_out_of_order(&acknowledged, &signals);
    }
}

/// As a provider does: again and again until it is answered 200. Starts the gateway again once it has died.
async fn send_until_kept(gateway: &mut Gateway, order: &str, event: &str, crashed: &mut bool) {
    let body = sender::payment(order, event, 1);
    loop {
        let answer = sender::stripe(gateway.public(), sender::STRIPE_SECRET, &body).await;
        if answer.is_ok_and(|answer| answer.status == 200) {
            return;
        }
        assert!(!*crashed, "it died twice, or refuses what it should keep");
        eventually("the gateway is gone", || {
            std::future::ready(gateway.is_gone())
        })
        .await;
        *crashed = true;
        gateway.restart_without("CRASH_AT").await;
    }
}
