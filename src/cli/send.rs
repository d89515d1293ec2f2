//! `signalpost send`: a webhook signed like the provider's, posted to a gateway.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::explain::captured::header;
use super::flags::RoutingFile;
use super::{End, complain, print, root_cause};
use crate::clock;
use crate::verify::verifier::{Draft, Signed};
use crate::verify::{self, Proof};

/// Sign a body like the source's provider does, with the source's first secret, and post it.
///
/// Prints the answer. Exit code 0 if it is a 2xx, else 1.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The source's name in the routing file.
    #[arg(value_name = "SOURCE")]
    source: String,

    /// File with the body; `-` reads it from stdin.
    #[arg(value_name = "BODY")]
    body: PathBuf,

    /// Where to post to. Default: the gateway on this machine, `http://127.0.0.1:8080/hooks/SOURCE`.
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    #[command(flatten)]
    routing: RoutingFile,

    /// A further header, such as `X-GitHub-Event: push`; may be repeated. A source with tokens needs
    /// `Authorization: Bearer …` here.
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
}

pub(super) async fn run(arguments: &Arguments) -> End {
    match send(arguments).await {
        Ok(end) => end,
        Err(sentence) => {
            complain(&sentence);
            End::Problem
        }
    }
}

async fn send(arguments: &Arguments) -> Result<End, String> {
    let body = body(arguments)?;
    let signed = sign(arguments, &body)?;
    let default = || format!("http://127.0.0.1:8080/hooks/{}", arguments.source);
    let mut url = arguments.to.clone().unwrap_or_else(default);
    if let Some(query) = &signed.query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(query);
    }
    let body = signed.body.unwrap_or(body);
    let mut request = reqwest::Client::new().post(&url).body(body);
    // What the caller says goes first, then what the scheme needs.
    let said = |wanted: &str| arguments.header.iter().any(|(name, _)| name == wanted);
    let media = CONTENT_TYPE.as_str();
    if !said(media) && !signed.headers.iter().any(|(name, _)| name == media) {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    for (name, value) in signed.headers {
        if name != media || !said(media) {
            request = request.header(name, value);
        }
    }
    for (name, value) in &arguments.header {
        request = request.header(name, value);
    }
    let answer = request
        .send()
        .await
        .map_err(|error| format!("{url} cannot be reached: {}", root_cause(&error)))?;
    let status = answer.status();
    let text = answer
        .text()
        .await
        .map_err(|error| format!("the answer broke off: {}", root_cause(&error)))?;
    complain(&format!("{status}"));
    print(&text);
    Ok(if status.is_success() {
        End::Ok
    } else {
        End::Problem
    })
}

fn body(arguments: &Arguments) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    if arguments.body.as_os_str() == "-" {
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| format!("stdin: {error}"))?;
        return Ok(bytes);
    }
    std::fs::read(&arguments.body).map_err(|error| format!("{}: {error}", arguments.body.display()))
}

/// The body as the source's provider would send it. Secrets of other sources need not be at hand.
fn sign(arguments: &Arguments, body: &[u8]) -> Result<Signed, String> {
    let loaded = arguments.routing.load(true);
    let plan = loaded.and_then(|loaded| loaded.plan);
    let plan = plan.ok_or("nothing is sent: the routing file has errors")?;
    let Some(source) = plan.sources.get(arguments.source.as_str()) else {
        let mut names: Vec<_> = plan.sources.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        let file = arguments.routing.routes.display();
        return Err(format!(
            "{file} has no source {:?}; it has: {}",
            arguments.source,
            names.join(", ")
        ));
    };
    if plan.secrets_missing.contains(&source.name) {
        return Err(format!(
            "a secret of source {:?} cannot be read here: see to the variables and files that its `secrets` names",
            &*source.name
        ));
    }
    if matches!(source.proof, Proof::Token { .. } | Proof::None) {
        return Ok(Signed::default());
    }
    let now = clock::now();
    let id = format!("msg_{}", now.uuid().simple());
    let draft = Draft { body, id: &id, now };
    verify::sign(source, draft).ok_or_else(|| {
        format!(
            "only the provider of source {:?} holds the key that it signs with: nothing can be sent in its name",
            &*source.name
        )
    })
}
