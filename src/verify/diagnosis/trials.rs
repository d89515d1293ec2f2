//! One signature after the other, with one thing changed each time: how it is written, the secret, what is signed,
//! the time, the body.
//!
//! Ends at the first match, and at [`MAX_TRIALS`]. A scheme that signs more than body, id and time (an address, say)
//! adds its pieces to [`templates`].

use super::super::hmac::{self, Key};
use super::super::scheme::Scheme;
use super::super::spec::Algorithm;
use super::super::template::{Fields, Template};
use super::super::{Source, WebhookRequest};
use super::signatures::{self, Offered};
use super::{Advice, Candidate, Known, MAX_TRIALS, bodies, secrets};
use crate::secret::Secret;

/// Of the source itself.
const MAX_SECRETS: usize = 4;
const MAX_TIMES: usize = 4;

/// What may have been signed instead, by providers of all kinds.
const TEMPLATES: [&str; 7] = [
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}{body}",
    "{timestamp}:{body}",
    "{body}{timestamp}",
    "v0:{timestamp}:{body}",
    "{id}.{timestamp}.{body}",
];

struct Trials {
    offered: Vec<Offered>,
    left: usize,
}

impl Trials {
    /// The signature that this key gives over these pieces.
    fn matching(
        &mut self,
        key: &Secret,
        template: &Template,
        fields: Fields<'_>,
    ) -> Option<&Offered> {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Sha512] {
            let mut offered = self.offered.iter();
            if !offered.any(|offered| offered.algorithm == algorithm) {
                continue;
            }
            self.left = self.left.checked_sub(1)?;
            let ours = Key::prepare(algorithm, key.expose())?.compute(template.render(fields));
            let matches = |offered: &&Offered| hmac::equal(&ours, &offered.bytes);
            if let Some(found) = self.offered.iter().position(|it| matches(&it)) {
                return self.offered.get(found);
            }
        }
        None
    }
}

/// What a trial goes on with.
struct Ground<'a> {
    scheme: &'a Scheme,
    fields: Fields<'a>,
    /// The source's own secrets, those too that the scheme cannot take.
    own: Vec<&'a Candidate>,
    /// As the scheme takes them.
    keys: Vec<Secret>,
    others: Vec<&'a Candidate>,
    /// Texts that may be a time, with the header they stand in.
    times: Vec<(String, &'a str)>,
}

pub(super) fn run<'a>(
    source: &Source,
    scheme: &'a Scheme,
    request: &'a WebhookRequest,
    known: Known<'a>,
) -> Vec<Advice> {
    let offer = scheme.offer(request).ok();
    let header = &scheme.names_in(request).signature;
    let strict = scheme
        .signatures(header, request)
        .ok()
        .map(|(strict, _)| strict);
    let values = request.headers.get_all(header).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut trials = Trials {
        offered: signatures::offered(scheme, &strict.unwrap_or_default(), values),
        left: MAX_TRIALS,
    };
    if trials.offered.is_empty() {
        return Vec::new();
    }
    let (own, others): (Vec<_>, Vec<_>) = known
        .secrets
        .iter()
        .partition(|candidate| candidate.source == *source.name);
    let own: Vec<&Candidate> = own.into_iter().take(MAX_SECRETS).collect();
    let keys = own.iter();
    let keys = keys.filter_map(|it| hmac::key(scheme.key_form, &it.secret));
    let times = times(scheme, request);
    let ground = Ground {
        scheme,
        fields: offer.map_or_else(|| fields(scheme, request), |offer| offer.fields),
        keys: keys.collect(),
        own,
        others,
        times,
    };
    let steps = [
        as_it_is,
        other_forms,
        other_sources,
        other_signed,
        other_body,
    ];
    let found = steps
        .into_iter()
        .find_map(|step| step(&ground, &mut trials));
    found.unwrap_or_default()
}

/// Of a request that does not read as the scheme says: what can be had of it.
fn fields<'a>(scheme: &Scheme, request: &'a WebhookRequest) -> Fields<'a> {
    let text = |name: Option<&http::HeaderName>| {
        let value = name.and_then(|name| request.headers.get(name));
        value.and_then(|value| value.to_str().ok())
    };
    let names = scheme.names_in(request);
    let tagged = || {
        let value = text(Some(&names.signature))?;
        let mut parts = value.split([',', ' ', ';']);
        parts.find_map(|part| part.strip_prefix("t="))
    };
    Fields {
        body: &request.body,
        timestamp: text(names.timestamp.as_ref())
            .or_else(tagged)
            .unwrap_or_default(),
        id: text(names.id.as_ref()).unwrap_or_default(),
    }
}

