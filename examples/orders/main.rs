//! The demo: an order that is paid and shipped by webhooks and read through a query, on a real Temporal.
//!
//! `cargo run --example orders` shows it step by step and stays up for trying out; with `-- --once` it ends by
//! itself, with exit code 1 if anything came out otherwise than it should.
#![expect(
    clippy::print_stdout,
    reason = "a demo talks to the person who runs it"
)]

mod sender;
mod shop;
mod worker;

use std::error::Error;
use std::process::ExitCode;

use sender::Answer;
use shop::Shop;

const ORDER: &str = "1001";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let once = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--once"] => true,
        _ => {
            println!(
                "usage: cargo run --example orders [-- --once]\n\n  --once   end by itself: exit 0 if all went as it should, else 1"
            );
            return ExitCode::from(
                if arguments.first().is_some_and(|first| first == "--help") {
                    0
                } else {
                    2
                },
            );
        }
    };
    match run(once).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("\nThe demo cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(once: bool) -> Result<bool, Box<dyn Error>> {
    println!("Signalpost demo: one order, paid by Stripe and moved by a carrier.\n");
    let shop = Shop::open(!once).await?;
    let base = shop.base();
    let mut checks = Checks::default();

    step(
        1,
        &format!("the shop starts workflow order-{ORDER}; it waits for a payment and a shipment"),
    );
    shop.start_order(ORDER).await?;

    step(2, "Stripe posts a signed payment to /hooks/stripe");
    let payment = sender::payment(ORDER, "evt_1", 4999);
    let first = sender::stripe(&base, sender::STRIPE_SECRET, &payment).await?;
    checks.expect(&first, 200, &[("status", "accepted")]);

    step(
        3,
        "Stripe repeats it, signed anew: the same event, so it is not delivered again",
    );
    let again = sender::stripe(&base, sender::STRIPE_SECRET, &payment).await?;
    let id = first.body["event"].as_str().unwrap_or_default();
    checks.expect(&again, 200, &[("status", "duplicate"), ("event", id)]);

    step(
        4,
        "a forger posts a payment signed with a secret of his own",
    );
    let forged =
        sender::stripe(&base, "whsec_guessed", &sender::payment(ORDER, "evt_2", 1)).await?;
    checks.expect(&forged, 401, &[("code", "SP-R101")]);

    step(5, "the carrier posts a signed movement to /hooks/carrier");
    let moved = sender::carrier(&base, &sender::parcel(ORDER, "mv_1")).await?;
    checks.expect(&moved, 200, &[("status", "accepted")]);

    step(
        6,
        "a guest's token asks for the order's status: no rule allows the role",
    );
    let guest = sender::ask(&base, ORDER, &shop.idp.token("mallory", "guest")?).await?;
    checks.expect(&guest, 403, &[]);

    step(
        7,
        "support asks the same, and may: the query runs in the workflow",
    );
    let support = shop.idp.token("alice", "support")?;
    let status = shop.status_once_settled(&support, ORDER).await?;
    checks.expect(&status, 200, &[("order", ORDER)]);
    checks.that("paid with 4999", status.body["paid"]["amount"] == 4999);
    checks.that("shipped", status.body["shipped"]["tracking"] == "TRK-1001");
    checks.that(
        "two signals, though four webhooks came",
        status.body["signals"] == 2,
    );

    println!(
        "\n{}",
        if checks.failed == 0 {
            "All as it should be."
        } else {
            "Something came out otherwise: see above."
        }
    );
    if !once {
        shop.start_order("1002").await?;
        shop.what_next(&support);
        tokio::signal::ctrl_c().await?;
        println!("\nstopping …");
    }
    shop.close().await;
    Ok(checks.failed == 0)
}

fn step(number: u32, what: &str) {
    println!("\n{number}. {what}");
}

/// Compares what came with what should have come, and says both.
#[derive(Default)]
struct Checks {
    failed: u32,
}

impl Checks {
    fn expect(&mut self, answer: &Answer, status: u16, fields: &[(&str, &str)]) {
        println!("   {} {}", answer.status, answer.body);
        self.that(&format!("status {status}"), answer.status == status);
        for (name, value) in fields {
            self.that(&format!("{name} is {value}"), answer.body[*name] == *value);
        }
    }

    fn that(&mut self, what: &str, holds: bool) {
        println!("   {} {what}", if holds { "✓" } else { "✗ NOT:" });
        self.failed += u32::from(!holds);
    }
}
