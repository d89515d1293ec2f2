//! `signalpost providers`: which providers there are, and how each of them signs, numbers and expects its webhooks.
//!
//! Everything is read from the catalogue that `serve` runs on, and the example of each is compiled like any other
//! file, so that nothing here can be said and not be so.

mod page;

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::{End, complain, print};
use crate::config::{self, Options, SecretPolicy};
use crate::duration;
use crate::verify::answers;
use crate::verify::handshake::{self, Handshake};
use crate::verify::providers::{self, Confidence, Preset, SchemeSpec, Words};
use crate::verify::spec::{Copies, Layout, Place, SignatureSpec, TimestampSpec};

/// Print the providers that a source can name, or everything about one of them.
///
/// With a name: what it signs and how, its event key and type, how long repeats are known, where its secret is found, and a
/// source to paste into the routing file.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// As `provider` spells it.
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Print for people, as a table of Markdown (the list alone), or for programs.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Md,
    Json,
}

/// One provider, as `-o json` prints it; the other forms are made of it.
#[derive(Debug, Serialize)]
struct Shown {
    name: &'static str,
    vendor: &'static str,
    /// What is signed, with `{body}`, `{timestamp}` and `{id}`.
    signed: &'static str,
    body_bound: bool,
    confidence: &'static str,
    source: &'static str,
    #[serde(flatten)]
    scheme: ShownScheme,
    event_key: Option<&'static str>,
    #[serde(skip)]
    digest_of: &'static str,
    event_type: Option<&'static str>,
    batch: Option<ShownBatch>,
    /// What the provider asks before it sends, and is answered.
    handshake: Option<&'static str>,
    /// The status of a request that is not proven.
    unproven: u16,
    /// The body of a yes; null: ours.
    accepted: Option<&'static str>,
    client_errors_are_final: bool,
    /// How long keys are kept where the source does not say.
    dedup: Option<String>,
    retry_horizon: Option<String>,
    settings: &'static [&'static str],
    setup: &'static str,
    example: String,
}

#[derive(Debug, Default, Serialize)]
struct ShownScheme {
    headers: Vec<String>,
    algorithm: &'static str,
    encoding: String,
    key: &'static str,
    /// Null: no time is signed.
    tolerance: Option<String>,
    /// Several signatures that may stand side by side.
    several: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownBatch {
    each: &'static str,
    event_key: Option<&'static str>,
    event_type: Option<&'static str>,
}

pub(super) fn run(arguments: &Arguments) -> End {
    let Some(name) = &arguments.name else {
        let all: Vec<Shown> = providers::ALL.into_iter().map(Shown::of).collect();
        print(&match arguments.output {
            Form::Text => page::list(&all),
            Form::Md => page::table(&all),
            Form::Json => json!({ "providers": all }).to_string(),
        });
        return End::Ok;
    };
    let Some(preset) = providers::find(name) else {
        complain(&format!(
            "there is no provider `{name}`: `signalpost providers` lists them"
        ));
        return End::Problem;
    };
    let shown = Shown::of(preset);
    print(&match arguments.output {
        Form::Text | Form::Md => page::one(&shown),
        Form::Json => json!(shown).to_string(),
    });
    End::Ok
}

impl Shown {
    fn of(preset: &'static Preset) -> Self {
        let (signed, scheme) = match &preset.scheme {
            SchemeSpec::Signature {
                signature,
                timestamp,
            } => (
                signature.signed,
                ShownScheme::of_data(signature, timestamp.as_ref()),
            ),
            SchemeSpec::Code { signs_time, .. } => (
                preset.words.signed,
                ShownScheme::of_words(preset.words, *signs_time),
            ),
        };
        let example = example(preset);
        let answers = answers::of(preset.name);
        let handshake = handshake::of(preset.name);
        Self {
            name: preset.name,
            vendor: preset.title,
            signed,
            body_bound: preset.binds_body,
            confidence: confidence(preset.confidence),
            source: preset.source,
            scheme,
            event_key: preset.key,
            digest_of: preset.digest_of,
            event_type: preset.kind,
            batch: preset.batch.map(|batch| ShownBatch {
                each: batch.each,
                event_key: batch.key,
                event_type: batch.kind,
            }),
            handshake: handshake.map(Handshake::words),
            unproven: answers.unproven,
            accepted: answers.accepted,
            client_errors_are_final: answers.client_errors_are_final,
            dedup: retention(&example, preset.name).map(duration::show),
            retry_horizon: preset.horizon.map(duration::show),
            settings: preset.settings,
            setup: preset.setup,
            example,
        }
    }
}

impl ShownScheme {
    fn of_data(spec: &SignatureSpec<'static>, timestamp: Option<&TimestampSpec<'static>>) -> Self {
        let stamp = timestamp.map(|timestamp| match timestamp.place {
            Place::Header(name) => name.to_owned(),
            Place::Tag(tag) => format!("`{tag}` in {}", spec.header),
        });
        let mut headers = vec![spec.header.to_owned()];
        headers.extend(spec.id_header.map(str::to_owned));
        headers.extend(stamp);
        headers.extend(spec.other.map(|other| {
            let all = [Some(other.header), other.id_header, other.timestamp];
            let names: Vec<_> = all.into_iter().flatten().collect();
            let when = match spec.copies {
                Copies::Either => "or",
                _ => "or, where none of these is there:",
            };
            format!("{when} {}", names.join(", "))
        }));
        headers.extend(
            spec.pinned
                .map(|(name, value)| format!("{name}, if there, is `{value}`")),
        );
        let prefix = match (spec.prefix, spec.bare) {
            ("", _) => String::new(),
            (prefix, false) => format!(" behind `{prefix}`"),
            (prefix, true) => format!(" behind an optional `{prefix}`"),
        };
        Self {
            headers,
            algorithm: spec.algorithm.title(),
            encoding: format!("{}{prefix}", spec.encoding.name()),
            key: spec.key_form.words(),
            tolerance: timestamp.map(|timestamp| tolerance(timestamp.tolerance)),
            several: several(spec),
        }
    }