/// Headers that hold a number of ten to thirteen digits, and a `t=` inside the signature's.
fn times<'a>(scheme: &Scheme, request: &'a WebhookRequest) -> Vec<(String, &'a str)> {
    let digits = |text: &str| {
        (10..=13).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut times = Vec::new();
    for (name, value) in &request.headers {
        let Ok(text) = value.to_str() else { continue };
        if digits(text) {
            times.push((name.to_string(), text));
        } else if *name == scheme.names_in(request).signature {
            let mut parts = text.split([',', ' ', ';']);
            let tagged = parts.find_map(|part| part.strip_prefix("t="));
            let tagged = tagged.filter(|text| digits(text));
            times.extend(tagged.map(|text| (name.to_string(), text)));
        }
    }
    times.truncate(MAX_TIMES);
    times
}

type Step = Option<Vec<Advice>>;

/// Everything is right but how the signature is written.
fn as_it_is(ground: &Ground<'_>, trials: &mut Trials) -> Step {
    ground.keys.iter().find_map(|key| {
        let found = trials.matching(key, &ground.scheme.signed, ground.fields)?;
        found.manner(ground.scheme).map(advice)
    })
}

fn advice((cause, text): (&'static str, String)) -> Vec<Advice> {
    vec![Advice::new(cause, text)]
}

/// An advice, and what is wrong with the signature's form beside it.
fn with_manner(found: &Offered, scheme: &Scheme, first: Advice) -> Vec<Advice> {
    let manner = found.manner(scheme).map(advice).unwrap_or_default();
    std::iter::once(first).chain(manner).collect()
}

fn other_forms(ground: &Ground<'_>, trials: &mut Trials) -> Step {
    ground.own.iter().find_map(|candidate| {
        let forms = secrets::forms(&candidate.secret, ground.scheme.key_form);
        forms.into_iter().find_map(|form| {
            let found = trials.matching(&form.key, &ground.scheme.signed, ground.fields)?;
            let reference = &candidate.reference;
            let text = format!("for {reference}, the signature matches {}", form.text);
            let advice = Advice::new(form.cause, text);
            Some(with_manner(found, ground.scheme, advice))
        })
    })
}

fn other_sources(ground: &Ground<'_>, trials: &mut Trials) -> Step {
    ground.others.iter().find_map(|candidate| {
        let whole = hmac::key(ground.scheme.key_form, &candidate.secret);
        let forms = secrets::forms(&candidate.secret, ground.scheme.key_form);
        let mut keys = whole.into_iter().chain(forms.into_iter().map(|form| form.key));
        keys.find_map(|key| {
            let found = trials.matching(&key, &ground.scheme.signed, ground.fields)?;
            let (source, reference) = (&candidate.source, &candidate.reference);
            let text = format!(
                "the signature matches {reference}, a secret of the source `{source}`: the provider was given the address of this one, or the secrets were swapped"
            );
            let advice = Advice::new("secret_of_another_source", text);
            Some(with_manner(found, ground.scheme, advice))
        })
    })
}

/// Other templates, and other places for the time.
fn other_signed(ground: &Ground<'_>, trials: &mut Trials) -> Step {
    let own = ground.scheme.names.timestamp.as_ref();
    for (template_text, template) in templates() {
        let texts: Vec<(Option<&str>, &str)> = if template.names_timestamp() {
            let elsewhere = ground.times.iter();
            let elsewhere = elsewhere.map(|(name, text)| (Some(name.as_str()), *text));
            let here = (None, ground.fields.timestamp);
            std::iter::once(here).chain(elsewhere).collect()
        } else {
            vec![(None, ground.fields.timestamp)]
        };
        for (name, timestamp) in texts {
            if template.names_timestamp() && timestamp.is_empty() {
                continue;
            }
            let fields = Fields {
                timestamp,
                ..ground.fields
            };
            for key in &ground.keys {
                let Some(found) = trials.matching(key, &template, fields) else {
                    continue;
                };
                let name = name.filter(|name| own.is_none_or(|own| own.as_str() != *name));
                let advice = signed_otherwise(ground.scheme, template_text, &template, name);
                return Some(with_manner(found, ground.scheme, advice));
            }
        }
    }
    None
}

fn templates() -> impl Iterator<Item = (&'static str, Template)> {
    let compiled = TEMPLATES.into_iter();
    compiled.filter_map(|text| Some((text, Template::compile(text).ok()?)))
}

fn signed_otherwise(
    scheme: &Scheme,
    text: &str,
    template: &Template,
    time_in: Option<&str>,
) -> Advice {
    let place = time_in.map_or(String::new(), |name| {
        format!(", the time being that of `{name}`")
    });
    if *template == scheme.signed {
        let text = format!(
            "the signature matches `{text}`{place}: say so in the source's `timestamp`, or have the header pass under its own name"
        );
        return Advice::new("timestamp_elsewhere", text);
    }
    Advice::new(
        "signed_otherwise",
        format!(
            "the signature matches `{text}`{place}, and the source says that something else is signed"
        ),
    )
}

fn other_body(ground: &Ground<'_>, trials: &mut Trials) -> Step {
    for form in bodies::forms(ground.fields.body) {
        let fields = Fields {
            body: &form.bytes,
            ..ground.fields
        };
        for key in &ground.keys {
            if let Some(found) = trials.matching(key, &ground.scheme.signed, fields) {
                let advice = Advice::new(form.cause, form.text);
                return Some(with_manner(found, ground.scheme, advice));
            }
        }
    }
    None
}
