//! One case: its request put together, judged as `explain` judges it, and held against what was expected.

use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::compare;
use super::stand_in;
use crate::cli::explain::captured::{self, Captured};
use crate::cli::explain::decision::{self, Decision, Question, Told};
use crate::cli::explain::query::fill_rings;
use crate::cli::explain::secrets_missing;
use crate::cli::explain::webhook::{self, Explanation, Ground};
use crate::clock::Timestamp;
use crate::config::Plan;
use crate::config::cases::{Asks, Caller, Case, Webhook};
use crate::verify::diagnosis::Candidate;
use crate::verify::{Proof, Source};

/// What a scheme signs that has an id, where the case gives none.
const ID: &str = "msg_test";

pub(super) struct Judge<'a> {
    pub(super) plan: Plan,
    pub(super) secrets: Vec<Candidate>,
    /// Where the files of cases lie.
    pub(super) folder: &'a Path,
    /// Keys of issuers that have only an address.
    pub(super) keys: Option<&'a Path>,
    /// For cases that say no time.
    pub(super) now: Timestamp,
}

/// What came of a case.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) ok: bool,
    pub(super) expected: String,
    /// What is not as expected, a line each.
    pub(super) differences: Vec<String>,
    pub(super) found: Found,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Found {
    Webhook(Explanation),
    Query(Decision),
    /// The case could not be run.
    Nothing {
        error: String,
    },
}

impl Judge<'_> {
    pub(super) fn run(&mut self, case: &Case) -> Outcome {
        let found = match &case.asks {
            Asks::Webhook(webhook) => self.webhook(case, webhook).map(Found::Webhook),
            Asks::Query(query) => self.query(case, query).map(Found::Query),
        };
        let found = found.unwrap_or_else(|error| Found::Nothing { error });
        let differences = compare::differences(&case.expect, &found);
        Outcome {
            name: case.name.clone(),
            line: case.line,
            ok: differences.is_empty(),
            expected: compare::wanted(&case.expect),
            differences,
            found,
        }
    }

    fn query(&self, case: &Case, query: &str) -> Result<Decision, String> {
        let question = Question::parse(query, self.body(case)?)?;
        let told = case.caller.clone().unwrap_or_default();
        let Caller {
            issuer,
            subject,
            roles,
            claims,
        } = told;
        let caller = decision::Caller::Told(Told {
            issuer,
            subject,
            roles,
            claims,
        });
        Ok(decision::decide(
            &self.plan,
            &question,
            &caller,
            case.at.unwrap_or(self.now),
        ))
    }

    fn webhook(&mut self, case: &Case, webhook: &Webhook) -> Result<Explanation, String> {
        let now = case.at.unwrap_or(self.now);
        let mut captured = self.captured(case, webhook)?;
        let name = webhook.source.as_str();
        let Some(source) = self.plan.sources.get(name) else {
            return Err(format!("the routing file has no source `{name}`"));
        };
        if webhook.sign {
            sign(source, &mut captured, now)?;
        }
        let Some(caller) = &case.caller else {
            if let Some(trust) = source.trust() {
                fill_rings(trust.issuers, self.keys)?;
            }
            let ground = Ground {
                plan: &self.plan,
                secrets: &self.secrets,
                now,
            };
            if !webhook.sign
                && let Some(missing) = secrets_missing(ground, name)
            {
                return Err(format!("{missing}; or say `sign = true`"));
            }
            return Ok(webhook::explain(ground, name, &captured, None));
        };
        self.with_token(name, &mut captured, caller, now)
    }

    /// The source with a proof of our own in the place of its issuers', for this one case.
    fn with_token(
        &mut self,
        name: &str,
        captured: &mut Captured,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Explanation, String> {
        let taken = self.plan.sources.remove_entry(name);
        let Some((key, mut source)) = taken else {
            return Err(format!("the routing file has no source `{name}`"));
        };
        let Some(own) = Arc::get_mut(&mut source) else {
            return Err("the source is in use".to_owned());
        };
        let equipped = stand_in::token(own, caller, now);
        let (proof, bearer, roles) = match equipped {
            Ok(equipped) => equipped,
            Err(sentence) => {
                self.plan.sources.insert(key, source);
                return Err(sentence);
            }
        };
        let true_proof = std::mem::replace(&mut own.proof, proof);
        captured.headers.insert(http::header::AUTHORIZATION, bearer);
        self.plan.sources.insert(Arc::clone(&key), source);
        let ground = Ground {
            plan: &self.plan,
            secrets: &self.secrets,
            now,
        };
        let explanation = webhook::explain(ground, name, captured, Some(&roles));
        let source = self.plan.sources.get_mut(&key).and_then(Arc::get_mut);
        if let Some(source) = source {
            source.proof = true_proof;
        }
        Ok(explanation)
    }

    fn captured(&self, case: &Case, webhook: &Webhook) -> Result<Captured, String> {
        if let Some(name) = &webhook.request {
            let bytes = captured::read(&self.folder.join(name))?;
            return Captured::parse(&bytes).map_err(|why| format!("{name}: {why}"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &webhook.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header"))?;
            let value = HeaderValue::from_str(value).map_err(|_| format!("{name} has no text"))?;
            headers.append(name, value);
        }
        let url = webhook.url.as_deref().unwrap_or_default();
        Captured::new("POST", url, headers, self.body(case)?.unwrap_or_default())
    }

    fn body(&self, case: &Case) -> Result<Option<Vec<u8>>, String> {
        if let Some(name) = &case.body_file {
            return captured::read(&self.folder.join(name)).map(Some);
        }
        Ok(case.body.clone().map(String::into_bytes))
    }
}

/// As the provider would, in the place of the signature that was captured. What stands in for a secret that is not at
/// hand signs as well as it verifies.
fn sign(source: &Source, captured: &mut Captured, now: Timestamp) -> Result<(), String> {
    let Proof::Signature(scheme) = &source.proof else {
        return Err(format!(
            "`sign` is for signatures, and `{}` is not proven by one: say `claims` or `roles`",
            source.name
        ));
    };
    let given = scheme.id_of(&captured.headers).map(str::to_owned);
    let id = given.as_deref().unwrap_or(ID);
    for (name, value) in scheme.sign(&captured.body, id, now) {
        let pair = (name.parse::<HeaderName>(), HeaderValue::from_str(&value));
        let (Ok(name), Ok(value)) = pair else {
            return Err("the signature does not fit its header".to_owned());
        };
        captured.headers.insert(name, value);
    }
    Ok(())
}

impl Found {
    /// In one line.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Webhook(explanation) => explanation.found(),
            Self::Query(decision) => decision.verdict().to_owned(),
            Self::Nothing { error } => error.clone(),
        }
    }
}