    fn of_words(words: Words, signs_time: bool) -> Self {
        Self {
            headers: words.headers.iter().map(ToString::to_string).collect(),
            algorithm: words.algorithm,
            encoding: words.encoding.to_owned(),
            key: words.key,
            tolerance: signs_time.then(|| tolerance(words.tolerance)),
            several: None,
        }
    }
}

fn several(spec: &SignatureSpec<'_>) -> Option<String> {
    let list = match spec.layout {
        Layout::Single => None,
        Layout::Tagged {
            separator,
            assign,
            tag,
        } => Some(format!(
            "`{tag}{assign}…` entries, with `{separator}` between"
        )),
    };
    let copies = match spec.copies {
        Copies::One => None,
        Copies::Several => Some("copies of the header".to_owned()),
        Copies::Numbered => Some("numbered headers".to_owned()),
        Copies::Either => Some("one header or both".to_owned()),
    };
    let parts: Vec<_> = list.into_iter().chain(copies).collect();
    (!parts.is_empty()).then(|| format!("{}; any may match", parts.join(", ")))
}

fn tolerance(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("{} both ways", duration::show(limit)),
        None => "the vendor states none: as old as keys are kept, 5m ahead".to_owned(),
    }
}

const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Library => "vendor's library",
        Confidence::Code => "source code",
        Confidence::Documentation => "documentation",
        Confidence::ThirdParty => "third parties",
        Confidence::Unconfirmed => "unconfirmed",
    }
}

/// A source to paste.
fn example(preset: &Preset) -> String {
    let name = preset.name;
    let secrets = match preset.scheme {
        SchemeSpec::Signature { .. } => true,
        SchemeSpec::Code { secrets, .. } => secrets,
    };
    let variable = name.to_ascii_uppercase().replace('-', "_");
    let mut lines = vec![
        format!("[sources.{name}]"),
        format!("provider = \"{name}\""),
    ];
    // What a handshake brings is written to a file.
    let secret = match handshake::of(name) {
        Some(Handshake::Asana) => format!("file:/var/lib/signalpost/{name}-secret"),
        _ => format!("env:{variable}_SECRET"),
    };
    lines.extend(secrets.then(|| format!("secrets = [\"{secret}\"]")));
    lines.extend(preset.example.iter().map(ToString::to_string));
    lines.join("\n") + "\n"
}

/// How long keys are kept: the loader's own word. None where the example does not load.
fn retention(example: &str, name: &str) -> Option<Duration> {
    let options = Options {
        secrets: SecretPolicy::Warn,
        env: Arc::new(|_| None),
        public_url: Some("https://hooks.example.com".to_owned()),
        ..Options::new("default")
    };
    let plan = config::compile(example, "example.toml", &options).plan?;
    Some(plan.sources.get(name)?.dedup)
}
