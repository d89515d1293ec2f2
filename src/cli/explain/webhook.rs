//! The steps of a webhook's decision, as `server/webhooks` takes them: source, method, proof, event, routes.
//!
//! Each step is the serving code's own word: `verify::authenticate`, `Source::speaker`, `Routes::resolve`. What cannot
//! be known without the gateway (repeats, rates, limits) is not looked at.

use std::sync::Arc;

use serde::Serialize;

use super::captured::Captured;
use super::routes::considered;
use super::shown::{Later, ShownAdvice, ShownDelivery, ShownEvent};
use super::step::Step;
use super::wording::{of_event, of_signed, of_source, of_words, quoted};
use crate::clock::Timestamp;
use crate::config::Plan;
use crate::event::{Event, State};
use crate::routing;
use crate::server::error::Failure;
use crate::verify::answers::Answers;
use crate::verify::diagnosis::{self, Candidate, Known};
use crate::verify::examine;
use crate::verify::{self, Arrived, Proof, Refusal, Source, WebhookRequest};

/// What a request is judged by.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Ground<'a> {
    pub(in crate::cli) plan: &'a Plan,
    /// With what each is called in the file.
    pub(in crate::cli) secrets: &'a [Candidate],
    pub(in crate::cli) now: Timestamp,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct Explanation {
    pub(in crate::cli) verdict: Verdict,
    /// The label of logs and metrics; null where it is accepted.
    pub(in crate::cli) reason: Option<&'static str>,
    /// What the sender is answered instead of 200.
    pub(super) status: Option<u16>,
    pub(super) code: Option<&'static str>,
    pub(super) event: Option<ShownEvent>,
    pub(in crate::cli) deliveries: Vec<ShownDelivery>,
    pub(in crate::cli) steps: Vec<Step>,
    pub(in crate::cli) diagnosis: Vec<ShownAdvice>,
    /// Where only the request's age is at fault: what follows at its own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) would_follow: Option<Box<Later>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Verdict {
    Accepted,
    Refused,
    Unrouted,
}

/// `roles`: whose they are in place of what the sender's claims say.
pub(in crate::cli) fn explain(
    ground: Ground<'_>,
    source: &str,
    captured: &Captured,
    roles: Option<&[String]>,
) -> Explanation {
    let mut explanation = Explanation::new();
    for note in &captured.notes {
        explanation.steps.push(Step::aside("capture", note));
    }
    let result = explanation.walk(ground, source, captured, roles);
    let answers = ground.plan.sources.get(source).map(|it| it.answers);
    explanation.end(result, answers.unwrap_or(Answers::DEFAULT));
    explanation
}

