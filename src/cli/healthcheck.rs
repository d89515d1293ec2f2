//! `signalpost healthcheck`: is a running gateway ready, or at least alive? For images without a shell or curl.
//!
//! The ops listener asks nobody for a token there, so none is sent. Proxies of the environment are not asked either: a
//! gateway that cannot be reached without one is not well.

use std::time::Duration;

use clap::Args;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::flags::OpsListener;
use super::{End, Output, complain, print, root_cause};
use crate::settings::values;

/// `/ready` of a gateway is some hundred bytes; more is somebody else's, and perhaps without an end.
const MAX_BODY: usize = 64 * 1024;

/// Ask a running gateway whether it is ready.
///
/// Exit code 0 if it is, 1 if it is not or does not answer. What it says is `/ready` of the ops listener, which is 503 while
/// the store cannot promise and while the gateway drains; Temporal being away does not make it so.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    ops: OpsListener,

    /// Ask only whether it is alive: `/live`.
    #[arg(long)]
    live: bool,

    /// How long it may take to answer: ms, s, m, h, d.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    timeout: Duration,

    /// Print for people, or what the gateway answered for programs.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

pub(super) async fn run(arguments: &Arguments) -> End {
    match ask(arguments).await {
        Ok((status, body)) => {
            match arguments.output {
                Output::Json => print(&body.to_string()),
                Output::Text => print(&sentence(status, &body)),
            }
            if status.is_success() {
                End::Ok
            } else {
                End::Problem
            }
        }
        Err(sentence) => {
            complain(&sentence);
            End::Problem
        }
    }
}

async fn ask(arguments: &Arguments) -> Result<(StatusCode, Value), String> {
    let mut url = arguments.ops.url()?;
    // Only an address without a host has no path to extend, and such a one is not http.
    if let Ok(mut segments) = url.path_segments_mut() {
        let path = if arguments.live { "live" } else { "ready" };
        segments.pop_if_empty().push(path);
    }
    let http = reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(arguments.timeout)
        .no_proxy()
        .build()
        .map_err(|error| format!("no HTTP client can be made: {error}"))?;
    let unreachable = |error| format!("{url} does not answer: {}", root_cause(&error));
    let answer = http.get(url.clone()).send().await.map_err(unreachable)?;
    let status = answer.status();
    let body = read(answer).await.map_err(unreachable)?;
    // A health check of something else that happens to be healthy would be worse than none.
    let foreign = || format!("{url} answers {status}, but not as the ops listener of a gateway");
    if body.len() > MAX_BODY {
        return Err(foreign());
    }
    if arguments.live {
        let is_alive = status.is_success() && body.trim_ascii() == b"alive";
        return is_alive
            .then(|| (status, json!({ "live": true })))
            .ok_or_else(foreign);
    }
    let body: Value = serde_json::from_slice(&body).map_err(|_| foreign())?;
    let is_ours = body["ready"] == status.is_success();
    is_ours.then_some((status, body)).ok_or_else(foreign)
}

/// The body, or so much of it that it can be none of ours.
async fn read(mut answer: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() <= MAX_BODY
        && let Some(chunk) = answer.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What is so, and why; Temporal's trouble is told beside a yes.
fn sentence(status: StatusCode, body: &Value) -> String {
    if body["live"] == true {
        return "alive".to_owned();
    }
    let checks = &body["checks"];
    let trouble = |what: &str| Some(format!("{what}: {}", checks[what]["trouble"].as_str()?));
    let mut words = vec![if status.is_success() {
        "ready".to_owned()
    } else {
        "not ready".to_owned()
    }];
    if body["draining"] == true {
        words.push("it drains".to_owned());
    }
    words.extend(
        ["store", "audit", "temporal"]
            .into_iter()
            .filter_map(trouble),
    );
    words.join("; ")
}
