//! Webhooks as Stripe sends them: a body of 2 KB, signed, as bytes ready for the wire.

use std::fmt::Write;
use std::sync::Arc;

use signalpost::clock;
use signalpost::config::{self, Plan};
use signalpost::verify::{Proof, Source};

use super::Failure;

pub(crate) const SECRET: &str = "whsec_bench_secret_of_the_pipeline";
pub(crate) const SECRET_VARIABLE: &str = "BENCH_STRIPE_SECRET";

/// One route, its argument the body as sent: what most people write first.
pub(crate) const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:BENCH_STRIPE_SECRET"]

[[routes]]
name     = "payment-succeeded"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"
"#;

const BODY: &str = include_str!("payment_intent.json");

/// An event of its own for the order.
pub(crate) fn body(event: &str, order: &str) -> String {
    BODY.trim_end()
        .replace("EVENT_ID", event)
        .replace("ORDER_ID", order)
}

pub(crate) fn plan(routes: &str) -> Result<Plan, Failure> {
    let mut options = config::Options::new("default");
    options.env = Arc::new(|name| (name == SECRET_VARIABLE).then(|| SECRET.to_owned()));
    let loaded = config::compile(routes, "routes.toml", &options);
    let problems = loaded.problems;
    Ok(loaded.plan.ok_or_else(|| format!("{problems:?}"))?)
}

pub(crate) fn source(plan: &Plan) -> Result<&Source, Failure> {
    let source = plan.sources.get("stripe").ok_or("no source")?;
    Ok(source)
}

/// Headers of a request with this body, signed now.
pub(crate) fn headers(
    source: &Source,
    event: &str,
    body: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let Proof::Signature(scheme) = &source.proof else {
        return Err("Stripe signs".into());
    };
    let mut headers = scheme.sign(body.as_bytes(), event, clock::now());
    let usual = [
        (
            "User-Agent",
            "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        ),
        ("Accept", "*/*; q=0.5, application/xml"),
        ("Cache-Control", "no-cache"),
        ("Content-Type", "application/json; charset=utf-8"),
    ];
    headers.extend(usual.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(headers)
}

/// Whole requests for so many new events, spread over so many orders. Stripe's tolerance of five minutes counts from now.
pub(crate) fn requests(
    run: &str,
    events: usize,
    order: impl Fn(usize) -> String,
) -> Result<Vec<Vec<u8>>, Failure> {
    let plan = plan(ROUTES)?;
    let source = source(&plan)?;
    (0..events)
        .map(|number| {
            let event = format!("evt_{run}_{number}");
            let body = body(&event, &order(number));
            let mut request = format!(
                "POST /hooks/stripe HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: {}\r\n",
                body.len()
            );
            for (name, value) in headers(source, &event, &body)? {
                write!(request, "{name}: {value}\r\n")?;
            }
            request.push_str("\r\n");
            request.push_str(&body);
            Ok(request.into_bytes())
        })
        .collect()
}
