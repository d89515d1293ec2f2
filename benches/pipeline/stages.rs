//! The pure stages of a webhook, one thread, nothing stored: verify, then route.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use signalpost::clock;
use signalpost::config::Plan;
use signalpost::verify::{self, WebhookRequest};

use super::figures::{median, median_ratio};
use super::{Effort, Failure, stripe};

const FEW: usize = 10;
const MANY: usize = 10_000;

pub(crate) fn run(effort: Effort) -> Result<(), Failure> {
    let body = stripe::body("evt_1", "42");
    let few = stripe::plan(&routes(FEW))?;
    let many = stripe::plan(&routes(MANY))?;
    let request = request(&few, &body)?;
    let (mut verify, mut few_routes, mut many_routes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        verify.push(verifying(&few, &request, effort.repeats)?);
        few_routes.push(routing(&few, &request, effort.repeats)?);
        many_routes.push(routing(&many, &request, effort.repeats)?);
    }
    let ratio = median_ratio(&many_routes, &few_routes);
    let (verify, few_routes) = (median(verify), median(few_routes));
    println!("a Stripe event of {} bytes, per event:", body.len());
    println!("verify {verify:>6.2} us");
    println!("route  {few_routes:>6.2} us with {FEW} routes");
    println!("both   {:>6.2} us (goal 15)", verify + few_routes);
    println!("{MANY} routes against {FEW}: {ratio:.2} (goal 1.20)");
    Ok(())
}

/// So many routes of the one source, half of them by prefix, of which the last one fits.
pub(crate) fn routes(count: usize) -> String {
    let mut text = stripe::ROUTES.to_owned();
    let (source, route) = text.split_once("[[routes]]").unwrap_or_default();
    let mut all = source.to_owned();
    for number in 1..count {
        let star = if number % 2 == 0 { ".*" } else { "" };
        // Writing to a String cannot fail.
        let _written = writeln!(
            all,
            "[[routes]]\nname = \"r{number}\"\nsource = \"stripe\"\non = \"kind-{number}{star}\"\n\
             workflow = \"w-${{body.id}}\"\nsignal = \"s\""
        );
    }
    all.push_str("[[routes]]");
    all.push_str(route);
    text = all;
    text
}

pub(crate) fn request(plan: &Plan, body: &str) -> Result<WebhookRequest, Failure> {
    let source = stripe::source(plan)?;
    let mut headers = HeaderMap::new();
    for (name, value) in stripe::headers(source, "evt_1", body)? {
        headers.append(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(&value)?,
        );
    }
    let body = Bytes::from(body.to_owned());
    let peer = "192.0.2.7".to_owned();
    let target = Uri::from_static("/hooks/stripe");
    Ok(WebhookRequest::new(
        Method::POST,
        &target,
        headers,
        peer,
        body,
    ))
}

fn verifying(plan: &Plan, request: &WebhookRequest, repeats: u32) -> Result<f64, Failure> {
    let source = stripe::source(plan)?;
    let now = clock::now();
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(verify::authenticate(source, black_box(request), now)?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(repeats))
}

pub(crate) fn routing(plan: &Plan, request: &WebhookRequest, repeats: u32) -> Result<f64, Failure> {
    let event = verify::authenticate(stripe::source(plan)?, request, clock::now())?;
    let start = Instant::now();
    for _ in 0..repeats {
        let deliveries = plan.routes.resolve(black_box(&event), &[])?;
        if black_box(deliveries).len() != 1 {
            return Err("one route fits the event".into());
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(repeats))
}
