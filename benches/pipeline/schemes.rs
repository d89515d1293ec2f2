//! The proof of every provider that can be signed for here, alone: no body is read, nothing stored. One thread.
//!
//! The HMAC ones stand beside the bare hash over the same body, with a key made anew for each, as a library's user would.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use signalpost::clock;
use signalpost::config::{self, Options};
use signalpost::verify::providers::{self, Preset, SchemeSpec};
use signalpost::verify::spec::Algorithm;
use signalpost::verify::verifier::Draft;
use signalpost::verify::{self, Source, WebhookRequest};

use super::figures::{median, median_ratio};
use super::{Effort, Failure, stripe};

/// Text, hex digits and base64 alike, so that it is a secret of every scheme.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(crate) fn run(effort: Effort) -> Result<(), Failure> {
    let body = stripe::body("evt_1", "42");
    println!("a body of {} bytes, for each proof:", body.len());
    let mut worst = 0.0_f64;
    for preset in providers::ALL {
        let Some((source, request)) = signed(preset, &body)? else {
            continue;
        };
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            ours.push(judging(&source, &request, effort.repeats)?);
            bare.extend(hashing(preset, body.as_bytes(), effort.repeats)?);
        }
        if bare.is_empty() {
            println!("{:<20} {:>6.2} us", preset.name, median(ours));
            continue;
        }
        let ratio = median_ratio(&ours, &bare);
        worst = worst.max(ratio);
        println!(
            "{:<20} {:>6.2} us {:>6.2} us bare: ratio {ratio:.2}",
            preset.name,
            median(ours),
            median(bare)
        );
    }
    println!("the highest ratio of those that are an HMAC: {worst:.2} (goal 1.30)");
    Ok(())
}

/// A source of this preset and a request as its provider would send it; none where only the provider can sign.
fn signed(preset: &Preset, body: &str) -> Result<Option<(Arc<Source>, WebhookRequest)>, Failure> {
    let name = preset.name;
    let mut text = format!("[sources.{name}]\nprovider = \"{name}\"\n");
    let own = preset
        .example
        .iter()
        .any(|line| line.starts_with("secrets"));
    let without = matches!(preset.scheme, SchemeSpec::Code { secrets: false, .. });
    if !own && !without {
        text.push_str("secrets = [\"env:SECRET\"]\n");
    }
    for line in preset.example {
        text.push_str(line);
        text.push('\n');
    }
    let options = Options {
        env: Arc::new(|_| Some(SECRET.to_owned())),
        ..Options::new("default")
    };
    let Some(plan) = config::compile(&text, "bench.toml", &options).plan else {
        return Ok(None);
    };
    let source = plan.sources.get(name).ok_or("the source is not there")?;
    let draft = Draft {
        body: body.as_bytes(),
        id: "msg_1",
        now: clock::now(),
    };
    let Some(signed) = verify::sign(source, draft) else {
        return Ok(None);
    };
    let mut headers = HeaderMap::new();
    for (name, value) in signed.headers {
        headers.append(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
    }
    let target: Uri = format!("/hooks/{name}?{}", signed.query.unwrap_or_default()).parse()?;
    let body = signed.body.unwrap_or_else(|| body.as_bytes().to_vec());
    let peer = "192.0.2.1".to_owned();
    let request = WebhookRequest::new(Method::POST, &target, headers, peer, Bytes::from(body));
    let holds = verify::judge(source, &request, clock::now()).is_ok();
    Ok(holds.then(|| (Arc::clone(source), request)))
}

/// Microseconds for each.
fn judging(source: &Source, request: &WebhookRequest, repeats: u32) -> Result<f64, Failure> {
    let now = clock::now();
    let start = Instant::now();
    for _ in 0..repeats {
        verify::judge(source, black_box(request), now)?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(repeats) * 1e6)
}

fn hashing(preset: &Preset, body: &[u8], repeats: u32) -> Result<Option<f64>, Failure> {
    let SchemeSpec::Signature { signature, .. } = preset.scheme else {
        return Ok(None);
    };
    let hash = match signature.algorithm {
        Algorithm::Sha1 => bare::<Hmac<Sha1>>,
        Algorithm::Sha256 => bare::<Hmac<Sha256>>,
        Algorithm::Sha512 => bare::<Hmac<Sha512>>,
        Algorithm::Ed25519 | Algorithm::EcdsaP256 | Algorithm::Rsa => return Ok(None),
    };
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(hash(black_box(body))?);
    }
    Ok(Some(
        start.elapsed().as_secs_f64() / f64::from(repeats) * 1e6,
    ))
}

fn bare<M: Mac + KeyInit>(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut mac = <M as KeyInit>::new_from_slice(SECRET.as_bytes())?;
    mac.update(body);
    Ok(mac.finalize().into_bytes().to_vec())
}