/// Why it goes no further.
pub(super) type Refused = (&'static str, Failure);

impl Explanation {
    pub(super) const fn new() -> Self {
        Self {
            verdict: Verdict::Refused,
            reason: None,
            status: None,
            code: None,
            event: None,
            deliveries: Vec::new(),
            steps: Vec::new(),
            diagnosis: Vec::new(),
            would_follow: None,
        }
    }

    /// `answers`: a provider may want another status for what is not proven.
    pub(super) fn end(&mut self, result: Result<Verdict, Refused>, answers: Answers) {
        match result {
            Ok(verdict) => {
                self.verdict = verdict;
                self.steps.push(Step::aside(
                    "limits",
                    "not looked at here: whether it is a repeat, rates, sizes and addresses",
                ));
            }
            Err((reason, failure)) => {
                let problem = failure.problem();
                self.reason = Some(reason);
                self.status = Some(match failure {
                    Failure::NotProven => answers.unproven,
                    _ => problem.status.as_u16(),
                });
                self.code = Some(problem.code);
            }
        }
    }

    pub(super) fn well(&mut self, name: &'static str, text: impl Into<String>) {
        self.steps.push(Step::well(name, text));
    }

    pub(super) fn failed(&mut self, name: &'static str, text: impl Into<String>) {
        self.steps.push(Step::failed(name, text));
    }

    fn walk(
        &mut self,
        ground: Ground<'_>,
        name: &str,
        captured: &Captured,
        roles: Option<&[String]>,
    ) -> Result<Verdict, Refused> {
        let Some(source) = ground.plan.sources.get(name) else {
            self.failed("source", format!("the file has no source `{name}`"));
            return Err(("unknown_source", Failure::UnknownSource));
        };
        self.well("source", of_source(source));
        if captured.source().is_some_and(|in_path| in_path != name) {
            let text = format!("the path is {}, another source's", captured.path);
            self.steps.push(Step::aside("capture", text));
        }
        if !source.takes(&captured.method) {
            let text = format!("{} is not {}", captured.method, source.methods());
            self.failed("method", text);
            return Err(("method", Failure::WebhookMethod));
        }
        let request = captured.request();
        if let Some(reply) = verify::challenge(source, &request) {
            return self.shake(&reply);
        }
        match verify::receive(source, &request, ground.now) {
            Ok(Arrived::One(event)) => {
                self.proven(ground, source, &request, Some(&event));
                self.route(ground, source, &event, roles)
            }
            Ok(Arrived::Several(events)) => {
                self.proven(ground, source, &request, events.first());
                self.several(ground, source, &events, roles)
            }
            Ok(Arrived::Handshake(reply)) => {
                self.proven(ground, source, &request, None);
                self.shake(&reply)
            }
            Err(refusal) => {
                let called = format!("{}{}", captured.origin, captured.path);
                self.refuse(ground, source, (&request, &called), &refusal);
                if matches!(refusal, Refusal::Stale | Refusal::Future) {
                    self.would_follow = later(ground, source, &request, captured, roles);
                }
                Err((refusal.reason(), Failure::from(&refusal)))
            }
        }
    }

    /// What the proof read, and what of it held. `event`: where all of it did.
    fn proven(
        &mut self,
        ground: Ground<'_>,
        source: &Source,
        request: &WebhookRequest,
        event: Option<&Event>,
    ) {
        let Ok(reading) = examine::reading(source, request) else {
            return;
        };
        if !reading.headers.is_empty() {
            let signatures = reading.signed.as_ref().map(|it| it.signatures);
            let signatures = match signatures {
                Some(1) => ", 1 signature".to_owned(),
                Some(number) => format!(", {number} signatures"),
                None => String::new(),
            };
            self.well(
                "headers",
                format!("{}{signatures}", quoted(&reading.headers)),
            );
        }
        if let Some(signed) = &reading.signed {
            self.well("signed", of_signed(signed));
        }
        if let (Proof::Scheme(_), Some(preset)) = (&source.proof, source.preset) {
            self.well("scheme", of_words(preset));
        }
        let Some(event) = event else { return };
        match &source.proof {
            Proof::Scheme(_) if event.secret.is_none() => {
                self.well("proof", "holds by the provider's scheme");
            }
            Proof::Signature(_) | Proof::Scheme(_) => {
                let number = event.secret.unwrap_or_default();
                let named = ground.secrets.iter().filter(|it| it.source == *source.name);
                let reference = named.map(|it| it.reference.as_str()).nth(number);
                let reference = reference.unwrap_or("one of the source's secrets");
                self.well("signature", format!("matches {reference}"));
            }
            Proof::Token { .. } => {
                let at = ground.now.to_rfc3339();
                self.well("token", format!("good at {at}"));
            }
            Proof::None => self.steps.push(Step::aside("proof", "none is asked for")),
        }
        let time = reading.signed.and_then(|signed| signed.time);
        if let Some(time) = time {
            let at = time.at.to_rfc3339();
            self.well(
                "time",
                format!("{at}, fresh at {}", ground.now.to_rfc3339()),
            );
        }
    }

    fn refuse(
        &mut self,
        ground: Ground<'_>,
        source: &Source,
        (request, called): (&WebhookRequest, &str),
        refusal: &Refusal,
    ) {
        self.proven(ground, source, request, None);
        let step = match refusal {
            Refusal::MissingHeader(_) | Refusal::DuplicateHeader(_) | Refusal::Malformed(_) => {
                "headers"
            }
            Refusal::BadSignature
            | Refusal::Untrusted
            | Refusal::NoCertificate
            | Refusal::NotOurs(_) => "signature",
            Refusal::Stale | Refusal::Future => "time",
            Refusal::Token(_) => "token",
            Refusal::MissingField(_)
            | Refusal::MalformedField(_)
            | Refusal::NoItems(_)
            | Refusal::Unparsable
            | Refusal::Encoding => "body",
            Refusal::NoKey(_) | Refusal::NoTime(_) => "event",
        };
        self.failed(step, refusal.to_string());
        let sources: Vec<&Source> = ground.plan.sources.values().map(Arc::as_ref).collect();
        let known = Known {
            sources: &sources,
            secrets: ground.secrets,
            called,
        };
        let advice = diagnosis::diagnose(source, request, refusal, known, ground.now);
        self.diagnosis = advice.into_iter().map(ShownAdvice::from).collect();
    }

    /// From a proven event to its deliveries.
    pub(super) fn route(
        &mut self,
        ground: Ground<'_>,
        source: &Source,
        event: &Event,
        roles: Option<&[String]>,
    ) -> Result<Verdict, Refused> {
        self.resolve(ground, source, event, roles)?;
        self.routed(source)
    }

    /// What the routes make of it; none of them may.
    pub(super) fn resolve(
        &mut self,
        ground: Ground<'_>,
        source: &Source,
        event: &Event,
        roles: Option<&[String]>,
    ) -> Result<(), Refused> {
        let speaker = source.speaker(event);
        let who = speaker.as_ref().map(ToString::to_string);
        self.well("event", of_event(source, event));
        let own = speaker.map_or_else(Vec::new, |speaker| speaker.roles);
        let roles = roles.unwrap_or(&own);
        if let Some(who) = &who {
            let roles = match roles {
                [] => "no roles".to_owned(),
                roles => format!("roles {}", roles.join(", ")),
            };
            self.well("sender", format!("{who}, {roles}"));
        }
        self.event = Some(ShownEvent::of(event, who));
        let resolved = ground.plan.routes.resolve(event, roles);
        let deliveries = resolved.as_deref().unwrap_or_default();
        let steps = considered(&ground.plan.routes, event, roles, deliveries);
        self.steps.extend(steps);
        let deliveries = resolved.map_err(|refusal| {
            let step = match refusal {
                routing::Refusal::Forbidden => "roles",
                routing::Refusal::Invalid(_) => "schema",
            };
            self.failed(step, refusal.to_string());
            (refusal.reason(), Failure::from(&refusal))
        })?;
        self.deliveries = deliveries.iter().map(ShownDelivery::from).collect();
        Ok(())
    }

    /// Of a whole request: one delivery is enough.
    pub(super) fn routed(&mut self, source: &Source) -> Result<Verdict, Refused> {
        if !self.deliveries.is_empty() {
            return Ok(Verdict::Accepted);
        }
        if source.refuse_unrouted {
            self.failed("unrouted", "no route takes it, and the source says `unrouted = \"refuse\"` (the default of `jwt`)");
            return Err(("unrouted", Failure::UnroutedRefused));
        }
        self.steps.push(Step::aside(
            "unrouted",
            "no route takes it: it is kept, and counted",
        ));
        Ok(Verdict::Unrouted)
    }

    /// What came out, in the words of --expect.
    pub(in crate::cli) fn found(&self) -> String {
        match self.verdict {
            Verdict::Refused => format!("refused ({})", self.reason.unwrap_or_default()),
            Verdict::Unrouted => "unrouted".to_owned(),
            Verdict::Accepted => {
                let signals: Vec<_> = self.deliveries.iter().map(ShownDelivery::title).collect();
                signals.join(", ")
            }
        }
    }

    pub(super) fn meets(&self, expected: &str) -> bool {
        match expected {
            "refused" => self.verdict == Verdict::Refused,
            "unrouted" => self.verdict == Verdict::Unrouted,
            signal => self.deliveries.iter().any(|delivery| {
                let pending = delivery.state == State::Pending.as_str();
                pending && format!("{}/{}", delivery.workflow, delivery.signal) == signal
            }),
        }
    }

    pub(super) fn json(&self) -> String {
        // Text, numbers and JSON under constant names: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether a text can be an expectation at all.
pub(super) fn check_expected(text: &str) -> Result<(), String> {
    if matches!(text, "refused" | "unrouted") || text.contains('/') {
        return Ok(());
    }
    Err(format!(
        "--expect of a webhook is WORKFLOW/SIGNAL, refused or unrouted, not {text:?}"
    ))
}

/// The same request at its own time, once: where that does not help, its age is not the only fault.
fn later(
    ground: Ground<'_>,
    source: &Source,
    request: &WebhookRequest,
    captured: &Captured,
    roles: Option<&[String]>,
) -> Option<Box<Later>> {
    let now = examine::own_time(source, request)?;
    let ground = Ground { now, ..ground };
    verify::authenticate(source, request, now).ok()?;
    Some(Box::new(Later {
        at: now.to_rfc3339(),
        explanation: explain(ground, &source.name, captured, roles),
    }))
}
