//! What was read of a request, in sentences.

use crate::duration;
use crate::event::Event;
use crate::expr::Expr;
use crate::verify::examine::Signed;
use crate::verify::providers::Preset;
use crate::verify::{Proof, Source};

pub(super) fn of_source(source: &Source) -> String {
    let how = match &source.proof {
        Proof::Signature(_) => "proven by a signature".to_owned(),
        Proof::Scheme(_) => {
            let title = source.preset.map_or("its provider", |preset| preset.title);
            format!("proven by the scheme of {title}")
        }
        Proof::Token { issuers, keys } => {
            let names = issuers.iter().map(|issuer| &*issuer.name);
            let names: Vec<_> = names.chain(keys.as_ref().map(|_| "keys")).collect();
            format!("proven by a token of {}", names.join(" or "))
        }
        Proof::None => "which nothing proves".to_owned(),
    };
    format!("`{}`, {how}", source.name)
}

/// A scheme that is code, as `providers` describes it.
pub(super) fn of_words(preset: &Preset) -> String {
    let words = preset.words;
    let headers: Vec<_> = words.headers.iter().map(|it| (*it).to_owned()).collect();
    let parts = [
        (!headers.is_empty()).then(|| quoted(&headers)),
        (!words.algorithm.is_empty()).then(|| words.algorithm.to_owned()),
        (!words.signed.is_empty()).then(|| format!("over {}", words.signed)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

pub(super) fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

pub(super) fn of_signed(signed: &Signed) -> String {
    let lengths: Vec<_> = signed.lengths.iter().map(ToString::to_string).collect();
    let sum = match signed.lengths.as_slice() {
        [one] => format!("{one} bytes"),
        several => {
            let total: usize = several.iter().sum();
            format!("{} = {total} bytes", lengths.join(" + "))
        }
    };
    format!("`{}`: {sum}, SHA-256 {}", signed.template, signed.sha256)
}

pub(super) fn of_event(source: &Source, event: &Event) -> String {
    let from = |expr: &Option<Expr>| {
        let expr = expr.as_ref();
        expr.map_or(String::new(), |expr| format!(" (`{}`)", expr.source()))
    };
    let key = if event.key.digest {
        format!("key {} (a digest, for nothing names one)", event.key.text)
    } else {
        format!("key {}{}", event.key.text, from(&source.key))
    };
    let kind = if event.kind.is_empty() {
        format!("no type{}", from(&source.kind))
    } else {
        format!("type {}{}", event.kind, from(&source.kind))
    };
    let time = match &source.time {
        Some(expr) => format!(", its own time from `{}`", expr.source()),
        None => String::new(),
    };
    let kept = duration::show(event.key.retention);
    format!("{kind}, {key}, a repeat of which is known for {kept}{time}")
}
